"""The `Content-Encoding` of request bodies (RFC 9110, 8.4): gzip and zstd, within a bound."""

import sys
import zlib
from collections.abc import Generator
from typing import Protocol

from ..core.errors import BadRequest, TooLarge, UnsupportedEncoding

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

#: Encodings of a body on top of each other; nobody needs more.
MAX_ENCODINGS = 2

#: Members (gzip) or frames (zstd) of a body: each needs a decompressor, and a member without
#: content has twenty bytes.
MAX_MEMBERS = 64

#: Bytes that a decompressor gets, and makes, in one step: less than a millisecond.
PIECE = 128 << 10

#: The names of the encodings, and of their older spellings.
NAMES = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}

#: The value of `Accept-Encoding` in a refusal, which names what clients may send (RFC 9110,
#: 15.5.16).
ACCEPTED = "gzip, zstd"


class Decompressor(Protocol):
    """Decompresses one member (gzip) or frame (zstd); `hungry` means that it has used its input."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def hungry(self) -> bool: ...

    def feed(self, data: bytes | memoryview, limit: int) -> bytes:
        """Return at most `limit` bytes; `data` is empty unless it is hungry."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail

    def feed(self, data: bytes | memoryview, limit: int) -> bytes:
        return self._inner.decompress(data or self._inner.unconsumed_tail, limit)


class _Zstd:
    def __init__(self) -> None:
        self._inner = ZstdDecompressor()

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def hungry(self) -> bool:
        return self._inner.needs_input

    def feed(self, data: bytes | memoryview, limit: int) -> bytes:
        return self._inner.decompress(data, limit)


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


def decoding(body: bytearray, encodings: list[str], bound: int) -> Generator[None, None, bytearray]:
    """Decode a body in steps of less than a millisecond; returns the bytes that were encoded.

    Raises `TooLarge` if they are more than `bound`, at each encoding, and `BadRequest` if they are
    broken.
    """
    for encoding in reversed(encodings):
        body = yield from _decompressing(body, encoding, bound)
    return body


def _decompressing(body: bytearray, encoding: str, bound: int) -> Generator[None, None, bytearray]:
    decoded = bytearray()
    at = 0
    for _ in range(MAX_MEMBERS):  # a body may have several members or frames, one after another
        decompressor = _Gzip() if encoding == "gzip" else _Zstd()
        while not decompressor.eof:
            hungry = decompressor.hungry
            piece = bytes(body[at : at + PIECE]) if hungry else b""
            at += len(piece)
            made = _feed(decompressor, piece, min(PIECE, bound + 1 - len(decoded)), encoding)
            decoded += made
            if len(decoded) > bound:
                raise TooLarge(
                    f"The request body is larger than {bound} bytes after {encoding}.",
                    max_body_bytes=bound,
                )
            if hungry and not piece and not made:
                raise BadRequest(f"The request body is {encoding} that was cut off.")
            yield
        at -= len(decompressor.unused_data)
        if at >= len(body):
            return decoded
    raise BadRequest(f"The request body is {encoding} in more than {MAX_MEMBERS} parts.")


def _feed(decompressor: Decompressor, piece: bytes, limit: int, encoding: str) -> bytes:
    try:
        return decompressor.feed(piece, limit)
    except (zlib.error, ZstdError, EOFError):
        raise BadRequest(f"The request body is broken {encoding}.") from None
