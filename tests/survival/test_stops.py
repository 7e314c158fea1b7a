"""A server ends when it is told to, and when nobody is left to tell it."""

import contextlib
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.settings import Settings
from app.shares import share_of_worker
from tests.command import SERVE, Command
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.web.attacks import connect, receive

STREAMS = 50
GRACE = 2


@pytest.mark.parametrize(("workers", "reading"), [(1, True), (1, False), (2, True)])
def test_sigterm_with_many_streams(
    tmp_path: Path, provider: Provider, workers: int, reading: bool
) -> None:
    """With fifty streams open the server ends soon after its grace, whether their clients read or
    not, and whether it has workers; each that is read has its end there: its reader is not sent to
    a worker that ends, too."""
    provider.default = Reply(("word " * 200,) * 2000, rate=2000, stall_after=1999)
    settings = {
        "MODEL": "openai:test-model",
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-of-the-suite-0123456789",
        "SHUTDOWN_GRACE": str(GRACE),
    }
    if reading:
        provider.default = Reply("one two", stall_after=1)
    with contextlib.ExitStack() as stack:
        flags = ("--workers", str(workers)) if workers > 1 else ()
        command = stack.enter_context(Command(tmp_path, (*SERVE, *flags), **settings))
        command.wait_for("Application startup complete.", workers)
        streams = [stack.enter_context(ask(command.url)) for _ in range(STREAMS)]
        for _ in range(600):
            if len(httpx.get(f"{command.url}/api/v1/runs", timeout=30).json()["runs"]) == STREAMS:
                break
            time.sleep(0.1)
        with ThreadPoolExecutor(STREAMS) as pool:
            texts = [pool.submit(receive, stream, 60) for stream in streams if reading]
            began = time.monotonic()
            assert 0 == command.stop(within=60)
            took = time.monotonic() - began
        print(f"stopped within {took:.2f} s")
    assert took < GRACE + 10  # generous: 1 s on a machine that does nothing else
    assert all(b"interrupted" in text.result() for text in texts)


def ask(url: str) -> socket.socket:
    """Send a question, of whose answer the system takes little before somebody reads."""
    body = b'{"message": "x", "on_disconnect": "continue"}'
    client = connect(url, receive_bytes=4096)
    client.sendall(
        b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    return client


@pytest.mark.skipif(sys.platform != "linux", reason="Windows ends children otherwise")
def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    """If the supervisor is killed, its workers end, and their port is free again."""
    with Command(tmp_path, (*SERVE, "--workers", "2")) as command:
        command.wait_for("Application startup complete.", 2)
        os.kill(command.process.pid, signal.SIGKILL)
        port = urlsplit(command.url).port
        assert port is not None
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "has died; the worker ends" in command.output


def test_workers_share_the_limits_of_a_host() -> None:
    """Each of several workers has its part of the limits that it applies by itself, at least one;
    what is not limited stays so."""
    settings = Settings(workers=4, max_concurrent_runs=10, run_queue=3, hub_bytes=400)
    share = share_of_worker(settings)
    assert (3, 1, 100) == (share.max_concurrent_runs, share.run_queue, share.hub_bytes)
    assert share.max_concurrent_runs_per_principal == (
        None
        if settings.max_concurrent_runs_per_principal is None
        else -(-settings.max_concurrent_runs_per_principal // 4)
    )
    assert settings.max_body_bytes == share.max_body_bytes
    alone = Settings(workers=1)
    assert alone == share_of_worker(alone)
