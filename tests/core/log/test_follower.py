"""Followers: every reader gets every entry once and in order, whenever it came and however slow."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import Gap, JournalUnavailable
from app.core.log.follower import Follower
from app.core.log.hub import Hub
from app.core.log.journal import Group, Log
from app.core.log.journals.memory import MemoryJournal
from app.core.log.reading import PIECE
from app.core.log.run_log import RunLog
from app.core.log.sources import LiveSource, source_of
from app.models.sizes import size_of
from tests.core.parts import (
    RecordingJournal,
    ending,
    read_all,
    record,
    retired,
    text_chunk,
    until,
    words,
)
from tests.core.runs.harness import RunsHarness, Scripted, saying, shared, silent, two_processes

ONE = size_of(text_chunk("0000"))


@pytest.fixture
def journal() -> RecordingJournal:
    return RecordingJournal()


@pytest.fixture
async def hub(journal: RecordingJournal) -> AsyncIterator[Hub]:
    hub = Hub(journal, flush_interval=0.005)
    await hub.open("me")
    yield hub
    await hub.close()


def follow(hub: Hub, after: int = 0, run_id: str = "r1") -> Follower:
    return Follower(record(run_id), source_of(record(run_id), hub.journal, hub.get(run_id)), after)


def say(log: RunLog, *numbers: int) -> None:
    for n in numbers:
        log.append(text_chunk(f"{n:04}"))


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"{n:04}" for n in range(start, count)]


async def test_read_an_ended_run_from_any_number(hub: Hub) -> None:
    """An ended run is read from behind any of its entries to its end."""
    log = await hub.create(record())
    say(log, *range(5))
    log.append(ending())
    await retired(hub, log)
    whole = [*numbered(5), ""]
    for after in range(7):
        with follow(hub, after) as follower:
            assert whole[after:] == words(await read_all(follower))
            assert follower.done
            assert await follower.ended()


async def test_read_a_live_run_from_any_number(hub: Hub) -> None:
    """A live run is read from behind any of its entries: first what there is, then the rest."""
    log = await hub.create(record())
    say(log, *range(5))
    followers = [follow(hub, after) for after in range(6)]
    reading = [asyncio.create_task(read_all(follower)) for follower in followers]
    for n in range(5, 10):
        await asyncio.sleep(0.002)
        say(log, n)
    log.append(ending())
    await retired(hub, log)
    whole = [*numbered(10), ""]
    assert [whole[after:] for after in range(6)] == [words(await task) for task in reading]


async def test_batch_has_all_new_entries(hub: Hub) -> None:
    """A reader that fell behind catches up in one batch."""
    log = await hub.create(record())
    say(log, *range(100))
    with follow(hub) as follower:
        assert numbered(100) == words(await follower.batch())
        assert 100 == follower.after
        say(log, 100, 101)
        assert ["0100", "0101"] == words(await follower.batch())


async def test_poke_returns_early(hub: Hub) -> None:
    """A poked reader returns with nothing, and then reads on as before."""
    log = await hub.create(record())
    with follow(hub) as follower:
        waiting = asyncio.create_task(follower.batch())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        follower.poke()
        assert [] == await waiting
        assert (0, False) == (follower.after, follower.done)
        say(log, 0)
        assert ["0000"] == words(await follower.batch())


async def test_waiting_reader_sleeps(hub: Hub) -> None:
    """A reader that waits for a silent model sleeps until there is an entry."""
    log = await hub.create(record())
    with follow(hub) as follower:
        waiting = asyncio.create_task(follower.batch())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        say(log, 0)
        await asyncio.sleep(0)
        assert ["0000"] == words(await waiting)


async def test_cancelled_batch_loses_nothing(hub: Hub) -> None:
    """A batch that is cancelled does not move the reader."""
    log = await hub.create(record())
    with follow(hub) as follower:
        waiting = asyncio.create_task(follower.batch())
        await asyncio.sleep(0)
        say(log, 0)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert ["0000"] == words(await follower.batch())


async def test_slow_reader_reads_the_journal(journal: RecordingJournal) -> None:
    """What is no longer in memory comes from the journal, and then the reader is live again."""
    hub = Hub(journal, run_bytes=5 * ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    slow = follow(hub)
    say(log, 0)
    got = words(await slow.batch())
    say(log, *range(1, PIECE + 200))
    await until(lambda: log.base > PIECE)
    assert [] == journal.reads
    got += words(await slow.batch())
    assert 1 + PIECE == len(got)
    got += words(await slow.batch())
    assert [("r1", 1), ("r1", PIECE + 1)] == journal.reads
    say(log, PIECE + 200)
    log.append(ending())
    await retired(hub, log)
    got += words(await read_all(slow))
    assert [*numbered(PIECE + 201), ""] == got
    slow.close()
    await hub.close()


async def test_entries_trimmed_under_a_waiting_reader(journal: RecordingJournal) -> None:
    """A reader that waits while its next entries are trimmed from memory loses nothing."""
    hub = Hub(journal, run_bytes=ONE, flush_interval=0)
    await hub.open("me")
    log = await hub.create(record())
    with follow(hub) as follower:
        waiting = asyncio.create_task(follower.batch())
        await asyncio.sleep(0)
        say(log, *range(10))
        await journal.append([Group(log.record, 1, log.since(0))])
        log.flushed = 10
        log.trim_head(ONE)
        assert 9 == log.base
        log.append(ending())
        got = words(await waiting)
        assert [*numbered(10), ""] == got + words(await read_all(follower))
    await retired(hub, log)
    await hub.close()


async def test_gap_in_memory_and_journal() -> None:
    """Entries that neither memory nor the journal has are a gap, and not skipped."""
    hub = Hub(MemoryJournal(run_bytes=5 * ONE), run_bytes=2 * ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    with follow(hub, 3) as follower:
        say(log, *range(50))
        await until(lambda: log.base > 40)
        with pytest.raises(Gap) as gap:
            await follower.batch()
        assert 3 == follower.after
    with follow(hub, int(str(gap.value.details["base"]))) as again:
        log.append(ending())
        assert [*numbered(50), ""][again.after :] == words(await read_all(again))
    await retired(hub, log)
    await hub.close()


async def test_run_removed_under_a_reader_is_a_gap() -> None:
    """A run that the journal forgets under a reader is a gap, too."""
    journal = MemoryJournal(retention=0.05)
    hub = Hub(journal)
    await hub.open("me")
    log = await hub.create(record())
    say(log, *range(3))
    log.append(ending())
    await retired(hub, log)
    with follow(hub, 2) as follower:
        await asyncio.sleep(0.1)
        await hub.create(record("other"))
        with pytest.raises(Gap, match="no longer kept"):
            await follower.batch()
    await hub.close()


async def test_live_reader_outlasts_retention() -> None:
    """A reader that came while the run was live reads to its end, whatever the journal keeps."""
    hub = Hub(MemoryJournal(retention=0.05))
    await hub.open("me")
    log = await hub.create(record())
    say(log, *range(3))
    with follow(hub) as follower:
        log.append(ending())
        await retired(hub, log)
        await asyncio.sleep(0.1)
        await hub.create(record("other"))
        assert hub.get("r1") is None
        assert [*numbered(3), ""] == words(await read_all(follower))
    await hub.close()


async def test_ended_only_behind_the_last_entry(hub: Hub) -> None:
    """`ended` is true only behind the last entry of a run that has ended."""
    log = await hub.create(record())
    say(log, 0)
    seen = [await follow(hub, after).ended() for after in (0, 1)]
    log.append(ending())
    seen += [await follow(hub, after).ended() for after in (0, 1, 2)]
    await retired(hub, log)
    seen += [await follow(hub, after).ended() for after in (0, 1, 2)]
    assert [False, False, *[False, False, True], *[False, False, True]] == seen


async def test_close_counts_a_reader_out_once(hub: Hub) -> None:
    """A reader that leaves is no longer woken, and is counted out once."""
    log = await hub.create(record())
    left: list[str] = []
    follower = Follower(record(), LiveSource(log, hub.journal), 0, lambda _: left.append("left"))
    assert 1 == len(log.readers)
    follower.close()
    follower.close()
    assert (["left"], set()) == (left, log.readers)


Reader = tuple[int, int, int]  # comes after that many chunks, from that number, at that pace


@settings(max_examples=150)
@given(
    count=st.integers(0, 60),
    readers=st.lists(
        st.tuples(st.integers(0, 70), st.integers(0, 60), st.integers(0, 12)),
        min_size=1,
        max_size=6,
    ),
    pauses=st.lists(st.integers(0, 3), min_size=1, max_size=10),
    delay=st.sampled_from([None, 0.0, 0.0005]),
    run_bytes=st.sampled_from([1, 3 * ONE, 1 << 20]),
    in_memory=st.booleans(),
)
@example(60, [(0, 0, 12), (0, 0, 0)], [1], 0.0, 1, False)
@example(60, [(70, 0, 0), (70, 59, 0)], [0], None, 1, True)
def test_every_reader_gets_everything(
    count: int,
    readers: list[Reader],
    pauses: list[int],
    delay: float | None,
    run_bytes: int,
    in_memory: bool,
) -> None:
    """Readers that come at any time, from any number, at any pace, each get all entries from
    there on, once and in order, whatever is held in memory and however slow the journal is."""
    journal: Log = MemoryJournal() if in_memory else RecordingJournal(delay=delay)

    async def read(come: int, after: int, pace: int, spoken: list[int], hub: Hub) -> list[str]:
        await until(lambda: spoken[0] >= min(come, count + 1))
        with follow(hub, min(after, spoken[0])) as follower:
            return words(await read_all(follower, pause=pace))

    async def check() -> None:
        hub = Hub(journal, run_bytes=run_bytes, flush_interval=0)
        await hub.open("me")
        log = await hub.create(record())
        spoken = [0]
        reading = [asyncio.create_task(read(*reader, spoken, hub)) for reader in readers]
        for n in range(count):
            for _ in range(pauses[n % len(pauses)]):
                await asyncio.sleep(0)
            say(log, n)
            spoken[0] += 1
        log.append(ending())
        spoken[0] += 1
        await retired(hub, log)
        got = [await task for task in reading]
        whole = [*numbered(count), ""]
        assert all(text == whole[len(whole) - len(text) :] for text in got)
        for (come, after, _), text in zip(readers, got, strict=True):
            if after <= min(come, count + 1):
                assert whole[after:] == text
        assert set() == log.readers
        await hub.close()
        if isinstance(journal, RecordingJournal):
            assert whole == words(journal.entries["r1"])

    asyncio.run(check())


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[RunsHarness, RunsHarness]]:
    async with two_processes(tmp_path) as harnesses:
        yield harnesses


async def test_reader_ahead_of_the_journal(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """A reader that has seen more than is written sees the rest at another process, and nothing
    twice."""
    a, b = pair
    run = await a.start(Scripted(saying("a", "b", "c", pause=0.2)))
    await until(lambda: run.log.flushed == 1)
    with await b.follow(run, 3) as follower:
        assert not await follower.ended()
        assert ["c", ""] == words(await asyncio.wait_for(read_all(follower), 10))


@pytest.mark.parametrize(
    ("after", "saw_end", "rest"),
    [
        (1, False, ["word", ""]),
        (2, False, [""]),
        (3, False, [""]),  # the number of its end, but also of an entry that was never written
        (4, False, [""]),
        (900, False, [""]),
        (3, True, []),
        (4, True, []),
    ],
)
async def test_reader_ahead_of_a_dead_process(
    tmp_path: Path, after: int, saw_end: bool, rest: list[str]
) -> None:
    """When a process has died, a reader gets the end once, whatever it saw that was lost."""
    async with two_processes(tmp_path) as (a, b):
        run = await a.start(Scripted(silent()))
        await until(lambda: run.log.flushed == 2)
        waiting = await b.follow(run, after)
        await a.hub.journal.close()
        for follower in (
            waiting,
            await b.runs.follow("a1", after, principal="ann", saw_end=saw_end),
        ):
            if follower is not waiting:
                assert (not rest) == await follower.ended()
            got = await asyncio.wait_for(read_all(follower), 10)
            expected = rest if follower is not waiting else rest or [""]
            assert expected == words(got)
            follower.close()


@pytest.mark.parametrize(("after", "rest"), [(2, [""]), (3, []), (4, [""])])
async def test_reader_ahead_of_the_end(
    pair: tuple[RunsHarness, RunsHarness], after: int, rest: list[str]
) -> None:
    """A number behind the end of a whole answer is not taken for its end."""
    a, b = pair
    run = await a.start(Scripted(saying("all")))
    await until(lambda: a.hub.get("a1") is None)
    with await b.follow(run, after) as follower:
        assert (not rest) == await follower.ended()
        assert rest == words(await asyncio.wait_for(read_all(follower), 10))


async def test_ended_while_the_journal_fails(tmp_path: Path) -> None:
    """Whether a run has ended is unknown while its journal fails, which is an error."""
    journal = shared(tmp_path)
    await journal.open("me")
    await journal.create(record())
    follower = Follower(record(), source_of(record(), journal, None), 0)
    assert await follower.ended()
    await journal.close()
    with pytest.raises(JournalUnavailable):
        await follower.ended()
