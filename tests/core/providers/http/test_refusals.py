"""Refusals of a provider that are compressed: their words are read, and little memory is taken."""

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from app.core.providers.http.bounds import REFUSAL
from app.core.providers.http.direct.failures import response
from app.core.providers.http.exchange import Exchange, bound
from tests.upstream import Answer, ByteServer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WORDS = b'{"error": {"message": "busy"}}'


def raw_deflate(body: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


#: Ways to encode a body, by the header that names them.
ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-Gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a head": ("deflate", raw_deflate),
    "zstd": ("zstd", zstd.compress),
    "two": ("gzip, zstd", lambda body: zstd.compress(gzip.compress(body))),
    "twice": ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "with identity": ("identity, gzip", gzip.compress),
    "only by name": ("gzip", bytes),
    "only by name, zstd": ("zstd", bytes),
}


@cache
def bomb(name: str) -> bytes:
    """A refusal of 24 MiB before it was encoded."""
    return ENCODINGS[name][1](b" " * (24 << 20))


async def refused(client: Any, upstream: ByteServer, body: bytes, encoding: str) -> tuple[int, str]:
    """The length of what an SDK gets of a refusal, and the words that the server shows."""
    upstream.script(Answer(body, 503, headers={"Content-Encoding": encoding}))
    exchange = Exchange(streaming=True)
    with bound(exchange):
        got = await client.send(client.build_request("POST", "/v1/chat/completions"))
    assert exchange.outcome is not None
    assert exchange.outcome.error is not None
    return len(got.content), exchange.outcome.error.message


@pytest.mark.parametrize("name", ENCODINGS)
async def test_a_compressed_refusal_is_garbled(
    client: Any, upstream: ByteServer, name: str
) -> None:
    """The words of a compressed refusal are read, on both ways to a provider."""
    encoding, encode = ENCODINGS[name]
    body = encode(WORDS)
    assert (len(WORDS), "busy") == await refused(client, upstream, body, encoding)
    direct = response(503, [(b"content-encoding", encoding.encode())], body)
    assert WORDS == direct.content


@pytest.mark.parametrize("name", [name for name in ENCODINGS if "only" not in name])
async def test_a_compressed_refusal_fills_the_memory(
    client: Any, upstream: ByteServer, name: str
) -> None:
    """A refusal that is small but has 24 MiB is cut at the bound, before it is decoded further."""
    encoding, body = ENCODINGS[name][0], bomb(name)
    tracemalloc.start()
    try:
        length, _ = await refused(client, upstream, body, encoding)
        direct = response(503, [(b"content-encoding", encoding.encode())], body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length <= REFUSAL
    assert len(direct.content) <= REFUSAL
    assert most < 12 * REFUSAL


async def test_an_unknown_encoding_is_shown(client: Any, upstream: ByteServer) -> None:
    """Bytes that nobody can read are not taken for words."""
    assert "no words" in (await refused(client, upstream, b"\x0b\x02\x80", "br"))[1]
