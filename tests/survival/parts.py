"""The parts of the survival tests: servers that may be killed, and readers that resume."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import SERVE, Command
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.streaming.reader import CHAT, ended

#: Tokens a second that the provider plays.
RATE = 100

#: The settings that make servers share a fresh journal of each kind, beside a folder they share.
JOURNALS: dict[str, Callable[[pytest.FixtureRequest], dict[str, str]]] = {
    "sqlite": lambda request: {},
    "redis": lambda request: {"JOURNAL_URL": request.getfixturevalue("redis_server").empty()},
}


def paced(seconds: float, rate: float = RATE) -> Reply:
    """An answer "0 1 2 ..." that takes so long."""
    return Reply(numbered(round(seconds * rate)), rate=rate)


def counted(count: int) -> str:
    """The text of that answer after so many tokens."""
    return "".join(numbered(count))


@dataclass
class Tab:
    """What one reader has seen of a run, over all its connections.

    It reads as a browser's `EventSource` does, and notes each `retry:` and each clean end.
    """

    run_id: str = ""
    last_id: str = ""
    numbers: list[int] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def text(self) -> str:
        return "".join(chunk["content"] for chunk in self.chunks)

    @property
    def tokens(self) -> int:
        return sum(bool(chunk["content"]) for chunk in self.chunks)

    @property
    def done(self) -> bool:
        return bool(self.chunks) and bool(self.chunks[-1]["done"])

    @property
    def endings(self) -> list[str]:
        return [chunk["finish_reason"] for chunk in self.chunks if chunk["done"]]

    async def read(self, response: httpx.Response) -> None:
        """One connection, to its end."""
        assert 200 == response.status_code, (await response.aread()).decode()
        self.connections += 1
        self.run_id = response.headers["x-run-id"]
        event_id = data = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data":
                data = value
            elif name == "retry":
                self.hints.append(value)
            elif not line and data:
                self.last_id = event_id
                self.numbers.append(int(event_id.rpartition(":")[2]))
                self.chunks.append(json.loads(data))
                data = ""

    async def start(self, http: httpx.AsyncClient, message: str = "Count.", **fields: Any) -> None:
        """Start a run, and read it as long as this connection lasts."""
        async with http.stream("POST", CHAT, json={"message": message, **fields}) as response:
            await self.read(response)

    async def resume(self, http: httpx.AsyncClient, run_id: str = "") -> int:
        """Come back once, or join a run, and read as long as this connection lasts; the status."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        url = f"/api/v1/runs/{run_id or self.run_id}/events"
        async with http.stream("GET", url, headers=headers) as response:
            if response.status_code != 204:
                await self.read(response)
            return response.status_code

    async def until(self, tokens: int) -> None:
        """Wait until so many tokens are seen."""
        await until(lambda: self.tokens >= tokens or self.done)


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds; fail if it does not come to."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # nobody there to set an event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(
    folder: Path, provider: Provider, *flags: str, **settings: str
) -> AsyncIterator[Command]:
    """A server process in front of the provider, ready for work."""
    known = {"MODEL": "openai:m", "OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "sk-test"}
    command = Command(folder, (*SERVE, *flags), **known, **settings)
    try:
        await asyncio.to_thread(command.__enter__)
        workers = int(flags[flags.index("--workers") + 1]) if "--workers" in flags else 1
        await until(lambda: command.output.count("Application startup complete.") >= workers, 60)
        yield command
    finally:
        await asyncio.to_thread(command.kill)


@asynccontextmanager
async def client(command: Command) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=command.url, timeout=30) as http:
        yield http


async def metric(http: httpx.AsyncClient, name: str) -> float:
    """The sum of the samples of a metric over all of its labels."""
    lines = [line.rsplit(" ", 1) for line in (await http.get("/metrics")).text.splitlines()]
    wanted = f"agno_stream_{name}"
    return sum(float(value) for key, value in lines if key.split("{")[0] == wanted)


#: The status and the word of `/readyz`, what it says of the journal, and the metric of it.
Readiness = tuple[int, str, str, float]


async def readiness(http: httpx.AsyncClient) -> Readiness:
    reply = await http.get("/readyz")
    words = reply.json()["status"], reply.json()["checks"]["journal"]
    return reply.status_code, *words, await metric(http, "journal_failing")


DEGRADED = (200, "degraded", "cannot be written; runs are kept in memory", 1.0)
READY = (200, "ready", "ok", 0.0)


async def becomes(http: httpx.AsyncClient, expected: Readiness) -> None:
    async with asyncio.timeout(10):
        while await readiness(http) != expected:  # noqa: ASYNC110  # a request each time
            await asyncio.sleep(0.05)


async def kept(http: httpx.AsyncClient, tab: Tab) -> None:
    """The journal has the whole run, in order and once, as its reader saw it."""
    again = Tab()
    state = await ended(http, tab.run_id)
    await again.resume(http, tab.run_id)
    assert (tab.text, tab.numbers, tab.chunks) == (again.text, again.numbers, again.chunks)
    assert (tab.text, "stop") == (state["content"], state["finish_reason"])
    assert list(range(1, len(tab.chunks) + 1)) == tab.numbers


class Watch:
    """`with Watch("cancelled") as watch:` prints how long the block took; `watch.seconds`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.seconds = 0.0

    def __enter__(self) -> "Watch":
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        print(f"{self._what}: {self.seconds * 1000:.0f} ms")
