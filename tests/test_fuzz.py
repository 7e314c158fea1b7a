"""Bytes that no client sends, on every door: the server goes on serving, and its memory is flat.

For longer than a few seconds: `FUZZ_MINUTES=10 make test ARGS=tests/test_fuzz.py`.
"""

import json
import os
import random
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.api.test_guard import DOORS
from tests.command import Command
from tests.streaming.test_slow_readers import resident

SECONDS = 60 * float(os.environ.get("FUZZ_MINUTES", "0.1"))

#: Requests after which memory is as large as it gets, if it ever stops growing.
WARM_UP = 500

KEY = "fuzz-key-0123456789"

PATHS = [
    *(path for path, _, _ in DOORS),
    "/api/show",
    "/api/v1/runs/x/events?after=1",
    "/api/v1/runs/x/ticket",
    "/api/v1/conversations/x?limit=1",
    "/v1/models/x",
]
BODIES = [
    *(json.dumps({**body, "stream": False}).encode() for _, body, _ in DOORS),
    b'{"message": "x", "options": {"seed": 1}, "timeouts": {"idle": 5}, "background": true}',
    b'{"model": "general", "messages": [{"role": "user", "content": [{"type": "text"}]}]}',
    b'{"model": "general", "prompt": "x", "images": ["QUFBQQ=="], "format": "json"}',
]
PIECES = [
    b"\0", b"\xff", b"\xed\xa0\x80", b"\r\n", b"\r\n\r\n", b"{", b"[" * 2000, b'"', b"\\ud800",
    b"1e999", b"-1", b"null", b"true", b"NaN", b"9" * 400, b'{"a":' * 500, b"%00", b"../",
    b"\xe2\x80\xa8",
]  # fmt: skip


def spoiled(data: bytes, dice: random.Random, most: int = 4) -> bytes:
    """The bytes with some of them changed, left out, doubled, or with odd pieces between them."""
    found = bytearray(data)
    for _ in range(dice.randint(0, most)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(4):
            case 0:
                found[at : at + 1] = dice.randbytes(1)
            case 1:
                del found[at : at + dice.randint(1, 8)]
            case 2:
                found[at:at] = found[at : at + dice.randint(1, 40)]
            case _:
                found[at:at] = dice.choice(PIECES)
    return bytes(found)


def request(dice: random.Random) -> bytes:
    """A request that is wrong in its body, in its head, or altogether."""
    body = spoiled(dice.choice(BODIES), dice, most=6)
    length = len(body) if dice.random() < 0.9 else dice.choice([0, 1, len(body) + 1, 10**18, -1])
    head = (
        f"{dice.choice(['POST', 'POST', 'POST', 'GET', 'DELETE', 'HEAD', 'OPTIONS'])} "
        f"{dice.choice(PATHS)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {length}\r\nAccept: {dice.choice(['*/*', 'text/plain', 'a/b;q=x'])}\r\n"
        f"Last-Event-ID: x:1\r\nX-Conversation-Id: c\r\nIdempotency-Key: {dice.randrange(1000)}\r\n"
        f"Authorization: Bearer {KEY}\r\n\r\n"
    ).encode()
    if dice.random() < 0.3:
        head = spoiled(head, dice)
    if dice.random() < 0.02:
        return dice.randbytes(dice.randint(1, 2000))
    return head + body


def send(port: int, data: bytes, patience: float) -> bytes:
    """Send bytes, end our half of the connection, and read what comes; empty if nothing does."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(patience)
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        except OSError:
            pass  # it hung up, or waits for more of what it was promised
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.timeout(60 + 2 * SECONDS)
@pytest.mark.parametrize("settings", [{}, {"API_KEYS": f"me:{KEY}"}], ids=["open", "keys"])
def test_bytes_that_no_client_sends(tmp_path: Path, settings: dict[str, str]) -> None:
    """None of them is answered 500, none stops the server, and none is kept."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # to play it again
    dice = random.Random(seed)
    usual = {"BODY_TIMEOUT": "1", "RETENTION": "1", "JOURNAL_URL": "memory://"}
    with Command(tmp_path, **usual, **settings) as command:
        port = int(command.url.rpartition(":")[2])
        deadline = time.monotonic() + SECONDS
        count, memory = 0, 0
        while time.monotonic() < deadline or count <= WARM_UP:
            data = request(dice)
            status = send(port, data, 0.5).split(b" ", 2)[1:2]
            assert status != [b"500"], data
            count += 1
            if count == WARM_UP:
                memory = resident(command.process.pid)
        assert resident(command.process.pid) < memory + (64 << 20)
        me = {"Authorization": f"Bearer {KEY}"}
        for path, body, _ in DOORS:
            reply = httpx.post(command.url + path, json=body, headers=me, timeout=30)
            assert 200 == reply.status_code
        assert "Traceback" not in command.output
        assert 0 == command.stop()
