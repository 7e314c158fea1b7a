"""What identifies a run: its id, its conversation, its principal."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The id, the conversation and the principal of a run.

    `fingerprint` identifies a request that may be sent again; empty for one that may not.
    """

    run_id: str
    conversation_id: str
    principal: str
    fingerprint: str = ""
    user: str | None = None


def new_id() -> str:
    """An id for a run or a conversation: random, and short enough for a header."""
    return uuid.uuid4().hex
