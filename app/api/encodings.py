"""The `Content-Encoding` of request bodies (RFC 9110, 8.4): gzip and zstd, within a bound."""

import sys
import zlib
from typing import Protocol

from ..core.errors import BadRequest, TooLarge, UnsupportedEncoding

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

#: Encodings of a body on top of each other; nobody needs more.
MAX_ENCODINGS = 2

#: Members (gzip) or frames (zstd) of a body: after each one the rest is copied, and a member
#: without content has twenty bytes.
MAX_MEMBERS = 64

#: The names of the encodings, and of their older spellings.
NAMES = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}

#: The value of `Accept-Encoding` in a refusal, which names what clients may send (RFC 9110,
#: 15.5.16).
ACCEPTED = "gzip, zstd"


class Decompressor(Protocol):
    """A decompressor of Python's, which decompresses one member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def encodings_of(header: str) -> list[str]:
    """Return the encodings of a body in the order in which they were applied; empty if it has none.

    Raises `UnsupportedEncoding`.
    """
    words = [word.strip().lower() for word in header.split(",")]
    named = [word for word in words if word not in ("", "identity")]
    if len(named) > MAX_ENCODINGS or any(word not in NAMES for word in named):
        raise UnsupportedEncoding(
            f"The Content-Encoding of the body is not read here. Send {ACCEPTED}, or no encoding."
        )
    return [NAMES[word] for word in named]


def decode(body: bytes, encodings: list[str], bound: int) -> bytes:
    """Return the bytes that were encoded; raises `TooLarge` if they are more than `bound`, at each
    step, and `BadRequest` if they are broken."""
    for encoding in reversed(encodings):
        body = _decompress(body, encoding, bound)
    return body


def _decompress(body: bytes, encoding: str, bound: int) -> bytes:
    decoded = bytearray()
    for _ in range(MAX_MEMBERS):  # a body may have several members or frames, one after another
        decompressor = _decompressor(encoding)
        try:
            decoded += decompressor.decompress(body, bound + 1 - len(decoded))
        except (zlib.error, ZstdError, EOFError):
            raise BadRequest(f"The request body is broken {encoding}.") from None
        if len(decoded) > bound:
            raise TooLarge(
                f"The request body is larger than {bound} bytes after {encoding}.",
                max_body_bytes=bound,
            )
        if not decompressor.eof:
            raise BadRequest(f"The request body is {encoding} that was cut off.")
        body = decompressor.unused_data
        if not body:
            return bytes(decoded)
    raise BadRequest(f"The request body is {encoding} in more than {MAX_MEMBERS} parts.")


def _decompressor(encoding: str) -> Decompressor:
    if encoding == "gzip":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    return ZstdDecompressor()
