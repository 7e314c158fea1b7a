"""Leaving well: no new runs, readers sent elsewhere, runs finished or their text kept."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.command import Command
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, ended, state_of
from tests.survival.parts import Tab, Watch, client, counted, paced, serving, until
from tests.survival.teams import workers

TABS = 50


async def leave(command: Command, number: int = signal.SIGTERM, seconds: float = 30) -> int:
    """Send the signal, and wait for the end; the exit code."""
    return await asyncio.to_thread(command.stop, number, within=seconds)


async def test_drain_lets_runs_end(
    tmp_path: Path, journal: dict[str, str], provider: Provider
) -> None:
    """After SIGTERM a run that ends within the grace is sent to its end on its own connection,
    new ones are refused with the time to try again, and the server is not ready."""
    provider.default = paced(2)
    async with (
        serving(tmp_path, provider, SHUTDOWN_GRACE="20", **journal) as command,
        client(command) as http,
    ):
        tab = Tab()
        asking = asyncio.create_task(tab.start(http))
        await tab.until(10)
        assert 200 == (await http.get("/readyz")).status_code
        command.process.send_signal(signal.SIGTERM)
        await until(lambda: "stopping: 1 run " in command.output)
        refused = await http.post(CHAT, json={"message": "Too late?"})
        red = await http.get("/readyz")
        state = await state_of(http, tab.run_id)
        await asking
        code = await asyncio.to_thread(command.process.wait, 20)
    assert (503, "overloaded", "2") == (
        refused.status_code,
        refused.json()["error"]["code"],
        refused.headers["retry-after"],
    )
    assert (503, "stopping") == (red.status_code, red.json()["checks"]["runs"])
    assert "running" == state["status"]
    assert (counted(200), ["stop"]) == (tab.text, tab.endings)
    assert 0 == code
    assert 1 == provider.opened
    assert "Traceback" not in command.output


@pytest.mark.parametrize("how", ["grace", "interrupt", "second"])
async def test_shutdown_interrupts_runs(
    tmp_path: Path, journal: dict[str, str], provider: Provider, how: str
) -> None:
    """When the grace is over, or at SIGINT, or at the second SIGTERM, a run ends at once and as
    interrupted; a later server has its text, and so has the next turn."""
    provider.default = paced(60)
    grace = "0.5" if how == "grace" else "60"
    tab, again = Tab(), Tab()
    async with (
        serving(tmp_path, provider, SHUTDOWN_GRACE=grace, **journal) as command,
        client(command) as http,
    ):
        asking = asyncio.create_task(tab.start(http, "What?", conversation_id="c"))
        await tab.until(20)
        if how == "second":
            command.process.send_signal(signal.SIGTERM)
            await until(lambda: "stopping: 1 run " in command.output)
        with Watch(how) as watch:
            code = await leave(command, signal.SIGINT if how == "interrupt" else signal.SIGTERM)
        await asking
    assert 0 == code
    assert watch.seconds < 10
    assert ["interrupted"] == tab.endings
    assert counted(tab.tokens) == tab.text
    assert "Traceback" not in command.output
    provider.wait_for(lambda: provider.aborted)
    async with serving(tmp_path, provider, **journal) as command, client(command) as http:
        assert 204 == await tab.resume(http)
        await again.resume(http, tab.run_id)
        provider.default = Reply("Well.")
        await http.post(CHAT, json={"message": "And?", "conversation_id": "c"})
    assert (tab.numbers, tab.text, ["interrupted"]) == (again.numbers, again.text, again.endings)
    messages = [message["content"] for message in provider.requests[-1].body["messages"]]
    assert ["What?", tab.text, "And?"] == messages[-3:]


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM", "SIGTERM"]], ids="-".join)
async def test_shutdown_of_workers_interrupts_runs(
    tmp_path: Path, provider: Provider, signals: list[str]
) -> None:
    """SIGINT, or a second SIGTERM, ends all workers at once, too, and their runs as interrupted."""
    provider.default = paced(60)
    tab = Tab()
    async with workers(tmp_path, provider, 2, SHUTDOWN_GRACE="60") as team:
        command = team.commands[0]
        asking = asyncio.create_task(tab.start(await team.at(0)))
        await tab.until(10)
        for name in signals[:-1]:
            command.process.send_signal(getattr(signal, name))
            await until(lambda: "stopping: 1 run " in command.output)
        with Watch("-".join(signals)) as watch:
            assert 0 == await leave(command, getattr(signal, signals[-1]))
        await asking
        assert watch.seconds < 15
        assert "Traceback" not in command.output
    async with serving(tmp_path, provider) as command, client(command) as http:
        assert "interrupted" == (await state_of(http, tab.run_id))["finish_reason"]


async def test_readers_continue_at_another_server(
    tmp_path: Path, journal: dict[str, str], provider: Provider
) -> None:
    """Where another server can go on with it, a stream ends cleanly after a hint when to come
    back, while its run goes on; the reader finds the rest at the other one, and nothing twice."""
    provider.default = paced(4)
    tab = Tab()
    async with (
        serving(tmp_path, provider, SHUTDOWN_GRACE="20", **journal) as leaving,
        serving(tmp_path, provider, **journal) as staying,
        client(leaving) as http,
        client(staying) as elsewhere,
    ):
        asking = asyncio.create_task(tab.start(http))
        await tab.until(20)
        leaving.process.send_signal(signal.SIGTERM)
        with Watch("stream ended"):
            await asking
        assert (["1000"], []) == (tab.hints, tab.endings)
        await tab.resume(elsewhere)
        assert 0 == await asyncio.to_thread(leaving.process.wait, 20)
        assert 204 == await tab.resume(elsewhere)
    assert (counted(400), ["stop"]) == (tab.text, tab.endings)
    assert list(range(1, 403)) == tab.numbers
    assert 1 == provider.opened


class Balancer:
    """One address before several servers: each connection goes to the next one that takes it."""

    def __init__(self) -> None:
        self.backends: list[Command] = []
        self.url = ""
        self._count = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            self._count += 1
            first = self._count % len(self.backends)
            for command in self.backends[first:] + self.backends[:first]:
                backend = urlsplit(command.url)
                with contextlib.suppress(ConnectionRefusedError):
                    back, forth = await asyncio.open_connection(backend.hostname, backend.port)
                    await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))
                    break
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


def stops(command: Command) -> bool:
    return "stopping:" in command.output


async def stay(tab: Tab, http: httpx.AsyncClient) -> None:
    """Start a run, and resume it after the hinted time until its end is read."""
    await tab.start(http)
    while not tab.done:
        await asyncio.sleep(int(tab.hints[-1]) / 1000)
        await tab.resume(http)


@pytest.mark.timeout(300)
async def test_rolling_restart(tmp_path: Path, journal: dict[str, str], provider: Provider) -> None:
    """Both of two servers behind one address are replaced, one soon after the other, under fifty
    streams: none loses a token, sees one twice, or is interrupted, and no run starts twice."""
    provider.default = replace(paced(12, rate=10), stall_after=60)
    settings = {"SHUTDOWN_GRACE": "40", **journal}
    tabs = [Tab() for _ in range(TABS)]
    balancer = Balancer()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            server = await stack.enter_async_context(serving(tmp_path, provider, **settings))
            balancer.backends.append(server)
        await stack.enter_async_context(balancer())
        # A connection for each request: no server is left in the pool.
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=balancer.url,
                timeout=30,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        )
        asking = [asyncio.create_task(stay(tab, http)) for tab in tabs]
        await until(lambda: all(tab.tokens > 5 for tab in tabs), 30)
        old = list(balancer.backends)
        for server in old:
            new = await stack.enter_async_context(serving(tmp_path, provider, **settings))
            balancer.backends.append(new)  # the old one stays there: nobody tells the balancer
            server.process.send_signal(signal.SIGTERM)
            await until(partial(stops, server))
        provider.go_on()
        await asyncio.gather(*asking)
        with Watch("the last reader saw the end, and the old servers left after"):
            codes = [await asyncio.to_thread(server.process.wait, 30) for server in old]
        states = [await ended(http, tab.run_id) for tab in tabs]
    whole = counted(120)
    assert {(whole, "stop")} == {(state["content"], state["finish_reason"]) for state in states}
    for tab in tabs:
        assert (whole, ["stop"]) == (tab.text, tab.endings)
        assert list(range(1, 123)) == tab.numbers
    print(f"connections of each: {sorted(tab.connections for tab in tabs)}")
    assert all(tab.connections > 1 for tab in tabs)
    assert [0, 0] == codes
    assert not any("Traceback" in server.output for server in old)
    assert TABS == provider.opened
    assert 0 == provider.aborted
