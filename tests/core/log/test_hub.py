"""The hub: logs that grow in memory, and the groups in which they reach the journal."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.errors import Gap
from app.core.log.hub import Hub
from app.core.log.journal import Entry
from app.core.log.meter import Meter
from app.core.log.run_log import RunLog
from app.models.sizes import size_of
from tests.core.parts import RecordingJournal, ending, record, retired, text_chunk, until, words

FLUSH = 0.02
ONE = size_of(text_chunk("0000"))


@pytest.fixture
def journal() -> RecordingJournal:
    return RecordingJournal()


@pytest.fixture
async def hub(journal: RecordingJournal) -> AsyncIterator[Hub]:
    hub = Hub(journal, flush_interval=FLUSH)
    await hub.open("me")
    yield hub
    if not journal.closed:
        await hub.close()


def log_of(*texts: str) -> RunLog:
    log = RunLog(record(), lambda log: None)
    for text in texts:
        log.append(text_chunk(text))
    return log


async def speak(log: RunLog, count: int, *, pause: float = 0, start: int = 0) -> None:
    for n in range(start, start + count):
        log.append(text_chunk(f"{n:04}"))
        await asyncio.sleep(pause)


def numbered(count: int) -> list[str]:
    return [f"{n:04}" for n in range(count)]


def test_append_after_the_end_is_refused() -> None:
    """A chunk after the one that is done is refused, done or not, and not kept."""
    log = log_of("a")
    log.append(ending())
    for late in (text_chunk("late"), ending()):
        with pytest.raises(RuntimeError, match="has ended"):
            log.append(late)
    assert ["a", ""] == words(log.since(0))
    assert log.ended


def test_entries_are_numbered_from_one() -> None:
    """Entries are numbered from 1, and are read from behind any number."""
    log = log_of()
    assert (0, False, []) == (log.last, log.ended, log.since(0))
    log = log_of("a", "b", "c")
    assert (3, False) == (log.last, log.ended)
    assert [["a", "b", "c"], ["b", "c"], ["c"], []] == [words(log.since(n)) for n in range(4)]


def test_entry_times_increase() -> None:
    """Each entry has its time since the log began."""
    times = [time for time, _ in log_of(*"abcdef").since(0)]
    assert sorted(times) == times
    assert 0 <= times[0] < 1


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=30),
    st.integers(0, 30),
    st.lists(st.integers(0, 5000), min_size=1, max_size=4),
)
def test_trim_keeps_unwritten_and_newest_entries(
    sizes: list[int], flushed: int, bounds: list[int]
) -> None:
    """Only entries that are in the journal are dropped, oldest first, never the last one, and no
    more than needed; numbers and sizes stay right."""
    log = log_of(*("x" * size for size in sizes))
    log.flushed = min(flushed, log.last)
    everything = log.since(0)
    for bound in bounds:
        before = log.size
        freed = log.trim_head(bound)
        assert before - freed == log.size
        assert len(everything) == log.last
        assert everything[log.base :] == log.since(log.base)
        assert sum(size_of(chunk) for _, chunk in log.entries) == log.size
        assert log.base <= log.flushed
        assert log.entries
        if freed:
            assert log.size + size_of(everything[log.base - 1][1]) > bound
        if log.size > bound:
            assert log.base == min(log.flushed, log.last - 1)


async def test_tokens_are_written_in_groups(hub: Hub, journal: RecordingJournal) -> None:
    """Tokens reach the journal in groups, of which there is one in each interval at most."""
    log = await hub.create(record())
    began = time.monotonic()
    await speak(log, 300, pause=0.0005)
    log.append(ending())
    await retired(hub, log)
    assert [*numbered(300), ""] == words(journal.entries["r1"])
    assert len(journal.appends) <= (time.monotonic() - began) / FLUSH + 2


async def test_single_chunk_is_written(hub: Hub, journal: RecordingJournal) -> None:
    """A chunk that nothing follows is in the journal after the interval, and so is the next."""
    log = await hub.create(record())
    for n in range(3):
        log.append(text_chunk(str(n)))
        await until(lambda n=n: len(journal.entries["r1"]) == n + 1)  # type: ignore[misc]  # bound to n
    assert [("r1", 1, 1), ("r1", 2, 1), ("r1", 3, 1)] == journal.appends


async def test_slow_journal_gets_every_entry(hub: Hub, journal: RecordingJournal) -> None:
    """Tokens that come while others are being written are written, too, though nothing follows
    them; groups arrive in order."""
    journal.delay = 0.05
    log = await hub.create(record())
    await speak(log, 100, pause=0.002)
    await until(lambda: log.flushed == log.last, seconds=2)
    assert numbered(100) == words(journal.entries["r1"])
    numbers = [first for _, first, _ in journal.appends]
    assert sorted(numbers) == numbers


async def test_slow_journal_gets_the_end(hub: Hub, journal: RecordingJournal) -> None:
    """A run that ends in the middle of a write is handed over whole, once."""
    journal.delay = 0.05
    log = await hub.create(record())
    await speak(log, 20, pause=0.002)
    log.append(ending())
    await retired(hub, log)
    assert [*numbered(20), ""] == words(journal.entries["r1"])
    assert hub.get("r1") is None


async def test_failed_write_is_retried(hub: Hub, journal: RecordingJournal) -> None:
    """What cannot be written is tried again; nothing is lost or doubled, and readers in this
    process see all of it meanwhile."""
    log = await hub.create(record())
    await speak(log, 10)
    await until(lambda: log.flushed == 10)
    journal.failing = True
    await speak(log, 20, pause=0.005, start=10)
    assert numbered(10) == words(journal.entries["r1"])
    assert numbered(30) == words(log.since(0))
    journal.failing = False
    await until(lambda: log.flushed == 30)
    await speak(log, 5, start=30)
    log.append(ending())
    await retired(hub, log)
    assert [*numbered(35), ""] == words(journal.entries["r1"])


async def test_ended_run_is_held_until_it_is_written(hub: Hub, journal: RecordingJournal) -> None:
    """A run whose end cannot be written stays readable here, until it is written after all."""
    log = await hub.create(record())
    await speak(log, 3)
    journal.failing = True
    log.append(ending())
    await asyncio.sleep(5 * FLUSH)
    assert log is hub.get("r1")
    journal.failing = False
    await until(lambda: hub.get("r1") is None)
    assert [*numbered(3), ""] == words(journal.entries["r1"])


async def test_all_runs_share_one_write(hub: Hub, journal: RecordingJournal) -> None:
    """What many runs say at one time reaches the journal in one write."""
    logs = [await hub.create(record(f"r{n}")) for n in range(20)]
    for log in logs:
        log.append(text_chunk("a"))
    await until(lambda: all(log.flushed for log in logs))
    assert 1 == journal.writes


async def test_failed_create_is_made_up_for(hub: Hub, journal: RecordingJournal) -> None:
    """A run that the journal could not create continues, and is created with its first entries."""
    journal.failing = True
    log = await hub.create(record())
    await speak(log, 3)
    assert hub.trouble is not None
    assert await journal.record("r1") is None
    journal.failing = False
    await until(lambda: log.flushed == 3)
    assert hub.trouble is None
    assert record() == await journal.record("r1")
    assert numbered(3) == words(journal.entries["r1"])


async def test_retries_back_off_and_log_once(
    hub: Hub, journal: RecordingJournal, caplog: pytest.LogCaptureFixture
) -> None:
    """The start and the end of an outage are logged once, however long it is."""
    journal.failing = True
    log = await hub.create(record())
    await speak(log, 50, pause=0.01)
    assert journal.refused < 8
    journal.failing = False
    await until(lambda: log.flushed == 50)
    assert ["ERROR", "WARNING"] == [entry.levelname for entry in caplog.records]


async def test_flusher_outlives_an_unforeseen_error(
    hub: Hub, journal: RecordingJournal, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that is none of the journal's costs one flush, which is logged, and no entry."""

    class Broken(Meter):
        def read(self, entries: Sequence[Entry]) -> None:
            log.meter = Meter()
            raise ZeroDivisionError

    log = await hub.create(record())
    log.meter = Broken()
    await speak(log, 300)
    await until(lambda: "cannot be written" in caplog.text)
    await speak(log, 1, start=300)
    await until(lambda: log.flushed == 301)
    assert numbered(301) == words(journal.entries["r1"])


async def test_adopted_run_is_reported_lost(journal: RecordingJournal) -> None:
    """A run that another process has adopted is reported, and no longer held here."""
    lost: list[str] = []
    hub = Hub(journal, flush_interval=FLUSH, on_lost=lost.append)
    await hub.open("me")
    taken, mine = await hub.create(record("taken")), await hub.create(record("mine"))
    journal.taken.add("taken")
    await asyncio.gather(speak(taken, 3), speak(mine, 3))
    await until(lambda: mine.flushed == 3)
    assert ["taken"] == lost
    assert hub.get("taken") is None
    assert numbered(3) == words(journal.entries["mine"])
    await hub.close()


async def test_close_writes_the_rest(hub: Hub, journal: RecordingJournal) -> None:
    """Closing writes every run's newest entries before it closes the journal."""
    logs = [await hub.create(record(f"r{n}")) for n in range(5)]
    for log in logs:
        log.append(text_chunk("a"))
    await hub.close()
    assert [["a"]] * 5 == [words(journal.entries[f"r{n}"]) for n in range(5)]
    assert journal.closed


async def test_close_waits_for_a_write(hub: Hub, journal: RecordingJournal) -> None:
    """A write that is under way is neither cut nor repeated, and the runs behind it are not
    forgotten."""
    journal.delay = 0.05
    logs = [await hub.create(record(f"r{n}")) for n in range(5)]
    for log in logs:
        log.append(text_chunk("a"))
    await asyncio.sleep(2.5 * FLUSH)
    for log in logs:
        log.append(text_chunk("b"))
    await hub.close()
    assert [["a", "b"]] * 5 == [words(journal.entries[f"r{n}"]) for n in range(5)]


async def test_close_without_runs(hub: Hub, journal: RecordingJournal) -> None:
    """A hub that nobody used closes at once."""
    async with asyncio.timeout(1):
        await hub.close()
    assert journal.closed


async def test_run_bytes_bounds_memory(journal: RecordingJournal) -> None:
    """A long run holds no more than its bound in memory; the rest is in the journal."""
    hub = Hub(journal, run_bytes=10 * ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    await speak(log, 200, pause=0.001)
    await until(lambda: log.size <= 10 * ONE)
    assert log.base >= 190
    assert words(log.since(log.base)) == numbered(200)[log.base :]
    await hub.close()
    assert numbered(200) == words(journal.entries["r1"])


async def test_run_bytes_with_a_slow_journal(journal: RecordingJournal) -> None:
    """The bound is kept in mid-run also when each write takes a while."""
    journal.delay = 0.02
    hub = Hub(journal, run_bytes=10 * ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    largest = 0
    for n in range(40):
        await speak(log, 5, pause=0.002, start=n * 5)
        largest = max(largest, log.size)
    assert largest < 100 * ONE
    await hub.close()


async def test_total_bytes_bounds_memory(journal: RecordingJournal) -> None:
    """All runs together hold no more than the bound of all, though each is below its own."""
    hub = Hub(journal, run_bytes=100 * ONE, total_bytes=60 * ONE, flush_interval=0.001)
    await hub.open("me")
    logs = [await hub.create(record(f"r{n}")) for n in range(5)]
    for log in logs:
        await speak(log, 50)
    await until(lambda: sum(log.size for log in logs) <= 60 * ONE)
    assert all(log.entries for log in logs)
    await hub.close()


async def test_run_bytes_keeps_unwritten_entries(journal: RecordingJournal) -> None:
    """While the journal fails, memory is the only copy, and is kept over the bound of a run."""
    journal.failing = True
    hub = Hub(journal, run_bytes=ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    await speak(log, 50, pause=0.001)
    assert numbered(50) == words(log.since(0))
    journal.failing = False
    await until(lambda: log.size <= ONE)
    await hub.close()
    assert numbered(50) == words(journal.entries["r1"])


async def test_total_bytes_drops_unwritten_entries(journal: RecordingJournal) -> None:
    """Over the bound of all runs the oldest entries go even though they are nowhere else; the
    journal then has a gap, which readers get as an error."""
    hub = Hub(journal, total_bytes=10 * ONE, flush_interval=0.001)
    await hub.open("me")
    log = await hub.create(record())
    await speak(log, 5)
    await until(lambda: log.flushed == 5)
    journal.failing = True
    await speak(log, 45, start=5)
    await until(lambda: log.size <= 10 * ONE)
    journal.failing = False
    await until(lambda: hub.trouble is None and log.flushed == 50)
    with pytest.raises(Gap):
        await journal.read("r1", 5, 100)
    base = journal.bases["r1"]
    assert numbered(50)[base:] == words(await journal.read("r1", base, 100))
    await hub.close()


@pytest.mark.parametrize("most", [1 << 20, 200_000])
async def test_backlog_is_written_in_pieces(journal: RecordingJournal, most: int) -> None:
    """What gathered in an outage is written in calls of a bounded size, smaller ones where those
    fail, and each that succeeds is not repeated."""
    hub = Hub(journal, run_bytes=64 << 20, flush_interval=0.001)
    await hub.open("me")
    logs = [await hub.create(record(f"r{n}")) for n in range(3)]
    journal.failing = True
    for log in logs:
        for n in range(40):
            log.append(text_chunk(f"{n:04}" + 50_000 * "x"))
    await until(lambda: hub.trouble is not None)
    journal.failing, journal.most = False, most
    await until(lambda: all(log.flushed == log.last for log in logs), seconds=20)
    for log in logs:
        assert numbered(40) == [text[:4] for text in words(journal.entries[log.record.run_id])]
    assert 120 == sum(count for _, _, count in journal.appends)
    await hub.close()


async def test_backlog_is_written_oldest_first(journal: RecordingJournal) -> None:
    """The run whose text has waited longest is written first."""
    hub = Hub(journal, run_bytes=64 << 20, flush_interval=0.001)
    await hub.open("me")
    logs = [await hub.create(record(f"r{n}")) for n in range(4)]
    journal.failing = True
    for log in (logs[2], logs[0], logs[3], logs[1]):
        await asyncio.sleep(0.01)
        log.append(text_chunk(600_000 * "x"))
    await until(lambda: hub.trouble is not None)
    journal.failing = False
    await until(lambda: len(journal.appends) == 4)
    assert ["r2", "r0", "r3", "r1"] == [run_id for run_id, _, _ in journal.appends]
    await hub.close()


async def test_ended_logs_leave_in_a_long_outage(journal: RecordingJournal) -> None:
    """A log that has ended leaves the memory when its retention is over, although the journal
    never got it; a live one stays."""
    hub = Hub(journal, flush_interval=0.001, retention=0.2)
    await hub.open("me")
    over, live = await hub.create(record("over")), await hub.create(record("live"))
    journal.failing = True
    for log in (over, live):
        log.append(text_chunk("a"))
    over.append(ending())
    await until(lambda: hub.get("over") is None)
    assert hub.get("live") is live
    journal.failing = False
    await until(lambda: live.flushed == 1)
    await hub.close()


async def test_questions_count_as_memory(journal: RecordingJournal) -> None:
    """Questions that wait for the journal with their runs are in the bound of all logs."""
    hub = Hub(journal, total_bytes=100_000, flush_interval=0.001)
    await hub.open("me")
    journal.failing = True
    for n in range(10):
        asking = replace(record(f"r{n}"), question=30_000 * "?")
        log = await hub.create(asking)
        log.append(ending())
    await until(lambda: sum(hub.get(f"r{n}") is not None for n in range(10)) <= 3)
    journal.failing = False
    await hub.close()
