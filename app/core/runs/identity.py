"""What identifies a run: its id, its conversation, its principal."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run is called, and whose it is. `fingerprint` is that of a request which may be sent
    again; empty for one that may not."""

    run_id: str
    conversation_id: str
    principal: str
    fingerprint: str = ""


def new_id() -> str:
    """An id for a run or a conversation: random, and short enough for a header."""
    return uuid.uuid4().hex
