"""Stalled readers, over real sockets: they cost little, and only for a limited time."""

import asyncio
import gc
import json
import re
import socket
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.web.protocol import BoundedProtocol
from tests.command import Command
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.streaming.reader import CHAT


def stalled(
    port: int, path: str, body: dict[str, object] | None = None, receive_bytes: int = 4096
) -> socket.socket:
    """A client that sends a request, and then reads nothing; what follows a `#` it accepts."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(("127.0.0.1", port))
    sent = json.dumps(body).encode() if body else b""
    path, _, accepted = path.partition("#")
    line = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: localhost"
    head = f"{line}\r\nAccept: {accepted or '*/*'}\r\nContent-Length: {len(sent)}"
    client.sendall(head.encode() + b"\r\n\r\n" + sent)
    return client


def connections(port: int) -> int:
    """The number of open connections to a port of this host, according to the kernel."""
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = (row.split() for row in rows)
    closed = ("06", "07", "0A")  # TIME_WAIT, CLOSE, LISTEN
    # The kernel may list one twice while others come and go.
    return len({f[2] for f in fields if f[1].endswith(f":{port:04X}") and f[3] not in closed})


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's tables")


MESSAGES = [{"role": "user", "content": "x"}]
ASKED: dict[str, object] = {"model": "general", "stream": True, "messages": MESSAGES}

#: Requests for an answer as it comes, in each protocol.
DOORS: dict[str, tuple[str, dict[str, object]]] = {
    "sse": ("/api/v1/chat", {"message": "x"}),
    "ndjson": ("/api/v1/chat#application/x-ndjson", {"message": "x"}),
    "text": ("/chat", {"message": "x"}),
    "openai": ("/v1/chat/completions", ASKED),
    "responses": ("/v1/responses", {"model": "general", "stream": True, "input": "x"}),
    "ollama": ("/api/chat", ASKED),
    "generate": ("/api/generate", {"model": "general", "prompt": "x"}),
    "anthropic": ("/v1/messages", {**ASKED, "max_tokens": 9}),
    "ai_sdk": (
        "/ai/chat",
        {
            "id": "c1",
            "trigger": "submit-message",
            "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "x"}]}],
        },
    ),
    "agui": (
        "/agui",
        {
            "threadId": "t",
            "runId": "r",
            "state": {},
            "tools": [],
            "context": [],
            "messages": [{"id": "m", **MESSAGES[0]}],
            "forwardedProps": {},
        },
    ),
}


@linux
def test_stalled_reader_is_disconnected(serve: Serve, provider: Provider) -> None:
    """On every door the connection of a stalled reader is closed soon after the write timeout, even
    if the reader never closes its end."""
    provider.default = Reply(["x" * 1000] * 4000)
    server = serve(write_timeout=1)
    doors = {**DOORS, "whole": ("/api/v1/chat", {"message": "x", "stream": False})}
    before = connections(server.port)
    with ExitStack() as stack:
        for path, body in doors.values():
            stack.enter_context(stalled(server.port, path, body))
        assert connections(server.port) == before + len(doors)
        deadline = time.monotonic() + 60
        while connections(server.port) > before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert before == connections(server.port)
    assert 200 == httpx.get(f"{server.url}/healthz").status_code


def unsent(port: int) -> dict[int, int]:
    """How many bytes wait in the memory of this process for each client of one of its servers, by
    the client's port."""
    return {
        found.transport.get_extra_info("peername")[1]: found.transport.get_write_buffer_size()
        for found in gc.get_objects()
        if isinstance(found, BoundedProtocol)
        and not found.transport.is_closing()
        and found.transport.get_extra_info("sockname")[1] == port
    }


def some(client: socket.socket, size: int) -> bytes:
    """What a server sends first."""
    client.settimeout(30)
    return b"".join(client.recv(65536, socket.MSG_WAITALL) for _ in range(size >> 16))


def rest(client: socket.socket) -> bytes:
    """What a server sends until it ends its response, whose connection stays open."""
    client.settimeout(30)
    received = bytearray()
    while not received.endswith(b"\r\n0\r\n\r\n"):
        data = client.recv(1 << 20)
        assert data, received[-1000:]
        received += data
    return bytes(received)


@linux
def test_a_reader_that_is_behind_has_little_memory(serve: Serve, provider: Provider) -> None:
    """On every door, and for one who joins a run or resumes it, little waits in memory for a client
    that reads nothing; others go on, and it still gets everything when it reads."""
    tokens = 90  # behind more than that an answer waits for its readers
    provider.default = Reply([f"{n:04}." + "x" * 11_000 for n in range(tokens)], rate=60)
    server = serve(write_timeout=300)
    server.buffer_little()
    runs = f"{server.url}/api/v1/runs"
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(stalled(server.port, path, body, 65536))
            for name, (path, body) in DOORS.items()
        }
        deadline = time.monotonic() + 60
        while not (active := httpx.get(runs).json()["runs"]) and time.monotonic() < deadline:
            time.sleep(0.02)
        run_id = active[0]["run_id"]
        for name in ("events", "events?after=1", "stream?offset=-1&live=sse"):
            path = f"/api/v1/runs/{run_id}/{name}"
            clients[name] = stack.enter_context(stalled(server.port, path, None, 65536))
        while httpx.get(runs).json()["runs"] and time.monotonic() < deadline:
            time.sleep(0.1)
        begun = {name: some(client, 4 << 16) for name, client in clients.items()}
        time.sleep(0.5)  # the server goes on, as far as the clients have gone
        waiting = unsent(server.port)
        found = {name: waiting[client.getsockname()[1]] for name, client in clients.items()}
        del found["responses"]  # its last events repeat the whole text
        assert max(found.values()) < 100_000, found
        provider.default = Reply(numbered(20))
        other = httpx.post(f"{server.url}/chat", json={"message": "x"}, timeout=20)
        assert other.text == "".join(numbered(20))
        for name, client in clients.items():
            body = begun[name] + rest(client)
            assert b"200 OK" in body[:100], (name, body[:1000])
            seen = {int(number) for number in re.findall(rb"(\d{4})\.x", body)}
            assert set(range(2, tokens)) - seen == set(), name


@linux
@pytest.mark.parametrize("model", ["openai:m", "ollama:m"])
def test_fast_answer_runs_ahead_of_its_readers(
    serve: Serve, provider: Provider, model: str
) -> None:
    """Of an answer that nobody takes the provider sends no more than a model speaks in that time;
    it goes on so when its reader is gone, and as soon as somebody takes it, it comes as fast as it
    can, and whole."""
    words = numbered(60_000)
    provider.default = Reply(words)
    server = serve(model=model, ollama_host=provider.origin, write_timeout=300)
    with httpx.Client(base_url=server.url, timeout=60) as http, ExitStack() as stack:
        body: dict[str, object] = {"message": "x", "on_disconnect": "continue"}
        client = stack.enter_context(stalled(server.port, CHAT, body))
        seen = 0
        run_id = ""
        for gone in (False, True):
            before = seen
            deadline = time.monotonic() + 60
            while seen < before + 50 and time.monotonic() < deadline:
                for run in http.get("/api/v1/runs").json()["runs"]:
                    run_id = run["run_id"]
                    state = http.get(f"/api/v1/runs/{run_id}").json()
                    seen = len(state["content"].split())
                time.sleep(0.5)
            assert before + 50 <= seen < len(words) / 2
            if not gone:
                client.close()
        taken = "".join(
            json.loads(line[6:])["content"]
            for line in http.get(f"/api/v1/runs/{run_id}/events").text.splitlines()
            if line.startswith("data: {")
        )
    assert "".join(words) == taken


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
