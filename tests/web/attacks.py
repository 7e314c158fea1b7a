"""Clients that mean harm, or know no better: bytes without end, slowly or at once."""

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

#: What the issue that led to the bounds sent.
FLOOD = 34 << 20


def connect(url: str, receive_bytes: int = 0) -> socket.socket:
    """Open a connection; the system buffers about so much of what is not read, if it is not 0."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(20)
    client.connect((parts.hostname, parts.port))
    return client


def receive(client: socket.socket, seconds: float = 20) -> bytes:
    """What a server sends until it closes the connection, or is silent for so long."""
    client.settimeout(seconds)
    received = bytearray()
    with contextlib.suppress(TimeoutError, ConnectionError):
        while data := client.recv(1 << 16):
            received += data
    return bytes(received)


def exchange(url: str, *pieces: bytes, seconds: float = 20) -> bytes:
    """Send the pieces and return what the server sends until it closes the connection."""
    with connect(url) as client:
        for piece in pieces:
            client.sendall(piece)
        return receive(client, seconds)


def flood(
    url: str, pieces: Iterator[bytes], *, seconds: float = 6, total: int = FLOOD
) -> tuple[int, bytes]:
    """Send as much as the server takes, and return the number of bytes that it took and what it
    sent. What it sends is read as well, so that it is not waiting for its reader."""
    sent, received = 0, bytearray()
    waiting = b""
    end = time.monotonic() + seconds
    with connect(url) as client:
        client.setblocking(False)
        with contextlib.suppress(ConnectionError):
            while sent < total and time.monotonic() < end:
                readable, writable, _ = select.select([client], [client], [], 0.1)
                if readable:
                    data = client.recv(1 << 20)
                    if not data:
                        break
                    received = (received + data)[-65536:]
                if writable:
                    waiting = waiting or next(pieces)
                    count = client.send(waiting)
                    waiting = waiting[count:]
                    sent += count
    return sent, bytes(received)


def repeated(text: bytes, size: int = 1 << 18) -> Iterator[bytes]:
    piece = text * (size // len(text))
    while True:
        yield piece


def memory(pid: int, *, reset: bool = False) -> int:
    """The largest amount of memory that a process has had, in bytes; with `reset`, that it has
    now, from which on the largest is counted."""
    if reset:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


class Visitor:
    """Someone else, who asks for `/healthz` all the while; `slowest` is in seconds."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self.slowest = 0.0
        self.answered = 0

    def close(self) -> None:
        self._client.close()

    def visit(self) -> None:
        began = time.monotonic()
        assert 200 == self._client.get("/healthz").status_code
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answered += 1
