"""Recoveries: which runs of dead processes go on, from where, how often, and in which order."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.access.slots import Slots
from app.core.log.journal import Entry, Group, RunRecord, SharedJournal
from app.core.log.reading import PAGE
from app.core.run_failures import Interrupted
from app.core.runs.clock import Policy, Timeouts
from app.core.runs.identity import opening
from app.core.runs.recovery.guard import Checkpoint
from app.core.runs.recovery.recovery import STALLED
from app.models.chat import Recovered, StreamingChunk
from app.models.numbers import STRIDE, Recovery
from tests.core.parts import read_all, record, text_chunk, until, words
from tests.core.runs.harness import RunsHarness, Scripted, saying, shared, silent

CONTINUE = Policy(Timeouts(60, 60, 60), "continue")
LONG = Policy(Timeouts(60, 60, 1e10), "continue")


class Replanned:
    """What plans the rest of runs: with a script, or not at all; it notes what it was given."""

    def __init__(self, *texts: str, refuses: bool = False) -> None:
        self.texts, self.refuses = texts, refuses
        self.given: list[tuple[list[str], list[str], str | None]] = []

    def __call__(
        self,
        record: RunRecord,
        stands: Sequence[StreamingChunk],
        void: Sequence[StreamingChunk],
        checkpoint: str | None,
    ) -> Scripted | None:
        content = [chunk.content for chunk in stands], [chunk.content for chunk in void]
        self.given.append((*content, checkpoint))
        return None if self.refuses else Scripted(saying(*self.texts))


def orphan(policy: Policy = CONTINUE, **fields: Any) -> RunRecord:
    run = msgspec.structs.replace(
        record("r1", "ann", owner="dead", question="What?"),
        recipe="{}",
        policy=msgspec.json.encode(policy).decode(),
        created_at=fields.pop("created_at", 4e9),  # its time is not over
    )
    return msgspec.structs.replace(run, **fields)


async def left_behind(
    folder: Path, run: RunRecord, *chunks: StreamingChunk, checkpoint: tuple[int, str] | None = None
) -> None:
    """A run of a process that died after it had written these chunks."""
    journal = shared(folder)
    await journal.open("dead")
    await journal.create(run)
    for number, chunk in enumerate(chunks, start=1):
        entries: list[Entry] = [(number / 8, chunk)]
        await journal.append([Group(run, number, entries)])
    if checkpoint is not None:
        await journal.keep_checkpoint(run, checkpoint_data(*checkpoint))
    await journal.close()


def checkpoint_data(after: int, data: str, chunks: Sequence[StreamingChunk] = ()) -> str:
    return msgspec.json.encode(Checkpoint(after, data, list(chunks))).decode()


async def log_of(folder: Path) -> list[StreamingChunk]:
    journal = shared(folder)
    await journal.open("reader")
    entries = await journal.read("r1", 0, PAGE)
    await journal.close()
    return [chunk for _, chunk in entries]


def said(*texts: str) -> list[StreamingChunk]:
    return [opening(orphan()), *map(text_chunk, texts)]


async def recovered(folder: Path, replan: Replanned) -> list[StreamingChunk]:
    """The log of the run once another process has dealt with it."""
    harness = RunsHarness(shared(folder), replan=replan)
    await harness.runs.open()
    async with asyncio.timeout(10):
        with await harness.runs.follow("r1", 0, principal="ann") as follower:
            await read_all(follower)
    await harness.runs.close()
    return await log_of(folder)


@pytest.mark.parametrize(
    ("chunks", "checkpoint", "after", "length"),
    [
        (said("one ", "two "), None, 1, 0),
        (said("one ", "two "), (2, "state"), 2, 4),
        (said("one "), (2, "state"), 2, 4),
        ([], None, 1, 0),
    ],
    ids=["anew", "checkpoint", "nothing void", "nothing written"],
)
async def test_run_goes_on_where_it_may(
    tmp_path: Path,
    chunks: list[StreamingChunk],
    checkpoint: tuple[int, str] | None,
    after: int,
    length: int,
) -> None:
    """A run goes on after its checkpoint, or from its beginning, in the same log, which says what
    is void."""
    await left_behind(tmp_path, orphan(), *chunks, checkpoint=checkpoint)
    replan = Replanned("more")
    log = await recovered(tmp_path, replan)
    expected = chunks or [opening(orphan())]
    assert expected == log[: len(expected)]
    assert Recovered(after, length, 1) == log[len(expected)].recovered
    assert ["more", ""] == [chunk.content for chunk in log[len(expected) + 1 :]]
    assert "stop" == log[-1].finish_reason
    words_of = [chunk.content for chunk in chunks]
    data = None if checkpoint is None else checkpoint[1]
    assert [(words_of[:after], words_of[after:], data)] == replan.given


async def test_end_of_tools_that_the_log_lacks(tmp_path: Path) -> None:
    """What belongs to the checkpoint, and its process had not written, is written by the next
    one."""
    run, tools = orphan(), [text_chunk("three "), text_chunk("four ")]
    for written in range(3):
        folder = tmp_path / str(written)
        folder.mkdir()
        await left_behind(folder, run, *said("one "), *tools[:written])
        journal = shared(folder)
        await journal.open("dead")
        await journal.keep_checkpoint(run, checkpoint_data(4, "state", tools))
        await journal.close()
        log = await recovered(folder, Replanned("more"))
        expected = ["", "one ", "three ", "four ", "", "more", ""]
        assert expected == [chunk.content for chunk in log]
        assert Recovered(4, 15, 1) == log[4].recovered


@pytest.mark.parametrize(
    "run",
    [
        orphan(recipe=""),
        orphan(Policy(Timeouts(60, 60, 60), "cancel")),
        orphan(created_at=1.0),
        orphan(recoveries=tuple(Recovery(n, 1) for n in range(2, 2 + STALLED))),
        orphan(recoveries=tuple(Recovery(n, n) for n in range(2, 27))),
        msgspec.structs.replace(orphan(), policy="{}"),
    ],
    ids=["no recipe", "no reader", "too late", "no progress", "too often", "unreadable"],
)
async def test_run_that_ends(tmp_path: Path, run: RunRecord) -> None:
    """A run ends as interrupted, with what it has, if it cannot or must not go on."""
    await left_behind(tmp_path, run, *said("one "))
    replan = Replanned("more")
    log = await recovered(tmp_path, replan)
    assert ["", "one ", ""] == [chunk.content for chunk in log]
    assert "interrupted" == log[-1].finish_reason
    assert not replan.given


async def test_run_that_its_agent_refuses_ends(tmp_path: Path) -> None:
    """A run ends as interrupted if it cannot be planned any more."""
    await left_behind(tmp_path, orphan(), *said("one "))
    log = await recovered(tmp_path, Replanned(refuses=True))
    assert "interrupted" == log[-1].finish_reason
    assert 3 == len(log)


async def test_progress_lets_a_run_be_recovered_further(tmp_path: Path) -> None:
    """Recoveries at other places than this one do not count as a lack of progress."""
    before = (*(Recovery(n, 1) for n in range(2, 1 + STALLED)), Recovery(9, 3))
    run = orphan(recoveries=before)
    await left_behind(tmp_path, run, *said("one ", "two "))
    log = await recovered(tmp_path, Replanned("more"))
    assert "stop" == log[-1].finish_reason
    recovery = next(chunk.recovered for chunk in log if chunk.recovered)
    assert STALLED + 1 == recovery.attempt


async def test_reader_ahead_of_the_journal_gets_the_recovery(tmp_path: Path) -> None:
    """A reader that had got more of a dead process than the journal has, comes back with that
    number, before or after the recovery, and gets the recovery next; an id from after it counts
    from there; one that no process can have sent is refused."""
    await left_behind(tmp_path, orphan(), *said("one "))
    reader = RunsHarness(shared(tmp_path), "a")
    reader.runs._peers = None  # it adopts nothing
    await reader.hub.open("reading")
    early = await reader.runs.follow("r1", 4, principal="ann")
    reading = asyncio.create_task(read_all(early))
    await asyncio.sleep(0.1)
    harness = RunsHarness(shared(tmp_path), replan=Replanned("x", "y", "z", "w"))
    await harness.runs.open()
    expected = ["", "x", "y", "z", "w", ""]
    assert expected == words(await asyncio.wait_for(reading, 10))
    early.close()
    for after, left in ((4, expected), (2, expected), (STRIDE + 4, expected[2:])):
        with await harness.runs.follow("r1", after, principal="ann") as late:
            assert left == words(await read_all(late))
    with pytest.raises(Exception, match="has no event"):
        await harness.runs.follow("r1", 2 * STRIDE, principal="ann")
    await harness.runs.close()
    await reader.hub.close()


async def test_cancel_reaches_a_recovered_run(tmp_path: Path) -> None:
    """A recovered run can be cancelled, also by a request that its dead process never saw."""
    await left_behind(tmp_path, orphan(), *said("one "))
    journal = shared(tmp_path)
    await journal.open("asks")
    await journal.request_cancel("r1")
    await journal.close()

    class Silent(Replanned):
        def __call__(self, *given: Any) -> Scripted:
            return Scripted(silent())

    log = await recovered(tmp_path, Silent())
    assert "cancelled" == log[-1].finish_reason


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [(said("one ", "two "), ["one "]), (said(), []), ([], [])],
    ids=["had said something", "waited in its queue", "nothing written"],
)
async def test_run_that_ends_before_it_goes_on(
    tmp_path: Path, chunks: list[StreamingChunk], expected: list[str]
) -> None:
    """The turn of a run that another process had begun is stored, although the run is cancelled
    before it goes on: while an earlier run of its conversation is going on elsewhere."""
    busy = shared(tmp_path)
    await busy.open("busy")
    await busy.create(msgspec.structs.replace(record("r0", "ann", owner="busy"), created_at=1.0))
    checkpoint = (2, "state") if len(chunks) > 1 else None
    await left_behind(tmp_path, orphan(), *chunks, checkpoint=checkpoint)
    turn = Scripted(silent())

    class Waiting(Replanned):
        def __call__(self, *given: Any) -> Scripted:
            return turn

    harness = RunsHarness(shared(tmp_path), replan=Waiting())
    await harness.runs.open()
    await until(lambda: "r1" in harness.runs._active)
    state = await harness.runs.cancel("r1", principal="ann")
    assert ("cancelled", False) == (state.finish_reason, turn.began.is_set())
    assert expected == [text for text, _ in turn.remembered]
    await harness.runs.close()
    await busy.close()


async def test_two_processes_recover_a_run_once(tmp_path: Path) -> None:
    """Of two processes that find an orphan at once, one goes on with it."""
    await left_behind(tmp_path, orphan(), *said("one "))
    harnesses = [RunsHarness(shared(tmp_path), n, replan=Replanned("more")) for n in "ab"]
    await asyncio.gather(*(harness.runs.open() for harness in harnesses))
    journal = harnesses[0].hub.journal
    async with asyncio.timeout(10):
        while not (await journal.reached(["r1"]))["r1"].ended:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for harness in harnesses:
        await harness.runs.close()
    log = await log_of(tmp_path)
    assert [1] == [chunk.recovered.attempt for chunk in log if chunk.recovered]
    assert 1 == sum(chunk.done for chunk in log)


async def test_later_message_waits_for_a_recovered_run(tmp_path: Path) -> None:
    """A run that waits here behind a run of another process waits for it also when this process
    goes on with it."""
    order: list[str] = []
    journal = shared(tmp_path)
    await journal.open("dead")
    run = orphan(LONG, created_at=1e9)
    await journal.create(run)
    await journal.append([Group(run, 1, [(0.0, opening(run))])])

    class Ordered(Replanned):
        def __call__(self, *given: Any) -> Scripted:
            return Scripted(saying("a", "b", pause=0.1), order=order, name="recovered")

    harness = RunsHarness(shared(tmp_path), "m", replan=Ordered())
    await harness.runs.open()
    later = await harness.start(Scripted(saying("c"), order=order, name="later"))
    await asyncio.sleep(0.1)
    assert not order
    await journal.close()
    await asyncio.wait_for(later.ended.wait(), 10)
    assert ["recovered", "later"] == order
    await harness.runs.close()


async def test_guard_fences_a_process_that_lost_its_run(tmp_path: Path) -> None:
    """A process whose run another one has taken over learns of it before a tool begins, even if it
    has nothing to write; its checkpoint is refused, and it stores no turn."""
    guarded = Scripted(silent())
    guarded.recipe = "{}"
    harness = RunsHarness(shared(tmp_path), replan=Replanned("more"))
    await harness.runs.open()
    run = await harness.start(guarded)
    await until(lambda: run.log.flushed == 2)
    await guarded.guard.confirm()
    await guarded.guard.checkpoint("state", [])
    other = shared(tmp_path)
    await other.open("other")
    assert "state" in await other.checkpoint("r1")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as db, db:
        db.execute("UPDATE runs SET owner = 'other'")
    for call in (guarded.guard.confirm(), guarded.guard.checkpoint("newer", [])):
        with pytest.raises(Interrupted, match="taken for dead"):
            await asyncio.wait_for(call, 5)
    await asyncio.wait_for(run.ended.wait(), 5)
    assert "newer" not in await other.checkpoint("r1")
    assert [] == guarded.remembered
    await other.close()
    await harness.runs.close()


async def test_full_server_recovers_a_run_later(tmp_path: Path) -> None:
    """A process that has as many runs as it may have goes on with an orphan once there is room."""
    harness = RunsHarness(shared(tmp_path), "m", replan=Replanned("more"), slots=Slots(1))
    await harness.runs.open()
    busy = await harness.start(Scripted(silent()), conversation_id="c2")
    await left_behind(tmp_path, orphan(), *said("one "))
    await asyncio.sleep(1.5)
    assert not harness.runs._active.keys() & {"r1"}
    busy.stop(Interrupted("Enough."))
    with await harness.runs.follow("r1", 0, principal="ann") as follower:
        entries = await asyncio.wait_for(read_all(follower), 10)
    assert "stop" == entries[-1][1].finish_reason
    await harness.runs.close()


async def test_stopping_server_leaves_orphans_to_others(tmp_path: Path) -> None:
    """A process that stops ends no run that another one can go on with."""
    harness = RunsHarness(shared(tmp_path), "m", replan=Replanned("more"))
    await harness.runs.open()
    run = await harness.start(Scripted(saying("x", pause=2.5)))
    draining = asyncio.create_task(harness.runs.drain(10))
    await asyncio.sleep(0)
    await left_behind(tmp_path, orphan(), *said("one "))
    await draining
    assert run.ended.is_set()
    assert 2 == len(await log_of(tmp_path))
    await harness.runs.close()


async def test_server_that_begins_to_stop_leaves_what_it_took_over(tmp_path: Path) -> None:
    """A run that a process has taken over, but not gone on with when it is told to stop, is left to
    the next process, which goes on with it."""
    stopping = RunsHarness(shared(tmp_path), "m", replan=Replanned("more"))
    await stopping.runs.open()
    journal = stopping.hub.journal
    assert isinstance(journal, SharedJournal)
    stopping.runs._launcher.accepting = False  # the signal comes just after a search for orphans
    await left_behind(tmp_path, orphan(), *said("one "))
    async with asyncio.timeout(10):
        while (await journal.list_active("ann"))[0].owner != stopping.runs.owner:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await stopping.runs.drain(0.1)
    assert 2 == len(await log_of(tmp_path))
    await stopping.runs.close()
    following = RunsHarness(shared(tmp_path), "n", replan=Replanned("more"))
    await following.runs.open()
    with await following.runs.follow("r1", 0, principal="ann") as follower:
        entries = await asyncio.wait_for(read_all(follower), 10)
    assert "stop" == entries[-1][1].finish_reason
    await following.runs.close()
