"""The contract of an encoder; each module here is one wire protocol.

See docs/decisions/021-a-format-that-cannot-report-errors-breaks-off.md.
"""

from typing import ClassVar, Protocol

import msgspec

from ..models.chat import StreamingChunk

_json = msgspec.json.Encoder()

#: U+2028, U+2029 and U+0085 in UTF-8, and as JSON may also write them.
_LINE_ENDS = (
    (b"\xe2\x80\xa8", rb"\u2028"),
    (b"\xe2\x80\xa9", rb"\u2029"),
    (b"\xc2\x85", rb"\u0085"),
)


class Encoder(Protocol):
    """Turns the entries of one run's log into bytes; pure, and made anew for each response.

    `heartbeat` is what may be sent while nothing is said, None if nothing may be. With an encoder
    that `holds`, the status waits for the first bytes, so that a failure before them has its own;
    the first heartbeat is such bytes, too. Where a format `tells_failures` the error is in the
    stream; where it cannot, an unfinished answer ends in a broken connection instead of a clean
    end.
    `parting` is what sends a reader to another process that can follow the run, None if this
    protocol cannot resume. What a `shared` encoder makes of an entry is the same for every reader
    of the run.
    """

    media_type: ClassVar[str]
    holds: ClassVar[bool]
    parting: ClassVar[bytes | None]
    shared: ClassVar[bool]
    tells_failures: ClassVar[bool]

    @property
    def heartbeat(self) -> bytes | None: ...

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        """The bytes for one entry; empty for those that this protocol does not show."""


def encode_line(value: msgspec.Struct) -> bytes:
    """JSON without any character that a reader may take for a line end.

    JSON itself escapes the ASCII ones. Python's `splitlines`, by which httpx and the clients
    built on it read lines, also splits at three others, and would cut an answer there.
    """
    line = _json.encode(value)
    if not line.isascii():
        for raw, escaped in _LINE_ENDS:
            line = line.replace(raw, escaped)
    return line
