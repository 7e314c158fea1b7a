"""What a page has answered on the calls of a message: stored with the run that goes on with it, so
that the whole message can be shown again."""

from typing import Any

import msgspec

from ....core.log.journal import RunRecord

#: Bytes of the answers that are stored with a run; the results in larger ones are left out.
STORED_BYTES = 1 << 18

LEFT_OUT = "The result is too large to be shown again."


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer on one call: whether it may run, its `output` as JSON, or its error."""

    call_id: str
    approved: bool | None = None
    output: Any = None
    error: str | None = None


class Request(msgspec.Struct, frozen=True, omit_defaults=True, tag="ai_sdk"):
    """What the door stores with a run: the run that the message `follows`, the `answers` on that
    one's calls."""

    follows: str | None = None
    answers: list[Answer] = []


def stored(follows: str | None, answers: list[Answer]) -> str | None:
    """Return what is stored with a run; None if it begins a message."""
    if follows is None:
        return None
    body = msgspec.json.encode(Request(follows, answers))
    if len(body) > STORED_BYTES:
        short = [msgspec.structs.replace(answer, output=LEFT_OUT) for answer in answers]
        body = msgspec.json.encode(Request(follows, short))
    return body.decode()


def request_of(record: RunRecord) -> Request:
    """Return what is stored with a run; empty for a run of another door."""
    if record.request is not None:
        try:
            return msgspec.json.decode(record.request, type=Request)
        except msgspec.MsgspecError:
            pass  # that of another door
    return Request()
