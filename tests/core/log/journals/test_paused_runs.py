"""The contract of a journal on paused runs, kept by each of them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import msgspec
import pytest

from app.core.log.journal import Group, Log, RunRecord
from app.models.chat import Requirement, StreamingChunk
from tests.core.log.journals.test_journals import JOURNALS, SHARED, large, numbered, opener
from tests.core.parts import ending, record

WAITS = StreamingChunk(
    content="",
    done=True,
    model="m",
    finish_reason="paused",
    requirements=[Requirement("q1", "approval")],
)


def owned(run_id: str, principal: str = "ann", continues: str | None = None) -> RunRecord:
    """The record of a run, perhaps of one that continues another."""
    return msgspec.structs.replace(record(run_id), principal=principal, continues=continues)


async def pause(journal: Log, run: RunRecord, count: int = 2) -> None:
    """Put a whole paused run into the journal."""
    await journal.append([Group(run, 1, [*numbered(count), (1.0, WAITS)])])


async def waiting(journal: Log, principal: str | None = None) -> list[str]:
    return [run.run_id for run in await journal.list_paused(principal)]


@pytest.fixture(params=sorted(JOURNALS))
def url(request: pytest.FixtureRequest) -> str:
    return JOURNALS[request.param](request)


@pytest.fixture
async def journal(url: str) -> AsyncIterator[Log]:
    async with opener(url) as make:
        yield await make("one")


async def test_paused_runs_outlive_their_conversation(journal: Log) -> None:
    """A conversation that is removed takes its paused runs with it, and those that have ended; not
    another one's, and not a live one."""
    gone = [msgspec.structs.replace(owned(name), conversation_id="gone") for name in "abc"]
    await pause(journal, gone[0])
    await journal.append([Group(gone[1], 1, [(1.0, ending())])])
    await journal.append([Group(gone[2], 1, numbered(1))])
    await pause(journal, owned("kept"))
    await pause(journal, msgspec.structs.replace(owned("bobs", "bob"), conversation_id="gone"))
    await journal.remove("ann", "gone", None)
    assert {"kept", "bobs"} == set(await waiting(journal))
    assert {"c", "kept", "bobs"} == (await journal.reached([*"abc", "kept", "bobs"])).keys()


async def test_paused_runs_are_listed(journal: Log) -> None:
    """The paused runs of a principal, or of all, are listed, oldest first; no others are."""
    for number in range(100):
        await pause(journal, owned(f"a{number:02}", "ann"))
    await pause(journal, owned("b", "bob"))
    await journal.append([Group(owned("over"), 1, [(1.0, ending())])])
    await journal.append([Group(owned("live"), 1, numbered(1))])
    assert [f"a{number:02}" for number in range(100)] == await waiting(journal, "ann")
    assert 101 == len(await waiting(journal))
    assert [] == await waiting(journal, "cid")


async def test_one_run_continues_a_paused_one(journal: Log) -> None:
    """A paused run is continued once: it is not listed any more, and knows by whom."""
    await pause(journal, owned("first"))
    assert await journal.continued_by("first") is None
    assert await journal.create(owned("second", continues="first"))
    assert not await journal.create(owned("third", continues="first"))
    assert await journal.record("third") is None
    assert ("second", []) == (await journal.continued_by("first"), await waiting(journal))
    assert not await journal.create(owned("second", continues="first"))  # sent again


@pytest.mark.parametrize("state", ["unknown", "live", "ended"])
async def test_only_a_paused_run_is_continued(journal: Log, state: str) -> None:
    """A run that does not wait is continued by none."""
    if state != "unknown":
        last = [(1.0, ending())] if state == "ended" else []
        await journal.append([Group(owned("first"), 1, [*numbered(1), *last])])
    assert not await journal.create(owned("second", continues="first"))
    assert await journal.record("second") is None


async def test_a_paused_run_outlives_the_retention(url: str) -> None:
    """A paused run is kept for a retention of its own; once it is continued, as all others are."""
    async with opener(url) as make:
        journal = await make("one", retention=0.5, pause_retention=4)
        for run_id in ("left", "continued"):
            await pause(journal, owned(run_id))
        await journal.append([Group(owned("over"), 1, [(1.0, ending())])])
        await asyncio.sleep(1)
        await journal.sweep()
        assert (None, ["left", "continued"]) == (
            await journal.record("over"),
            await waiting(journal),
        )
        assert WAITS == (await journal.read("left", 2, 1))[0][1]
        assert await journal.create(owned("next", continues="continued"))
        await asyncio.sleep(1)
        await journal.sweep()
        assert (None, ["left"]) == (await journal.record("continued"), await waiting(journal))
        await asyncio.sleep(2.5)
        await journal.sweep()
        assert (None, []) == (await journal.record("left"), await waiting(journal))


async def test_pressure_trims_paused_runs_and_keeps_their_ends(url: str) -> None:
    """Over the bound in bytes a paused run loses its beginning, but never what it waits for."""
    async with opener(url) as make:
        journal = await make("one", total_bytes=30_000)
        run = owned("first")
        for number in range(6):
            await journal.append([Group(run, number + 1, large(1, number))])
        await journal.append([Group(run, 7, [(1.0, WAITS)])])
        await journal.sweep()
        assert ["first"] == await waiting(journal)
        assert [(1.0, WAITS)] == await journal.read("first", 6, 1)


@pytest.mark.parametrize("shared", SHARED)
async def test_of_two_processes_one_continues(request: pytest.FixtureRequest, shared: str) -> None:
    """If many processes continue a paused run at once, one of them does."""
    async with opener(JOURNALS[shared](request)) as make:
        processes = [await make(f"p{number}") for number in range(4)]
        await pause(processes[0], owned("first"))
        made = await asyncio.gather(
            *(
                process.create(owned(f"n{number}", continues="first"))
                for number, process in enumerate(processes)
            )
        )
        new = [created.new for created in made]
        assert 1 == sum(new)
        winner = await processes[0].continued_by("first")
        assert f"n{new.index(True)}" == winner


async def test_a_file_of_an_older_server_is_taken_over(
    request: pytest.FixtureRequest,
) -> None:
    """A file that was made before runs could pause has a place for them once it is opened."""
    url = JOURNALS["sqlite"](request)
    async with opener(url) as make:
        await make("one")
    file = url.removeprefix("sqlite:///")
    with sqlite3.connect(file) as db:
        db.execute("DROP TABLE paused")
    db.close()
    async with opener(url) as make:
        journal = await make("two")
        await pause(journal, owned("first"))
        assert ["first"] == await waiting(journal)
