"""All processes stop together, and start again: readers are sent to none of those that stop."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from agno_stream import Client, Config, ModelResponse
from tests.command import Command
from tests.provider import Provider
from tests.survival.parts import JOURNALS, Tab, counted, paced, serving, until
from tests.survival.test_recovery import standing

TABS, CLIENTS = 8, 2
SECONDS = 3


async def as_event_source(tab: Tab, http: httpx.AsyncClient) -> None:
    """Read a run to its end as an `EventSource` does, which any status but 200 stops for good."""
    await tab.start(http)
    while not tab.done:
        await asyncio.sleep(int(tab.hints[-1]) / 1000 if tab.hints else 1)
        try:
            assert 200 == await tab.resume(http)
        except httpx.TransportError:
            continue


def as_client(url: str) -> ModelResponse:
    with Client(Config(url, retries=100)) as client:
        return client.generate("Count.", stream=True)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["workers", "hosts"])
async def test_all_stop_and_start_again(
    request: pytest.FixtureRequest, tmp_path: Path, provider: Provider, kind: str
) -> None:
    """Where all workers of a host, or all hosts, stop at once, their readers stay to the end of the
    grace; with ON_CRASH=continue they get the whole answer from the processes that start next."""
    provider.default = paced(SECONDS)
    settings = {"SHUTDOWN_GRACE": "1.5", "ON_CRASH": "continue"}
    flags = ("--workers", "2") if kind == "workers" else ()
    settings |= JOURNALS["redis"](request) if kind == "hosts" else {}
    tabs = [Tab() for _ in range(TABS)]

    async with AsyncExitStack() as stack:

        async def start(*further: str) -> Command:
            server = serving(tmp_path, provider, *flags, *further, **settings)
            return await stack.enter_async_context(server)

        servers = [await start() for _ in range(1 if flags else 2)]
        reading = []
        for n, tab in enumerate(tabs):
            http = httpx.AsyncClient(base_url=servers[n % len(servers)].url, timeout=30)
            reading.append(as_event_source(tab, await stack.enter_async_context(http)))
        clients = [asyncio.to_thread(as_client, servers[0].url) for _ in range(CLIENTS)]
        whole = asyncio.gather(asyncio.gather(*reading), asyncio.gather(*clients))
        await until(lambda: provider.opened == TABS + CLIENTS, 30)
        await until(lambda: all(tab.tokens > 5 for tab in tabs), 30)
        stopping = [asyncio.to_thread(server.stop, within=60) for server in servers]
        assert {0} == set(await asyncio.gather(*stopping))
        for server in servers:
            await start("--port", str(urlsplit(server.url).port))
        _, answers = await whole
        assert not any("Traceback" in server.output for server in servers)
    assert {(counted(SECONDS * 100), ("stop",))} == {
        (standing(tab), tuple(tab.endings)) for tab in tabs
    }
    assert {counted(SECONDS * 100)} == {answer.text for answer in answers}
    assert all(sorted(set(tab.numbers)) == tab.numbers for tab in tabs)
    print(f"connections of each: {sorted(tab.connections for tab in tabs)}")
    assert {2} == {tab.connections for tab in tabs}  # none was sent to a process that stops
