"""The contract of an encoder; each module here is one wire protocol."""

from typing import ClassVar, Protocol

from app.models.chat import StreamingChunk


class Encoder(Protocol):
    """Turns the entries of one run's log into bytes; pure, and made anew for each response.

    `heartbeat` is what may be sent while nothing is said, None if nothing may be. An encoder that
    `holds` has no way to tell an error in its own format: the status waits for the first text,
    and after that an unfinished answer ends in a broken connection instead of a clean end.
    """

    media_type: ClassVar[str]
    heartbeat: bytes | None
    holds: ClassVar[bool]

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        """The bytes for one entry; empty for those that this protocol does not show."""
