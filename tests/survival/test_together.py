"""Two processes over one journal: runs of one are read, and cancelled, at the other."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, ended, state_of
from tests.survival.parts import (
    JOURNALS,
    READY,
    Tab,
    Watch,
    counted,
    metric,
    paced,
    readiness,
    until,
)
from tests.survival.teams import TEAMS, Team, workers, workers_of

#: Workers share what two processes share, so one journal is enough for them.
KINDS = [(name, "hosts") for name in sorted(JOURNALS)] + [("sqlite", "workers")]

Start = Callable[..., AbstractAsyncContextManager[Team]]


@pytest.fixture(params=KINDS, ids="-".join)
def start(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> Start:
    """Starts two processes that share a journal; further settings by their names."""
    journal, kind = request.param
    shared = JOURNALS[journal](request)

    def starting(**settings: str) -> AbstractAsyncContextManager[Team]:
        return TEAMS[kind](tmp_path, provider, 2, **shared, **settings)

    return starting


@pytest.fixture(scope="module")
def model() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def provider(model: Provider) -> Provider:
    """The provider of all processes here, as if nobody had asked it so far."""
    model.forget()
    return model


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS, ids="-".join)
async def processes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: Provider
) -> AsyncIterator[Team]:
    """Two processes that share a journal, for all tests that leave them running."""
    journal, kind = request.param
    url = f"{request.getfixturevalue('redis_server').url}/9" if journal == "redis" else ""
    shared = {"JOURNAL_URL": url} if url else {}
    async with TEAMS[kind](tmp_path_factory.mktemp("team"), model, 2, **shared) as running:
        yield running
        assert "Traceback" not in running.output


@pytest.fixture
async def team(processes: Team) -> AsyncIterator[Team]:
    async with AsyncExitStack() as stack:  # the clients of one test
        yield processes.for_clients(stack)


async def leave(*tasks: asyncio.Task[None]) -> None:
    """Close the connections of these readers."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_readers_at_two_processes_see_the_same(team: Team, provider: Provider) -> None:
    """Readers at two processes, from the beginning and from the middle, see the same answer."""
    provider.default = paced(2)
    one, two, three = Tab(), Tab(), Tab()
    asking = asyncio.create_task(one.start(await team.at(0)))
    await one.until(50)
    three.run_id, three.last_id = one.run_id, f"{one.run_id}:40"
    here, there = await team.at(0), await team.at(1)
    await asyncio.gather(asking, two.resume(there, one.run_id), three.resume(here))
    assert counted(200) == one.text == two.text
    assert one.numbers == two.numbers == list(range(1, 203))
    assert one.chunks[40:] == three.chunks
    assert ["stop"] == one.endings == two.endings
    assert 1 == provider.opened


async def test_resume_at_the_other_process(team: Team, provider: Provider) -> None:
    """A reader that changes to the other process and back again, again and again, at any moment,
    and comes sooner than what it has seen is written, sees each token once."""
    provider.default = paced(3)
    tab = Tab()
    places = [await team.at(n % 2) for n in range(1, 13)]
    reading = asyncio.create_task(tab.start(await team.at(0)))
    for number, http in enumerate(places, start=1):
        await tab.until(20 * number)
        await leave(reading)
        reading = asyncio.create_task(_resume(tab, http))
    await reading
    status = 200
    async with asyncio.timeout(5):
        while status == 200:  # until the end is written, the other process waits for it
            status = await tab.resume(await team.at(1))
    assert 204 == status
    assert (counted(300), ["stop"]) == (tab.text, tab.endings)
    assert list(range(1, 303)) == tab.numbers
    assert 1 == provider.opened


async def _resume(tab: Tab, http: httpx.AsyncClient) -> None:
    assert 200 == await tab.resume(http)


async def test_cancel_at_the_other_process(team: Team, provider: Provider) -> None:
    """A cancel at the other process ends a run within a second, for its readers everywhere."""
    provider.default = paced(60)
    one, two = Tab(), Tab()
    asking = asyncio.create_task(one.start(await team.at(0)))
    await one.until(20)
    joining = asyncio.create_task(_join(two, await team.at(1), one.run_id))
    await two.until(20)
    http = await team.at(1)
    with Watch("cancelled elsewhere") as watch:
        reply = await http.post(f"/api/v1/runs/{one.run_id}/cancel")
    with Watch("the other reader got the end"):
        await asyncio.gather(asking, joining)
    assert (200, "cancelled") == (reply.status_code, reply.json()["status"])
    assert ["cancelled"] == one.endings == two.endings
    assert reply.json()["content"] == one.text == two.text
    assert watch.seconds < 5
    await provider.until(lambda: provider.aborted)
    again = await (await team.at(1)).post(f"/api/v1/runs/{one.run_id}/cancel")
    assert reply.json() == again.json()


async def _join(tab: Tab, http: httpx.AsyncClient, run_id: str) -> None:
    await tab.resume(http, run_id)


async def test_key_at_both_processes_starts_one_run(team: Team, provider: Provider) -> None:
    """A request with a key that is sent to both processes, at once and again, starts one run."""
    both = [await team.at(0), await team.at(1)]
    headers = {"Idempotency-Key": "k1"}

    async def send(n: int) -> httpx.Response:
        return await both[n % 2].post(CHAT, json={"message": "What?"}, headers=headers)

    replies = [*await asyncio.gather(*(send(n) for n in range(6))), await send(0), await send(1)]
    assert {200} == {reply.status_code for reply in replies}
    assert 1 == len({reply.text for reply in replies})
    assert 1 == provider.opened


async def test_runs_of_a_killed_process_are_interrupted(start: Start, provider: Provider) -> None:
    """When a process is killed its runs end as interrupted at the other one, which goes on with
    its own, and the next turn there has the question and the partial answer."""
    provider.script(paced(60), replace(paced(2), stall_after=150))
    one, two, other = Tab(), Tab(), Tab()
    async with start() as team:
        asking = asyncio.create_task(one.start(await team.at(0), "What?", conversation_id="c"))
        await until(lambda: provider.opened)
        going = asyncio.create_task(other.start(await team.at(1)))
        await one.until(30)
        joining = asyncio.create_task(_join(two, await team.at(1), one.run_id))
        await two.until(30)
        survivor = await team.at(1)
        team.kill(0)
        with Watch("interrupted") as watch:
            await joining
        await asyncio.gather(asking, return_exceptions=True)
        state = await state_of(survivor, one.run_id)
        back = Tab(one.run_id, one.last_id)
        assert 200 == await back.resume(survivor)
        assert watch.seconds < 20
        assert ["interrupted"] == two.endings == back.endings
        assert two.text == state["content"]
        assert two.text == one.text[: len(two.text)] + back.text
        assert one.tokens - two.tokens <= 50  # `test_kill.py` has the bound
        provider.script(Reply("Well."))
        await survivor.post(CHAT, json={"message": "And?", "conversation_id": "c"})
        messages = [message["content"] for message in provider.requests[-1].body["messages"]]
        assert ["What?", two.text, "And?"] == messages[-3:]
        assert 2 == await metric(survivor, "runs_total")  # the one that died, and this turn
        assert not other.done
        provider.go_on()
        await going
        assert (counted(200), ["stop"]) == (other.text, other.endings)
        assert "Traceback" not in team.output


async def test_on_busy_over_processes(team: Team, provider: Provider) -> None:
    """A conversation has one run at a time over all processes: a second one is refused, waits, or
    replaces it, by its `on_busy`."""
    provider.script(paced(60), Reply("Second."), Reply("Third."))
    first, second, third = Tab(), Tab(), Tab()
    asking = asyncio.create_task(first.start(await team.at(0), "One?", conversation_id="busy"))
    await first.until(20)
    refused = await (await team.at(1)).post(
        CHAT, json={"message": "Two?", "conversation_id": "busy", "on_busy": "reject"}
    )
    assert (409, "conversation_busy", first.run_id) == (
        refused.status_code,
        refused.json()["error"]["code"],
        refused.json()["error"]["run_id"],
    )
    waiting = asyncio.create_task(second.start(await team.at(1), "Two?", conversation_id="busy"))
    await until(lambda: second.chunks)
    await asyncio.sleep(0.5)
    assert (1, 1) == (provider.opened, len(second.chunks))
    assert "queued" == (await state_of(await team.at(1), second.run_id))["status"]
    with Watch("two runs gave way, and a third one answered"):
        await third.start(await team.at(0), "Three?", conversation_id="busy", on_busy="interrupt")
    await asyncio.gather(asking, waiting)
    assert ["cancelled"] == first.endings == second.endings
    assert ("Second.", ["stop"]) == (third.text, third.endings)
    messages = [message["content"] for message in provider.requests[-1].body["messages"]]
    assert ["One?", first.text, "Three?"] == messages[-3:]
    assert 2 == provider.opened


async def test_queue_over_processes(team: Team, provider: Provider) -> None:
    """Messages that are sent to one conversation at several processes are answered one by one,
    each with all earlier messages."""
    provider.default = Reply("So.", delay_first=0.1)
    tabs = [Tab() for _ in range(6)]
    asking = []
    for n, tab in enumerate(tabs):
        http = await team.at(n % 2)
        asking.append(asyncio.create_task(tab.start(http, f"{n}?", conversation_id="queue")))
        await until(partial(len, tab.chunks))
    await asyncio.gather(*asking)
    assert [["stop"]] * 6 == [tab.endings for tab in tabs]
    for n, request in enumerate(provider.requests):
        messages = [m["content"] for m in request.body["messages"] if m["role"] != "system"]
        expected = [word for turn in range(n) for word in (f"{turn}?", "So.")]
        assert [*expected, f"{n}?"][-5:] == messages[-5:]


async def test_readers_elsewhere_keep_a_run_going(start: Start, provider: Provider) -> None:
    """A run whose own readers have left goes on for as long as one reads it at the other process,
    and ends some time after that one has left, too."""
    provider.default = paced(100)
    one, two = Tab(), Tab()
    async with start(DISCONNECT_GRACE="0.5") as team:
        asking = asyncio.create_task(one.start(await team.at(0)))
        await one.until(5)
        joining = asyncio.create_task(_join(two, await team.at(1), one.run_id))
        await two.until(5)
        await leave(asking)
        await asyncio.sleep(12)
        assert not two.done
        await leave(joining)
        with Watch("given up"):
            state = await ended(await team.at(1), one.run_id, 40)
    assert ("cancelled", "disconnected") == (state["status"], state["finish_reason"])
    assert counted(two.tokens) == two.text


@pytest.mark.timeout(300)
async def test_lost_workers_are_replaced(tmp_path: Path, provider: Provider) -> None:
    """The places of a worker that was killed and of one that hangs are taken by new ones, their
    runs have ended, which metrics and conversations have, and the third worker's run goes on."""
    provider.default = paced(60)
    tabs = [Tab() for _ in range(3)]
    async with workers(tmp_path, provider, 3) as team:
        asking = [
            asyncio.create_task(tab.start(await team.at(n), conversation_id=f"lost{n}"))
            for n, tab in enumerate(tabs)
        ]
        for tab in tabs:
            await tab.until(10)
        team.kill(2)
        os.kill(team.pids[1], signal.SIGSTOP)
        await until(lambda: team.output.count("Application startup complete.") == 5, 90)
        assert team.pids[0] in workers_of(team.commands[0])
        team.pids = workers_of(team.commands[0])
        assert 3 == len(team.pids)
        places = [await team.at(n) for n in range(3)]
        for tab in tabs[1:]:
            states = [await ended(http, tab.run_id) for http in places]
            assert [("failed", "interrupted")] * 3 == [
                (state["status"], state["finish_reason"]) for state in states
            ]
            assert 200 == await tab.resume(places[2])
            assert ["interrupted"] == tab.endings
        assert READY == await readiness(places[1])
        assert 2 == await metric(places[1], "runs_total")
        provider.script(Reply("Well."))
        await places[2].post(CHAT, json={"message": "And?", "conversation_id": "lost1"})
        sent = [message["content"] for message in provider.requests[-1].body["messages"]]
        assert ["Count.", "And?"] == sent[-3::2]
        # The reader may have seen what the process had not yet written when it was stopped.
        assert sent[-2]
        assert tabs[1].text.startswith(sent[-2])
        assert not tabs[0].done
        await leave(*asking)
