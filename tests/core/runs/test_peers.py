"""Peers: the runs of dead processes are ended once, and cancel requests of others are done."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from app.core.log.journal import Entry, Group, Reach, RunRecord
from app.core.log.journals.sqlite import SqliteJournal
from app.core.run_failures import RunFailed
from app.core.runs.peers import CANCEL_TIMEOUT, Peers
from app.core.runs.report import RunReport
from app.models.parts import Usage
from tests.core.parts import record, text_chunk, until, words
from tests.core.runs.harness import RunsHarness, Scripted, saying, shared, silent, two_processes

QUESTION = "What?"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[RunsHarness, RunsHarness]]:
    async with two_processes(tmp_path) as harnesses:
        yield harnesses


async def left_behind(
    journal: SqliteJournal, *texts: str, question: str | None = QUESTION
) -> RunRecord:
    """A run of a process that died after it had written these texts."""
    run = msgspec.structs.replace(record("r1", owner="dead"), question=question)
    await journal.open("dead")
    for number, text in enumerate(texts, start=1):
        await journal.append([Group(run, number, [(number / 8, text_chunk(text))])])
    await journal.close()
    return run


async def log_of(journal: SqliteJournal, after: int = 0) -> list[Entry]:
    return await journal.read("r1", after, 100)


async def test_orphan_ends_at_start(tmp_path: Path) -> None:
    """When a process is open, what the dead have left has its end, and is remembered, and it is
    reported as other ended runs are."""

    class Reports(list[RunReport]):
        def began(self, record: RunRecord) -> None:
            raise AssertionError("it began in another process")

        ended = list.append

    await left_behind(shared(tmp_path), "", "one ", "two ")
    journal, reports = shared(tmp_path), Reports()
    harness = RunsHarness(journal, observers=[reports])
    await harness.runs.open()
    log = await log_of(journal)
    assert ["", "one ", "two ", ""] == words(log)
    end = log[-1][1]
    assert (True, "interrupted") == (end.done, end.finish_reason)
    assert end.error is not None
    assert "interrupted" == end.error.code
    assert log[-2][0] == log[-1][0]
    assert [("r1", "one two ")] == harness.remembered
    [report] = reports
    assert ("r1", "interrupted", end.error) == (
        report.record.run_id,
        report.ending,
        report.error,
    )
    assert (2, "one two ", Usage(0, 2, 2, estimated=True)) == (
        report.meter.tokens,
        report.text,
        report.usage,
    )
    await harness.runs.close()


async def test_orphan_without_entries(tmp_path: Path) -> None:
    """A run whose process died before anything of it was written has a beginning and an end."""
    journal = shared(tmp_path)
    await journal.open("dead")
    await journal.create(msgspec.structs.replace(record("r1", owner="dead"), question=QUESTION))
    await journal.close()
    journal = shared(tmp_path)
    harness = RunsHarness(journal)
    await harness.runs.open()
    (_, first), (_, end) = await log_of(journal)
    assert ("r1", "c1", "", False) == (
        first.run_id,
        first.conversation_id,
        first.content,
        first.done,
    )
    assert "interrupted" == end.finish_reason
    assert [("r1", "")] == harness.remembered
    await harness.runs.close()


async def test_orphan_ends_while_others_live(tmp_path: Path) -> None:
    """A process that dies while others live: its run is ended, and remembered, by one of them."""
    async with two_processes(tmp_path) as (a, b):
        await left_behind(shared(tmp_path), "one ")
        journal = shared(tmp_path)
        await journal.open("reader")
        async with asyncio.timeout(10):
            while (await journal.reached(["r1"]))["r1"] != Reach(2, True):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)
        assert Reach(2, True) == (await journal.reached(["r1"]))["r1"]
        assert [("r1", "one ")] == a.remembered + b.remembered
        await journal.close()


@pytest.mark.parametrize("question", [None, ""])
async def test_orphan_without_a_question_is_not_remembered(
    tmp_path: Path, question: str | None
) -> None:
    """A run of which nothing is to be remembered only ends; an empty question is one, too."""
    await left_behind(shared(tmp_path), "one ", question=question)
    harness = RunsHarness(shared(tmp_path))
    await harness.runs.open()
    assert ([] if question is None else [("r1", "one ")]) == harness.remembered
    await harness.runs.close()


async def test_orphan_without_its_beginning(tmp_path: Path) -> None:
    """A run whose beginning is no longer kept ends behind what is there."""
    await left_behind(shared(tmp_path, run_bytes=1), "one ", "two ", "three ")
    journal = shared(tmp_path)
    harness = RunsHarness(journal)
    await harness.runs.open()
    assert ["three ", ""] == words(await log_of(journal, 2))
    assert [("r1", "three ")] == harness.remembered
    await harness.runs.close()


async def test_orphan_ends_though_memory_fails(tmp_path: Path) -> None:
    """An orphan whose conversation cannot be written ends all the same."""

    async def refuse(record: RunRecord, chunks: object, failure: RunFailed) -> None:
        raise OSError("no room")

    await left_behind(shared(tmp_path), "one ")
    journal = shared(tmp_path)
    await journal.open("heir")
    peers = Peers(journal, refuse, {})
    await peers.open()
    assert {"r1": Reach(2, True)} == await journal.reached(["r1"])
    await peers.close()
    await journal.close()


async def test_heartbeats_go_on_beside_an_adoption(tmp_path: Path) -> None:
    """While an orphan's conversation cannot be written, this process still shows that it lives, and
    its start does not wait for ever."""

    class Beating(SqliteJournal):
        beats = 0

        async def send_heartbeat(self) -> None:
            self.beats += 1
            await super().send_heartbeat()

    async def hang(record: RunRecord, chunks: object, failure: RunFailed) -> None:
        await asyncio.Event().wait()

    await left_behind(shared(tmp_path), "one ")
    journal = Beating(tmp_path / "runs.db")
    await journal.open("heir")
    peers = Peers(journal, hang, {})
    async with asyncio.timeout(10):
        await peers.open()
    before = journal.beats
    await until(lambda: journal.beats >= before + 2)
    await peers.close()
    await journal.close()


async def test_end_of_an_orphan_is_retried(tmp_path: Path) -> None:
    """Where the journal fails after a run was taken over, its end is written later."""
    locks: list[threading.Timer] = []

    async def lock(record: RunRecord, chunks: object, failure: RunFailed) -> None:
        if not locks:
            db = sqlite3.connect(
                tmp_path / "runs.db", isolation_level=None, check_same_thread=False
            )
            db.execute("BEGIN IMMEDIATE")
            locks.append(threading.Timer(3, db.close))
            locks[0].start()

    await left_behind(shared(tmp_path), "one ")
    journal = shared(tmp_path)
    await journal.open("heir")
    peers = Peers(journal, lock, {})
    await peers.open()
    assert {"r1": Reach(1, False)} == await journal.reached(["r1"])
    async with asyncio.timeout(15):
        while not (await journal.reached(["r1"]))["r1"].ended:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert ["one ", ""] == words(await log_of(journal))
    locks[0].join()
    await peers.close()
    await journal.close()


async def test_cancel_over_two_processes(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """A cancel at one process ends the run of the other, and returns when it has ended."""
    a, b = pair
    run = await a.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    state = await asyncio.wait_for(b.cancel(run), 5)
    assert ("cancelled", "word") == (state.status, state.content)
    assert run.ended.is_set()
    assert state == await b.cancel(run)


async def test_cancel_as_the_run_ends(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """A cancel that comes just as the run ends returns with that end, whichever it is."""
    a, b = pair
    for _ in range(20):
        run = await a.start(Scripted(saying("all", pause=0.02)))
        state = await asyncio.wait_for(b.cancel(run), 5)
        assert state.status in ("completed", "cancelled")
        assert state.finish_reason in ("stop", "cancelled")


async def test_cancel_after_a_locked_file(
    pair: tuple[RunsHarness, RunsHarness], tmp_path: Path
) -> None:
    """A process takes cancel requests again after its journal failed for a while."""
    a, b = pair
    run = await a.start(Scripted(silent()))
    await until(lambda: run.log.flushed == 2)
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(2.5)
    assert "cancelled" == (await asyncio.wait_for(b.cancel(run), 10)).status


async def test_a_cancel_does_not_wait_for_a_process_that_hangs(
    tmp_path: Path, pair: tuple[RunsHarness, RunsHarness]
) -> None:
    """A cancel of a run whose process lives but does nothing returns, with the run's true state."""
    runs = pair[0].runs
    hanging = shared(tmp_path)
    await hanging.open("hangs")
    try:
        await hanging.create(record("r1", owner="hangs", principal="ann"))
        async with asyncio.timeout(CANCEL_TIMEOUT + 10):
            state = await runs.cancel("r1", principal="ann")
        assert "running" == state.status
        assert await hanging.take_cancel_requests()
    finally:
        await hanging.close()


async def test_no_search_for_readers_outlives_its_run(tmp_path: Path) -> None:
    """A run that ends while other processes are asked for its readers leaves no task behind."""

    class Silent(SqliteJournal):
        async def is_followed(self, run_id: str) -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

    asked = asyncio.Event()
    harness = RunsHarness(Silent(tmp_path / "runs.db"))
    await harness.runs.open()
    run = await harness.start(Scripted(silent()), on_disconnect="grace", grace=0)
    (await harness.follow(run)).close()
    await asked.wait()
    state = await harness.cancel(run)
    assert "cancelled" == state.finish_reason
    await harness.runs.close()
    assert {asyncio.current_task()} == asyncio.all_tasks()
