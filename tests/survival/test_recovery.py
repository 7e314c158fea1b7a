"""SIGKILL with ON_CRASH=continue: another process goes on, and readers end up with one answer."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agno_stream import Client, ModelResponse
from tests.streaming.reader import ended
from tests.survival.jobs import STEPS, Job, whole
from tests.survival.ledger import counts
from tests.survival.parts import Tab, client, serving, until
from tests.survival.teams import Team, hosts

LEDGER = "ledger.txt"
GOES_ON = "it goes on here"


def settings(folder: Path, journal: dict[str, str]) -> dict[str, str]:
    return {
        "AGENTS": "tests.survival.ledger:clerk",
        "ON_CRASH": "continue",
        "LEDGER": str(folder / LEDGER),
        **journal,
    }


def standing(tab: Tab) -> str:
    """The text that a reader is left with, after what it had to take back."""
    kept: list[tuple[int, str]] = []
    for number, chunk in zip(tab.numbers, tab.chunks, strict=True):
        if "recovered" in chunk:
            kept = [(n, text) for n, text in kept if n <= chunk["recovered"]["after"]]
            assert chunk["recovered"]["length"] == len("".join(text for _, text in kept))
        kept.append((number, chunk["content"]))
    return "".join(text for _, text in kept)


async def going_on(tab: Tab, https: list[httpx.AsyncClient]) -> None:
    """Read a run to its end, at whichever server is there, as an `EventSource` does."""
    turn = 0
    while not tab.done:
        turn += 1
        try:
            await tab.resume(https[turn % len(https)])
        except httpx.HTTPError:
            await asyncio.sleep(0.1)


async def begun(
    tab: Tab, http: httpx.AsyncClient, message: str = "Work.", **fields: object
) -> None:
    """Start a run, and read it as long as its server lives."""
    try:
        await tab.start(http, message, **fields)
    except httpx.HTTPError:
        assert tab.run_id


@asynccontextmanager
async def job(
    folder: Path, journal: dict[str, str], count: int, provider: Job
) -> AsyncIterator[Team]:
    with provider:
        async with hosts(folder, provider, count, **settings(folder, journal)) as team:
            yield team


def owner_of(team: Team) -> int:
    """The server that has gone on with the run last, of those that live."""
    return next(
        n for n, c in enumerate(team.commands) if GOES_ON in c.output and c.process.poll() is None
    )


async def test_a_run_outlives_the_servers_that_drive_it(
    tmp_path: Path, journal: dict[str, str]
) -> None:
    """After kills between batches of tools, the answer is that of an undisturbed run, each tool has
    run once, and the run has ended once; for who was there, for who comes later, and in the
    conversation. A run whose tool was at work ends as interrupted, and the tool does not run again,
    unless it declares that it may."""
    provider, ledger = Job(rate=30), tmp_path / LEDGER
    async with job(tmp_path, journal, 3, provider) as team:
        https = [await team.at(n) for n in range(3)]
        tab, watcher = Tab(), Tab()
        reading = asyncio.create_task(begun(tab, https[0], conversation_id="c"))
        await until(lambda: tab.run_id)
        slow, look = Tab(), Tab()
        others = [
            asyncio.create_task(begun(slow, https[0], "slow")),
            asyncio.create_task(begun(look, https[0], "look")),
        ]
        watching = asyncio.create_task(watcher.resume(https[2], tab.run_id))
        await until(lambda: "Step 1 " in tab.text and counts(ledger)["look 0"])
        await until(lambda: counts(ledger)["slow 0"])
        team.kill(0)
        await asyncio.gather(reading, *others)
        reading = asyncio.create_task(going_on(tab, https))
        await until(lambda: f"All {STEPS} " in standing(tab), 40)
        team.kill(owner := owner_of(team))
        await reading
        survivor = https[3 - owner]
        await asyncio.gather(watching, return_exceptions=True)
        if not watcher.done:
            await going_on(watcher, [survivor])
        late = Tab()
        await late.resume(survivor, tab.run_id)
        state = await ended(survivor, tab.run_id)
        died = await ended(survivor, slow.run_id)
        repeated = await ended(survivor, look.run_id)
        messages = (await survivor.get("/api/v1/conversations/c")).json()["messages"]
        with Client(str(survivor.base_url)) as sdk:
            response = await asyncio.to_thread(
                lambda: ModelResponse.from_chunks(sdk.resume(tab.run_id))
            )
    notes = {f"note {n}": 1 for n in range(STEPS)}
    looks = {f"look {n}": 1 for n in range(1, STEPS)}
    found = counts(ledger)
    assert found.pop("look 0") >= 2
    assert {**notes, **looks, "slow 0": 1}.keys() == found.keys()
    assert {1} == {found[name] for name in notes} == {found["slow 0"]}
    assert ("interrupted", "Step 0 comes now. ") == (died["finish_reason"], died["content"])
    assert ("stop", whole()) == (repeated["finish_reason"], repeated["content"])
    for each in (tab, watcher, late):
        assert whole() == standing(each)
        assert ["stop"] == each.endings
        assert sorted(set(each.numbers)) == each.numbers
    assert (whole(), "completed") == (state["content"], state["status"])
    assert [("user", "Work."), ("assistant", whole())] == [
        (message["role"], message["content"]) for message in messages
    ]
    assert (whole(), True) == (response.text, response.success)
    assert STEPS == len(response.tools) == len(state["tools"]) == len(messages[1]["tools"])


async def test_a_run_begins_anew(tmp_path: Path) -> None:
    """A run without tools begins anew; its reader, which had more of it than the journal, is told
    what is void. A queued run that its process had not begun is answered, too, in its turn."""
    provider = Job(steps=0, rate=10)
    async with job(tmp_path, {}, 2, provider) as team:
        https = [await team.at(n) for n in range(2)]
        first, second = Tab(), Tab()
        asking = [
            asyncio.create_task(begun(first, https[0], conversation_id="c")),
        ]
        await first.until(3)
        asking.append(asyncio.create_task(begun(second, https[0], "More.", conversation_id="c")))
        await until(lambda: second.chunks)
        await asyncio.sleep(0.2)
        team.kill(0)
        await asyncio.gather(*asking)
        await asyncio.gather(going_on(first, https[1:]), going_on(second, https[1:]))
        asked = [[m["content"] for m in r.body["messages"]] for r in provider.requests]
    assert whole(0) == standing(first) == standing(second)
    assert first.text != standing(first)
    assert ["stop"] == first.endings == second.endings
    assert [["Work."], ["Work."], ["Work.", whole(0), "More."]] == asked


async def test_a_server_that_comes_back_writes_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A process that was taken for dead, as in a virtual machine that was paused, does nothing more
    of its run: it runs no tool, adds nothing to the log, and leaves the conversation alone."""
    journal = {"JOURNAL_URL": request.getfixturevalue("redis_server").empty()}
    ledger = tmp_path / LEDGER
    async with job(tmp_path, journal, 2, Job(rate=5)) as team:
        https = [await team.at(n) for n in range(2)]
        tab = Tab()
        reading = asyncio.create_task(begun(tab, https[0], conversation_id="c"))
        await until(lambda: "Step 2 " in tab.text)
        os.kill(team.pids[0], signal.SIGSTOP)
        await until(lambda: GOES_ON in team.commands[1].output, 30)
        os.kill(team.pids[0], signal.SIGCONT)
        state = await ended(https[1], tab.run_id, 40)
        await reading
        await going_on(tab, https)
        await until(lambda: "another process found this one dead" in team.commands[0].output)
        await asyncio.sleep(1)
        messages = (await https[1].get("/api/v1/conversations/c")).json()["messages"]
    assert {f"note {n}": 1 for n in range(STEPS)} == counts(ledger)
    assert whole() == state["content"] == standing(tab) == messages[1]["content"]
    assert ["stop"] == tab.endings
    assert 2 == len(messages)


async def test_a_server_that_stops_hands_its_runs_over(tmp_path: Path) -> None:
    """A server that is told to stop leaves the runs that do not end in time to another one; who
    waits for a whole answer is told so, and gets it there by the same request."""
    ledger = tmp_path / LEDGER
    provider = Job(rate=8)
    with provider:
        known = settings(tmp_path, {})
        async with (
            serving(tmp_path, provider, SHUTDOWN_GRACE="0", **known) as one,
            serving(tmp_path, provider, **known) as two,
            client(one) as here,
            client(two) as there,
        ):
            tab = Tab()
            asked = {"message": "look", "stream": False}, {"Idempotency-Key": "once"}
            reading = asyncio.create_task(begun(tab, here))
            waiting = asyncio.create_task(
                here.post("/api/v1/chat", json=asked[0], headers=asked[1])
            )
            await until(lambda: counts(ledger)["note 0"] and counts(ledger)["look 0"])
            await until(lambda: "Step 1 " in tab.text)
            assert 0 == await asyncio.to_thread(one.stop)
            await reading
            left = await waiting
            again = await there.post("/api/v1/chat", json=asked[0], headers=asked[1])
            await going_on(tab, [there])
    assert (503, "interrupted") == (left.status_code, left.json()["error"]["code"])
    assert (200, whole()) == (again.status_code, again.json()["content"])
    assert whole() == standing(tab)
    assert ["stop"] == tab.endings
    assert {f"note {n}": 1 for n in range(STEPS)}.items() <= counts(ledger).items()
