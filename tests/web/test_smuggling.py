"""Requests that two servers may read in two ways are refused, at once and with the connection."""

import re
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.command import SERVE, Command
from tests.web.attacks import exchange

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uvicorn has no httptools there")

BODY = b'{"message": 1}'
SIZE = len(BODY)
POST = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (SIZE, BODY)
CHUNKS = CHUNK + b"0\r\n\r\n"


def framed(fields: bytes, body: bytes = BODY) -> bytes:
    return POST + fields + b"\r\n\r\n" + body


#: What may hide a second request. After each of them a server that read it otherwise finds `GET`.
TWO_READINGS = {
    "a length and chunks": framed(b"Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKS),
    "chunks and a length": framed(b"Transfer-Encoding: chunked\r\nContent-Length: 5", CHUNKS),
    "two lengths": framed(b"Content-Length: %d\r\nContent-Length: 5" % SIZE),
    "one length twice": framed(b"Content-Length: %d\r\nContent-Length: %d" % (SIZE, SIZE)),
    "a list of lengths": framed(b"Content-Length: %d, %d" % (SIZE, SIZE)),
    "a length with a sign": framed(b"Content-Length: +%d" % SIZE),
    "a negative length": framed(b"Content-Length: -1"),
    "a length in hex": framed(b"Content-Length: 0x10"),
    "a length in Arabic digits": framed("Content-Length: ١٤".encode()),
    "an empty length": framed(b"Content-Length: "),
    "a length of 77 bits": framed(b"Content-Length: 99999999999999999999999"),
    "a space before a colon": framed(b"Content-Length : %d" % SIZE),
    "an unknown coding": framed(b"Transfer-Encoding: xchunked", CHUNKS),
    "no coding": framed(b"Transfer-Encoding: identity", CHUNKS),
    "a coding after chunked": framed(b"Transfer-Encoding: chunked, identity", CHUNKS),
    "a coding before chunked": framed(b"Transfer-Encoding: gzip, chunked", CHUNKS),
    "chunked twice": framed(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKS),
    "a vertical tab": framed(b"Transfer-Encoding: \x0bchunked", CHUNKS),
    "a folded field": framed(b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: %d" % SIZE),
    "a folded coding": framed(b"Transfer-Encoding:\r\n chunked", CHUNKS),
    "a bare LF in the head": framed(b"X: a\nContent-Length: %d" % SIZE),
    "a bare CR in the head": framed(b"X: a\rContent-Length: 5\r\nContent-Length: %d" % SIZE),
    "a NUL in the head": framed(b"X: a\0b\r\nContent-Length: %d" % SIZE),
    "chunks that end in LF": CHUNKED + CHUNKS.replace(b"\r\n", b"\n"),
    "an extension that ends in LF": CHUNKED + b"%x;a\n%b\r\n0\r\n\r\n" % (SIZE, BODY),
    "a chunk of 0x": CHUNKED + b"0x" + CHUNKS,
    "a negative chunk": CHUNKED + b"-" + CHUNKS,
    "a chunk of 68 bits": CHUNKED + b"f" * 17 + b"\r\n" + CHUNKS,
    "a chunk that is too long": CHUNKED + b"%x\r\n%b!\r\n0\r\n\r\n" % (SIZE, BODY),
    "a rest after the first chunk": CHUNKED + CHUNK + b"GET / HTTP/1.1\r\n\r\n",
}

#: Who asks, and of whom, in two ways.
TWO_HOSTS = {
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "one host twice": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "a user": b"GET /healthz HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
    "a path": b"GET /healthz HTTP/1.1\r\nHost: localhost/evil\r\n\r\n",
    "a space": b"GET /healthz HTTP/1.1\r\nHost: localhost evil\r\n\r\n",
    "another host in the address": b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another port in the address": b"GET http://localhost:1/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(30),
    "a NUL in the address": b"GET /healthz\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no path": b"GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

#: What is unusual and has one reading: the status of the first request.
ONE_READING = {
    "chunks": (CHUNKED + CHUNKS, 422),
    "a tab before the coding": (framed(b"Transfer-Encoding:\tchunked", CHUNKS), 422),
    "the coding in capitals": (framed(b"TRANSFER-ENCODING: CHUNKED", CHUNKS), 422),
    "an extension of a chunk": (CHUNKED + b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (SIZE, BODY), 422),
    "a body that looks like a request": (
        framed(b"Content-Length: %d" % len(GET), GET),
        400,
    ),
    "the same host in the address": (
        b"GET http://LOCALHOST/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        200,
    ),
    "an IPv6 address": (b"GET /healthz HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", 200),
    "an underscore": (b"GET /healthz HTTP/1.1\r\nHost: my_server:8000\r\n\r\n", 200),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Command(tmp_path_factory.mktemp("server"), SERVE) as running:
        httpx.get(f"{running.url}/healthz")
        yield running.url


def statuses(reply: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", reply)]


@pytest.mark.parametrize("name", [*TWO_READINGS, *TWO_HOSTS])
def test_what_has_two_readings_is_refused(url: str, name: str) -> None:
    """The request is 400 before its time is over, and nothing behind it is answered."""
    reply = exchange(url, {**TWO_READINGS, **TWO_HOSTS}[name] + GET, seconds=10)
    assert [400] == statuses(reply), reply[:300]
    assert b'"code":"bad_request"' in reply
    assert b"connection: close" in reply.lower()


@pytest.mark.parametrize("name", ONE_READING)
def test_what_has_one_reading_is_answered(url: str, name: str) -> None:
    """The request is answered, and so is the one behind it: exactly two responses."""
    request, status = ONE_READING[name]
    assert [status, 200] == statuses(exchange(url, request + GET, seconds=10))
