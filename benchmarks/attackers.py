"""Clients that mean harm: `python -m benchmarks.attackers NAME PORT SECONDS` is one of them.

Each goes on until its time is over, without a key, as fast as the server lets it.
"""

import contextlib
import gzip
import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.web.attacks import connect, flood, receive, repeated

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
ATTACKED_MODEL = "ollama:llama3.2"
BODY = 8 << 20  # bytes: as large as a body may be

Attack = Callable[[str, float], None]  # of the server's URL, and the time of its end


def post(body: bytes, path: str = "/api/v1/chat", fields: str = "") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def endless(first: bytes, text: bytes) -> Attack:
    """A flood of bytes in one request after another."""

    def attack(url: str, end: float) -> None:
        while (left := end - time.monotonic()) > 0:
            pieces: Iterator[bytes] = itertools.chain([first] if first else [], repeated(text))
            flood(url, pieces, seconds=left, total=1 << 40)

    return attack


def many(*requests: bytes, clients: int = 8) -> Attack:
    """Requests one after another, by some clients at a time, which read the responses."""

    def attack(url: str, end: float) -> None:
        def ask(own: Iterator[bytes]) -> None:
            while time.monotonic() < end:
                with contextlib.suppress(OSError), connect(url) as client:
                    client.sendall(next(own))
                    receive(client, 20)

        threads = [
            threading.Thread(target=ask, args=(itertools.cycle(requests),), daemon=True)
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))

    return attack


def long_header(url: str, end: float) -> None:
    """One field in pieces of 20 bytes, each of which a server may copy the whole field for."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError), connect(url) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(GET + b"X-Long: ")
            while time.monotonic() < end:
                client.sendall(b"a" * 20)


def slow_readers(url: str, end: float) -> None:
    """Fifty answers as fast as the model sends them, of which nobody reads a byte."""
    asked = {"message": "tokens=100000", "model": ATTACKED_MODEL, "on_disconnect": "continue"}
    body = json.dumps(asked).encode()
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(connect(url, receive_bytes=4096))
            client.sendall(post(body))
        time.sleep(max(0, end - time.monotonic()))


def connections(url: str, end: float) -> None:
    """New connections all the while, a thousand of them open, which send nothing."""
    opened: list[socket.socket] = []
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            opened.append(connect(url))
        if len(opened) > 1000:
            opened.pop(0).close()


LONG = json.dumps({"message": "x" * (BODY - 100)}).encode()
ZEROS = json.dumps({"message": "x", "history": [0] * 80_000}).encode()

#: Each by what it sends.
ATTACKS: dict[str, Attack] = {
    "pipelined requests": endless(b"", GET + b"\r\n"),
    "tiny fields": endless(GET, b"a:b\r\n"),
    "one long field": long_header,
    "huge bodies": many(post(LONG, "/api/v1/nowhere"), post(LONG.replace(b"message", b"massage"))),
    "compressed bodies": many(
        post(gzip.compress(b"[" * (BODY * 4)), fields="Content-Encoding: gzip\r\n"),
        post(gzip.compress(LONG[:-1] + b" " * BODY), fields="Content-Encoding: gzip\r\n"),
    ),
    "bodies of errors": many(post(ZEROS), post(ZEROS, "/v1/chat/completions")),
    "lists from far behind": many(
        get("/api/v1/conversations?limit=100&offset=9900"),
        get("/api/v1/conversations?q=%25_%25_%25_a_%25_%25"),
        get("/api/v1/conversations?limit=100&before=WyI5OTk5IiwieCJd"),
    ),
    "refused requests": many(get("/v1/nowhere"), post(b"{", "/api/chat"), b"x\r\n\r\n"),
    "readers that do not read": slow_readers,
    "connections": connections,
}

if __name__ == "__main__":
    name, port, seconds = sys.argv[1:]
    ATTACKS[name](f"http://127.0.0.1:{port}", time.monotonic() + float(seconds))
