"""The contract of an encoder, which turns the chunks of a run into the bytes of a protocol.

See docs/decisions/021-a-format-that-cannot-report-errors-breaks-off.md.
"""

from typing import ClassVar, Protocol

import msgspec

from ..models.chat import StreamingChunk

_json = msgspec.json.Encoder()

#: U+2028, U+2029 and U+0085 in UTF-8, and their escapes in JSON.
_LINE_ENDS = (
    (b"\xe2\x80\xa8", rb"\u2028"),
    (b"\xe2\x80\xa9", rb"\u2029"),
    (b"\xc2\x85", rb"\u0085"),
)


class Encoder(Protocol):
    """Turns the entries of one run's log into bytes, without I/O; each response has its own.

    - `heartbeat`: the bytes to send in silence, None if the format has none.
    - `defers_status`: the status is sent with the first bytes, a heartbeat included, so that a
      failure before them has a status of its own.
    - `has_error_frame`: an error is a part of the stream. Without it a failed answer ends in a
      broken connection, so that it does not look complete.
    - `reconnect_hint`: the bytes after which a reader reconnects, to another process that can
      follow the run; None if the protocol cannot resume.
    - `cacheable`: the bytes of an entry are the same for all readers of the run.
    """

    media_type: ClassVar[str]
    defers_status: ClassVar[bool]
    reconnect_hint: ClassVar[bytes | None]
    cacheable: ClassVar[bool]
    has_error_frame: ClassVar[bool]

    @property
    def heartbeat(self) -> bytes | None: ...

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        """The bytes of one entry; empty if the protocol does not show it."""


def encode_line(value: msgspec.Struct) -> bytes:
    """Encode as JSON without any character that a reader may take for a line end.

    JSON escapes the ASCII line ends. Python's `splitlines`, which httpx and the clients built on
    it use, also splits at three others.
    """
    line = _json.encode(value)
    if not line.isascii():
        for raw, escaped in _LINE_ENDS:
            line = line.replace(raw, escaped)
    return line
