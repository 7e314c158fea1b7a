"""Bodies of refusals, which may be compressed: a few KB of them can be hundreds of megabytes."""

import sys
import zlib

from .bounds import REFUSAL

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

#: Encodings on top of each other that are undone.
MOST = 2


def decoded(body: bytes, encodings: str) -> bytes:
    """The first `REFUSAL` bytes of a body, which has a `Content-Encoding`.

    A body that is not encoded as it says stays as it is. It is empty if nobody here knows the
    encoding.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    for name in reversed([name for name in names if name not in ("", "identity")][:MOST]):
        try:
            if name in ("gzip", "x-gzip", "deflate"):
                body = _inflated(body)
            elif name == "zstd":
                body = ZstdDecompressor().decompress(body, REFUSAL)
            else:
                return b""
        except (zlib.error, ZstdError):
            return body
    return body


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, REFUSAL)
    except zlib.error:  # some send deflate without its head
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, REFUSAL)
