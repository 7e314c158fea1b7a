"""What is stored of a request with its run, to show the run to later readers."""

from typing import Any

import msgspec

from ....core.log.journal import RunRecord


class Request(msgspec.Struct, kw_only=True, omit_defaults=True, tag="agui"):
    """The client's names of the thread and the run, and what its events depend on.

    `shown` are the calls that the paused run before this one has shown, `returned` those whose
    results the client has sent. `messages` are the client's, None if they are too large to store.
    A client that has not `declared` the version of its protocol is older than 1.0.
    """

    thread_id: str
    run_id: str
    parent_run_id: str | None = None
    declared: bool = True
    shown: list[str] = msgspec.field(default_factory=list)
    returned: list[str] = msgspec.field(default_factory=list)
    messages: list[dict[str, Any]] | None = None


def stored_request(record: RunRecord) -> Request:
    """Return what is stored of a run's request; a run of another door has its own names."""
    if record.request is not None:
        try:
            return msgspec.json.decode(record.request, type=Request)
        except msgspec.MsgspecError:
            pass  # that of another door, or of a release that stored it otherwise
    return Request(thread_id=record.conversation_id, run_id=record.run_id)
