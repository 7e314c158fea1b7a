"""Stalled readers, over real sockets: they cost little, and only for a limited time."""

import asyncio
import json
import socket
import statistics
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.command import Command
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered


def stalled(port: int, path: str, body: dict[str, object] | None = None) -> socket.socket:
    """A client that sends a request, and then reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    sent = json.dumps(body).encode() if body else b""
    line = f"{'POST' if body else 'GET'} {path} HTTP/1.1"
    head = f"{line}\r\nHost: localhost\r\nContent-Length: {len(sent)}"
    client.sendall(head.encode() + b"\r\n\r\n" + sent)
    return client


def connections(port: int) -> int:
    """The number of open connections to a port of this host, according to the kernel."""
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = (row.split() for row in rows)
    closed = ("06", "07", "0A")  # TIME_WAIT, CLOSE, LISTEN
    return sum(f[1].endswith(f":{port:04X}") and f[3] not in closed for f in fields)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's tables")


@linux
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/chat", {"message": "x"}),
        ("/api/v1/chat", {"message": "x", "stream": False}),
        ("/chat", {"message": "x"}),
        (
            "/v1/chat/completions",
            {"model": "general", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        ),
        ("/api/chat", {"model": "general", "messages": [{"role": "user", "content": "x"}]}),
    ],
    ids=["sse", "whole", "text", "openai", "ollama"],
)
def test_stalled_reader_is_disconnected(
    serve: Serve, provider: Provider, path: str, body: dict[str, object]
) -> None:
    """On every door the connection of a stalled reader is closed soon after the write timeout, even
    if the reader never closes its end."""
    provider.default = Reply(["x" * 1000] * 8000)
    server = serve(write_timeout=1)
    before = connections(server.port)
    with stalled(server.port, path, body):
        assert connections(server.port) > before
        deadline = time.monotonic() + 30
        while connections(server.port) > before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert before == connections(server.port)
    assert 200 == httpx.get(f"{server.url}/healthz").status_code


def resident(process: int) -> int:
    """The resident memory of a process, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


async def gaps(http: httpx.AsyncClient, tokens: int) -> list[float]:
    """Read one answer; returns the seconds between its parts."""
    found: list[float] = []
    last = 0.0
    async with http.stream("POST", "/chat", json={"message": f"tokens={tokens} rate=20"}) as reply:
        async for _ in reply.aiter_raw():
            now = time.monotonic()
            found.append(now - last)
            last = now
    return found[1:]


async def p99(http: httpx.AsyncClient, readers: int = 50, tokens: int = 60) -> float:
    """The 99th percentile of the delays between tokens, over all of them."""
    each = await asyncio.gather(*(gaps(http, tokens) for _ in range(readers)))
    return statistics.quantiles((gap for some in each for gap in some), n=100)[98]


@linux
async def test_stalled_reader_slows_no_other(tmp_path: Path, provider: Provider) -> None:
    """A stalled reader costs little memory, and does not delay other readers."""
    provider.default = Reply(numbered(10))
    settings = {"MODEL": "openai:m", "OPENAI_API_KEY": "sk-0", "OPENAI_BASE_URL": provider.url}
    with Command(tmp_path, **settings) as command:
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(base_url=command.url, timeout=60, limits=limits) as http:
            before, memory = await p99(http), resident(command.process.pid)
            provider.script(Reply(["x" * 1000] * 8000, rate=2000))
            port = int(command.url.rpartition(":")[2])
            with stalled(port, "/api/v1/chat", {"message": "x", "on_disconnect": "continue"}):
                await provider.until(lambda: provider.opened > 50)
                beside = await p99(http)
                kept = resident(command.process.pid) - memory  # before Agno stores the answer
            provider.go_on()
    assert kept < 60 << 20
    assert beside < 5 * before + 0.2
