"""The contract of an encoder, which turns the chunks of a run into the bytes of a protocol.

See docs/decisions/021-a-format-that-cannot-report-errors-breaks-off.md.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

import msgspec

from ..models.chat import StreamingChunk
from .addresses import prefix, with_prefix

_json = msgspec.json.Encoder()

#: U+2028, U+2029 and U+0085 in UTF-8, and their escapes in JSON.
_LINE_ENDS = (
    (b"\xe2\x80\xa8", rb"\u2028"),
    (b"\xe2\x80\xa9", rb"\u2029"),
    (b"\xc2\x85", rb"\u0085"),
)


class Encoder(Protocol):
    """Turns the entries of one run's log into bytes, without I/O; each response has its own
    encoder.

    - `heartbeat`: the bytes to send while the run is silent, None if the format has none.
    - `defers_status`: the HTTP status is sent with the first bytes, a heartbeat included, so that a
      failure before the first bytes has a status of its own.
    - `has_error_frame`: the format can express an error within the stream. If it cannot, the
      connection is broken off after a failure, so that the answer does not look complete.
    - `reconnect_hint`: the bytes that make a reader reconnect, to another process that can follow
      the run; None if the protocol cannot resume a run.
    - `cacheable`: the bytes of an entry are the same for all readers of the run, and depend on no
      entry before it: readers share them, and `encode` is not called for each.
    """

    media_type: ClassVar[str]
    defers_status: ClassVar[bool]
    reconnect_hint: ClassVar[bytes | None]
    cacheable: ClassVar[bool]
    has_error_frame: ClassVar[bool]

    @property
    def heartbeat(self) -> bytes | None: ...

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        """Return the bytes of the entry with this number; empty if the protocol does not show the
        entry."""


def encode_line(value: msgspec.Struct) -> bytes:
    """Return a value as the bytes of one line of JSON, without a line end.

    JSON escapes the ASCII line ends. U+2028, U+2029 and U+0085 are escaped here, because Python's
    `splitlines`, which httpx and its clients use, takes them for line ends, too.
    """
    line = _json.encode(value)
    if not line.isascii():
        for raw, escaped in _LINE_ENDS:
            line = line.replace(raw, escaped)
    return line


def line_encoder() -> Callable[[msgspec.Struct], bytes]:
    """Return `encode_line` for the readers of the current request: the addresses of media have the
    prefix."""
    if not prefix.get():
        return encode_line
    return lambda value: with_prefix(encode_line(value))
