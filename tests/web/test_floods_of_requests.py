"""Floods of requests that each start, find or continue something: each is answered, and others are
answered meanwhile."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.command import SERVE, Command
from tests.web.attacks import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Growth of the server's memory that is left to it, in bytes, and requests of each flood.
ROOM, COUNT = 60 << 20, 60

Ask = Callable[[httpx.AsyncClient, int, dict[str, str]], Awaitable[httpx.Response]]
HELLO = {"message": "hi", "stream": False}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with Command(tmp_path_factory.mktemp("server"), SERVE) as running:
        yield running


def posting(path: str, body: Callable[[int], Any], **headers: str) -> Ask:
    """A request by POST; its path has the ids of a turn in braces."""

    def ask(
        http: httpx.AsyncClient, number: int, turn: dict[str, str]
    ) -> Awaitable[httpx.Response]:
        return http.post(path.format_map(turn), json=body(number), headers=headers)

    return ask


def message(number: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "x", "version": "1"},
}
RPC = {"Accept": "application/json, text/event-stream"}

#: Each flood, and the statuses that its requests may get. The first ones of MCP load its SDK.
FLOODS: dict[str, tuple[Ask, set[int]]] = {
    "MCP": (posting("/mcp", lambda n: message(n, "initialize", **INITIALIZE), **RPC), {200}),
    "MCP's batches": (posting("/mcp", lambda n: [message(n, "ping")] * 5000, **RPC), {400}),
    "decisions for a run that does not wait": (
        posting("/api/v1/runs/{run}/continue", lambda n: {"decisions": [{"id": f"{n}"}] * 500}),
        {409},
    ),
    "one Idempotency-Key": (
        posting("/api/v1/chat", lambda n: HELLO, **{"Idempotency-Key": "k1"}),
        {200},
    ),
    "one Idempotency-Key for other requests": (
        posting(
            "/api/v1/chat", lambda n: {**HELLO, "message": f"{n}"}, **{"Idempotency-Key": "k2"}
        ),
        {200, 422},
    ),
    "forks": (
        posting("/api/v1/conversations/{conversation}/fork", lambda n: {}),
        {201, 422},
    ),
    "edits": (
        posting("/api/v1/runs/{run}/edit", lambda n: {"message": "hi", "background": True}),
        {202, 409},
    ),
    "runs in the background": (
        posting("/api/v1/chat", lambda n: {"message": "hi", "background": True}),
        {202},
    ),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_requests_stops_others(command: Command, name: str) -> None:
    """Each request of a flood is answered as it should be, others are answered within seconds, and
    the server does not grow."""
    ask, statuses = FLOODS[name]
    limits = httpx.Limits(max_connections=60)
    async with httpx.AsyncClient(base_url=command.url, timeout=60, limits=limits) as http:
        asked = (await http.post("/api/v1/chat", json=HELLO)).json()
        turn = {"run": asked["run_id"], "conversation": asked["conversation_id"]}
        before = memory(command.process.pid, reset=True)
        flood = asyncio.gather(*(ask(http, number, turn) for number in range(COUNT)))
        slowest = 0.0
        async with httpx.AsyncClient(base_url=command.url, timeout=60) as visitor:
            while not flood.done():
                began = time.monotonic()
                assert 200 == (await visitor.get("/healthz")).status_code
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.02)
        seen = {response.status_code: response.text[:200] for response in await flood}
    assert seen.keys() <= statuses, seen
    assert slowest < 5
    assert memory(command.process.pid) - before < ROOM


PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * (1 << 16)

#: Names of files that a header must not take as they are.
NAMES = [
    'a"b.png',
    "..\\..\\x.png",
    "x\r\nX-Evil: 1",
    "\u202egnp.exe",
    "\0.png",
    "../../etc/passwd",
]

#: `Range` headers: empty, backwards, beyond the end, and so many parts that they are a flood.
RANGES = {
    "bytes=0-0": 1,
    "bytes=5-": len(PICTURE) - 5,
    "bytes=0-18446744073709551616": len(PICTURE),
    "bytes=9-2": 0,
    "bytes=,,,": 0,
    "bytes=99999999-": 0,
    "bytes=" + "9" * 15_000 + "-": 0,
    "bytes=" + ",".join(["0-"] * 2000): len(PICTURE),
    "bytes=" + ",".join(f"{start}-{start + 1}" for start in range(0, 8000, 4)): len(PICTURE),
}


def test_names_and_ranges_of_a_file_are_harmless(command: Command) -> None:
    """A file of any name is served under a name without line ends, quotes and folders, and no
    `Range` makes a response longer than the file, by much."""
    with httpx.Client(base_url=command.url, timeout=60) as http:
        path = ""
        for name in NAMES:
            sent = {"images": (name, PICTURE, "image/png")}
            fields = {"message": "hi", "stream": "false"}
            turn = http.post("/api/v1/chat", files=sent, data=fields).json()
            found = http.get(f"/api/v1/conversations/{turn['conversation_id']}").json()
            [item] = [item for part in found["messages"] for item in part.get("media", [])]
            path = f"/api/v1/runs/{turn['run_id']}/media/{item['id']}"
            response = http.get(path)
            assert PICTURE == response.content
            assert "x-evil" not in response.headers
            shown = response.headers["content-disposition"].split('"')
            assert 3 == len(shown), shown
            assert shown[1].isprintable()
            assert not set(shown[1]) & set("/\\"), shown
        for field, size in RANGES.items():
            response = http.get(path, headers={"Range": field})
            assert response.status_code in ((200, 206) if size else (400, 416)), field[:40]
            assert len(response.content) < size + 200, field[:40]
