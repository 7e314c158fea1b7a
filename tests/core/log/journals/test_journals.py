"""The contract of a journal, kept by each of them: one suite, a row in `JOURNALS` for each."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import ConfigurationError, Gap, UnknownRun
from app.core.log.journal import LOOK_SECONDS, Entry, Group, Log, Reach, RunRecord, SharedJournal
from app.core.log.journals import open_journal
from app.core.log.outbox import Created, UnstoredTurn
from app.models.sizes import size_of
from tests.core.parts import ending, record, text_chunk, words

#: The address of a fresh store for each kind, to which bounds are added as a query.
JOURNALS: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "memory": lambda request: "memory://",
    "redis": lambda request: request.getfixturevalue("redis_server").empty(),
    "sqlite": lambda request: f"sqlite:///{request.getfixturevalue('tmp_path')}/runs.db",
}

#: Those that belong to one process; all others are shared, and keep that contract as well.
PRIVATE = {"memory"}
SHARED = sorted(JOURNALS.keys() - PRIVATE)

#: Seconds in which a store without locks knows that a process is dead.
DEAD = 20

Open = Callable[..., Awaitable[Log]]
Join = Callable[..., Awaitable[SharedJournal]]

#: Bytes of one entry of those tests that bound them: what a store adds to it does not matter.
ONE = size_of(text_chunk("." * 10_000))


@contextlib.asynccontextmanager
async def opener(url: str) -> AsyncIterator[Open]:
    opened: list[Log] = []

    async def make(
        owner: str = "", *, retention: float = 3600, pause_retention: float = 3600, **bounds: int
    ) -> Log:
        journal = open_journal(
            f"{url}?{urlencode(bounds)}",
            retention=retention,
            pause_retention=pause_retention,
            data_dir=Path("/nowhere"),
        )
        await journal.open(owner)
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        await journal.close()


@pytest.fixture(params=sorted(JOURNALS))
async def fresh(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Opens a fresh journal; its retention in seconds, its bounds in bytes."""
    async with opener(JOURNALS[request.param](request)) as make:
        yield make


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest) -> str:
    return JOURNALS[request.param](request)


@pytest.fixture
async def join(shared_url: str) -> AsyncIterator[Join]:
    """Opens one store once more, as another process would under a name of its own."""
    async with opener(shared_url) as make:

        async def enter(owner: str, *, retention: float = 3600, **bounds: int) -> SharedJournal:
            journal = await make(owner, retention=retention, **bounds)
            assert isinstance(journal, SharedJournal)
            return journal

        yield enter


def entries(*texts: str, start: float = 0.0) -> list[Entry]:
    return [(start + n / 8, text_chunk(text)) for n, text in enumerate(texts)]


def numbered(count: int, start: int = 0) -> list[Entry]:
    """Entries of one size, which say their numbers."""
    return entries(*(f"{n:04}" for n in range(start, start + count)))


def large(count: int, start: int = 0) -> list[Entry]:
    """The same, of `ONE` bytes each."""
    return entries(*(f"{n:.>10000}" for n in range(start, start + count)))


def owned(run_id: str, owner: str) -> RunRecord:
    return msgspec.structs.replace(record(run_id), owner=owner)


async def put(
    journal: Log, run: str | RunRecord, first: int, entries: list[Entry]
) -> Collection[str]:
    """Append one group to one run."""
    known = record(run) if isinstance(run, str) else run
    return await journal.append([Group(known, first, entries)])


async def put_large(journal: Log, run: str, count: int, start: int = 0) -> None:
    """Append large entries, each in a group of its own."""
    for n in range(start, start + count):
        await put(journal, run, n + 1, large(1, n))


async def end_large(journal: Log, run: str) -> None:
    """Put a whole run into the journal: three large entries and an end."""
    await put_large(journal, run, 3)
    await put(journal, run, 4, [(9.0, ending())])


async def log_of(journal: Log, run_id: str, after: int = 0, page: int = 100) -> list[Entry]:
    """All that follows a number, page by page."""
    read: list[Entry] = []
    while more := await journal.read(run_id, after + len(read), page):
        read += more
    return read


async def test_entries_are_read_as_written(fresh: Open) -> None:
    """What was appended in groups is read back equal, times included, and in order."""
    journal = await fresh()
    await journal.create(record())
    first, second = entries("a", "🙂\u2028\0", ""), [(7.5, ending("z"))]
    await put(journal, "r1", 1, first)
    assert first == await journal.read("r1", 0, 100)
    await put(journal, "r1", 4, second)
    assert [*first, *second] == await journal.read("r1", 0, 100)
    assert second == await journal.read("r1", 3, 100)


async def test_pages_of_any_size_make_the_log(fresh: Open) -> None:
    """Pages of any size, from any number, put together are the log."""
    journal = await fresh()
    await journal.create(record())
    await put(journal, "r1", 1, numbered(10))
    assert ["0003", "0004"] == words(await journal.read("r1", 3, 2))
    for size in range(1, 12):
        read: list[Entry] = []
        while page := await journal.read("r1", len(read), size):
            assert len(page) <= size
            read += page
        assert numbered(10) == read


async def test_read_past_the_end_is_empty(fresh: Open) -> None:
    """Nothing follows the newest entry, whether the run has ended or not."""
    journal = await fresh()
    await journal.create(record())
    assert [] == await journal.read("r1", 0, 10)
    await put(journal, "r1", 1, numbered(2))
    assert [] == await journal.read("r1", 2, 10)
    assert [] == await journal.read("r1", 99, 10)
    await put(journal, "r1", 3, [(1.0, ending())])
    assert [] == await journal.read("r1", 3, 10)


async def test_read_returns_a_copy(fresh: Open) -> None:
    """Changes that a reader makes to its entries are not in the journal."""
    journal = await fresh()
    await journal.create(record())
    await put(journal, "r1", 1, numbered(3))
    (await journal.read("r1", 0, 10)).clear()
    assert numbered(3) == await journal.read("r1", 0, 10)


async def test_record_is_kept_after_the_end(fresh: Open) -> None:
    """A run is known from its creation on, also after its end."""
    journal = await fresh()
    assert await journal.record("r1") is None
    await journal.create(record())
    assert record() == await journal.record("r1")
    await put(journal, "r1", 1, [(0.0, ending())])
    assert record() == await journal.record("r1")


async def test_read_of_an_unknown_run(fresh: Open) -> None:
    """A run that was never created has no record, and reading it is an error."""
    journal = await fresh()
    await journal.create(record("other"))
    assert await journal.record("r1") is None
    with pytest.raises(UnknownRun, match="r1"):
        await journal.read("r1", 0, 10)


async def test_runs_written_in_turns_stay_separate(fresh: Open) -> None:
    """Runs that are written in turns keep their own entries and numbers."""
    journal = await fresh()
    for run_id in ("r1", "r2"):
        await journal.create(record(run_id))
    for n in range(3):
        await put(journal, "r1", n + 1, entries(f"one {n}"))
        await put(journal, "r2", n + 1, entries(f"two {n}"))
    assert ["one 0", "one 1", "one 2"] == words(await journal.read("r1", 0, 10))
    assert ["two 0", "two 1", "two 2"] == words(await journal.read("r2", 0, 10))


async def test_append_of_many_runs(fresh: Open) -> None:
    """One append writes the groups of many runs, each to its own log."""
    journal = await fresh()
    for n in range(3):
        groups = [Group(record(f"r{i}"), n + 1, entries(f"{i} {n}")) for i in range(20)]
        assert not await journal.append(groups)
    for i in range(20):
        assert [f"{i} 0", f"{i} 1", f"{i} 2"] == words(await journal.read(f"r{i}", 0, 10))


async def test_append_creates_a_run(fresh: Open) -> None:
    """The first group of a run makes it known, if nothing else did."""
    journal = await fresh()
    assert not await put(journal, "r1", 1, numbered(2))
    assert record() == await journal.record("r1")
    assert numbered(2) == await journal.read("r1", 0, 10)


async def test_create_keeps_a_known_run(fresh: Open) -> None:
    """Creating a run that is known changes neither its record nor its log, and says so."""
    journal = await fresh()
    await put(journal, "r1", 1, numbered(2))
    assert not await journal.create(msgspec.structs.replace(record(), agent="another"))
    assert await journal.create(record("r2"))
    assert not await journal.create(record("r2"))
    assert record() == await journal.record("r1")
    assert numbered(2) == await journal.read("r1", 0, 10)


async def test_a_new_run_overlooks_what_is_before_it(fresh: Open) -> None:
    """A run is stored with what comes before it: nothing while turns of its session wait, and the
    active runs of other processes, which the first run of a conversation cannot have."""
    journal = await fresh()
    await journal.outbox.keep(UnstoredTurn("k", "ann/c1", 1.0, "{}"))
    assert Created(new=False, waiting=1) == await journal.create(record(), "ann/c1")
    assert await journal.record("r1") is None
    assert (await journal.create(record(), "ann/c2")).new
    await journal.outbox.settle(["k"])
    theirs = msgspec.structs.replace(record("r2"), owner="another")
    found = await journal.create(theirs, "ann/c1")
    if isinstance(journal, SharedJournal):
        assert Created(new=True, before=["r1"]) == found
    first = msgspec.structs.replace(record("r3"), owner="third", first=True)
    assert [] == list((await journal.create(first)).before or [])
    assert not await journal.create(record("r3"), "ann/c1")


@pytest.mark.parametrize("question", [None, "What?", "long " * 100_000])
async def test_record_keeps_the_question(fresh: Open, question: str | None) -> None:
    """The question that a conversation must remember is in the record of its run."""
    journal = await fresh()
    expected = msgspec.structs.replace(record(), question=question, fingerprint="f" * 32)
    await journal.create(expected)
    assert expected == await journal.record("r1")


@pytest.mark.parametrize(("first", "count"), [(1, 1), (1, 2), (2, 1), (1, 4), (2, 2), (3, 2)])
async def test_repeated_append_is_skipped(fresh: Open, first: int, count: int) -> None:
    """Entries that are there already are passed over, in whatever groups they come again."""
    journal = await fresh()
    await put(journal, "r1", 1, numbered(2))
    assert not await put(journal, "r1", first, numbered(count, first - 1))
    log = numbered(max(2, first + count - 1))
    for page in range(1, 6):
        assert words(log) == words(await log_of(journal, "r1", page=page))


@pytest.mark.parametrize("created", [True, False])
async def test_append_with_a_hole_leaves_a_gap(fresh: Open, created: bool) -> None:
    """Where entries were left out, all before them is a gap, and the log goes on behind it."""
    journal = await fresh()
    if created:
        await put(journal, "r1", 1, numbered(3))
    await put(journal, "r1", 6, numbered(2, 5))
    await put(journal, "r1", 8, numbered(1, 7))
    for after in range(5):
        with pytest.raises(Gap) as gap:
            await journal.read("r1", after, 10)
        assert {"first_event_id": "r1:5", "base": 5} == gap.value.details
    assert words(numbered(3, 5)) == words(await journal.read("r1", 5, 10))


async def test_append_after_the_end_is_lost(fresh: Open) -> None:
    """A run that has ended is lost to who writes on; a repeat of what is there is no harm."""
    journal = await fresh()
    log = [*numbered(2), (1.0, ending())]
    assert not await put(journal, "r1", 1, log)
    assert not await put(journal, "r1", 1, log)
    assert not await put(journal, "r1", 3, log[2:])
    assert ["r1"] == list(await put(journal, "r1", 4, numbered(1)))
    assert ["r1"] == list(await put(journal, "r1", 3, [*log[2:], *numbered(1)]))
    both = [Group(record("r1"), 9, numbered(1)), Group(record("r2"), 1, numbered(1))]
    assert ["r1"] == list(await journal.append(both))
    assert words(log) == words(await journal.read("r1", 0, 10))
    assert words(numbered(1)) == words(await journal.read("r2", 0, 10))


async def test_reached_of_many_runs(fresh: Open) -> None:
    """One call returns how far many logs go; unknown runs are left out."""
    journal = await fresh()
    await journal.create(record("new"))
    await put(journal, "live", 1, numbered(3))
    await put(journal, "over", 1, [*numbered(4), (1.0, ending())])
    await put(journal, "hole", 8, numbered(1))
    expected = {
        "new": Reach(0, False),
        "live": Reach(3, False),
        "over": Reach(5, True),
        "hole": Reach(8, False),
    }
    assert expected == await journal.reached([*expected, "unknown"])
    assert {} == await journal.reached([])


async def test_run_bytes_trims_the_oldest_entries(fresh: Open) -> None:
    """A run over its bound loses its oldest entries, which is a gap that names where to read on;
    the numbers stay."""
    journal = await fresh(run_bytes=10 * ONE)
    await put_large(journal, "r1", 30)
    await journal.sweep()
    with pytest.raises(Gap) as gap:
        await journal.read("r1", 0, 100)
    base = int(str(gap.value.details["base"]))
    assert f"r1:{base}" == gap.value.details["first_event_id"]
    assert 18 <= base <= 22
    assert large(30)[base:] == [
        (n / 8, chunk) for n, (_, chunk) in enumerate(await journal.read("r1", base, 100), base)
    ]
    with pytest.raises(Gap):
        await journal.read("r1", base - 1, 100)
    await put(journal, "r1", 31, [(9.0, ending())])
    assert (await journal.read("r1", 30, 100))[0][1].done


async def test_run_bytes_keeps_the_newest_entry(fresh: Open) -> None:
    """The newest entry is always kept, however large it is."""
    journal = await fresh(run_bytes=ONE)
    await put(journal, "r1", 1, entries("small", "large" * 10_000))
    await journal.sweep()
    assert ["large" * 10_000] == words(await journal.read("r1", 1, 10))


async def test_total_bytes_removes_the_runs_that_ended_first(fresh: Open) -> None:
    """Over the bound of all runs, those that ended first go first, whole; live ones stay."""
    journal = await fresh(total_bytes=12 * ONE)
    await put_large(journal, "live", 3)
    await end_large(journal, "old")
    await end_large(journal, "new")
    await journal.sweep()
    assert await journal.record("old") is not None
    await put_large(journal, "live", 4, 3)
    await journal.sweep()
    assert await journal.record("old") is None
    assert {"new", "live"} == (await journal.reached(["old", "new", "live"])).keys()
    with pytest.raises(UnknownRun):
        await journal.read("old", 0, 10)
    assert 4 == len(await journal.read("new", 0, 10))
    assert words(large(7)) == words(await log_of(journal, "live"))


async def test_total_bytes_trims_the_quietest_live_run(fresh: Open) -> None:
    """Where no run has ended, the one written to longest ago loses its head, not its place."""
    journal = await fresh(total_bytes=6 * ONE + ONE // 2)
    for run_id in ("quiet", "busy"):
        await put_large(journal, run_id, 3)
    await put_large(journal, "busy", 2, 3)
    await journal.sweep()
    assert words(large(5)) == words(await journal.read("busy", 0, 10))
    with pytest.raises(Gap):
        await journal.read("quiet", 0, 10)
    assert words(large(1, 2)) == words(await journal.read("quiet", 2, 10))
    await put_large(journal, "quiet", 1, 3)
    assert words(large(1, 3)) == words(await journal.read("quiet", 3, 10))


async def test_retention_removes_ended_runs_only(fresh: Open) -> None:
    """An ended run is forgotten after its retention, and a live one is not."""
    journal = await fresh(retention=1)
    await put(journal, "live", 1, numbered(2))
    await put(journal, "over", 1, [*numbered(2), (1.0, ending())])
    await journal.sweep()
    assert await journal.record("over") is not None
    assert 3 == len(await journal.read("over", 0, 10))
    await asyncio.sleep(1.2)
    await journal.sweep()
    assert await journal.record("over") is None
    assert {} == await journal.reached(["over"])
    with pytest.raises(UnknownRun):
        await journal.read("over", 0, 10)
    assert numbered(2) == await journal.read("live", 0, 10)
    await put(journal, "live", 3, numbered(1, 2))
    assert words(numbered(3)) == words(await journal.read("live", 0, 10))


async def test_delete_removes_an_ended_run_only(fresh: Open) -> None:
    """A deleted run is unknown, its bytes are free, and others are as they were."""
    journal = await fresh(total_bytes=8 * ONE)
    await put(journal, "live", 1, numbered(2))
    for run in ("one", "two"):
        await end_large(journal, run)
    for run in ("one", "live", "unknown", "one"):
        await journal.delete(run)
    assert await journal.record("one") is None
    with pytest.raises(UnknownRun):
        await journal.read("one", 0, 10)
    await end_large(journal, "three")
    await journal.sweep()
    assert {"live", "two", "three"} == (
        await journal.reached(["live", "one", "two", "three"])
    ).keys()
    assert await put(journal, "live", 3, numbered(1, 2)) == []
    assert await journal.create(record("one"))


async def test_concurrent_reads_have_no_holes(fresh: Open) -> None:
    """Whoever reads while others write gets the log without holes, to its end."""
    journal = await fresh()
    await journal.create(record())

    async def write() -> None:
        for n in range(0, 200, 2):
            await put(journal, "r1", n + 1, numbered(2, n))
        await put(journal, "r1", 201, [(99.0, ending("z"))])

    async def read() -> list[str]:
        seen: list[Entry] = []
        while not seen or not seen[-1][1].done:
            seen += await journal.read("r1", len(seen), 7)
            await asyncio.sleep(0)
        return words(seen)

    _, *logs = await asyncio.gather(write(), *(read() for _ in range(3)))
    assert [[*words(numbered(200)), "z"]] * 3 == logs


async def test_last_page_of_an_ended_run_is_done(fresh: Open) -> None:
    """The last entry of a page of an ended run is the last of its log, and is done."""
    journal = await fresh()
    await put(journal, "r1", 1, [*numbered(49), (9.0, ending())])
    read = await log_of(journal, "r1", page=7)
    assert [False] * 49 + [True] == [chunk.done for _, chunk in read]


RUNS = map("run-{}".format, itertools.count())  # names nobody had before


@settings(
    max_examples=50,
    # One store serves all examples; each has runs of its own in it.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.lists(st.text(max_size=50), max_size=5)), max_size=20),
    st.integers(1, 10),
)
@pytest.mark.parametrize("kind", sorted(JOURNALS))
def test_log_is_the_same_for_any_groups_and_pages(
    request: pytest.FixtureRequest,
    kind: str,
    groups: list[tuple[int, list[str]]],
    page: int,
) -> None:
    """However entries are grouped, and however they are paged, the log is the same."""

    async def check() -> None:
        async with opener(JOURNALS[kind](request)) as make:
            journal = await make("writer")
            runs = [next(RUNS), next(RUNS)]
            logs: list[list[Entry]] = [[], []]
            for run_id in runs:
                await journal.create(record(run_id))
            for run, texts in groups:
                await put(journal, runs[run], len(logs[run]) + 1, entries(*texts))
                logs[run] += entries(*texts)
            assert logs == [await log_of(journal, run_id, page=page) for run_id in runs]

    asyncio.run(check())


# Journals that several processes share.


async def adopted(journal: SharedJournal) -> list[RunRecord]:
    """The first orphans that a process adopts, which looks for them every now and then."""
    async with asyncio.timeout(DEAD):
        while True:
            await journal.send_heartbeat()
            if found := await journal.adopt_orphans():
                return found
            await asyncio.sleep(0.1)


async def test_log_outlives_its_process(join: Join) -> None:
    """A process that comes later finds the runs of one that is gone, and writes on."""
    first = await join("first")
    run = owned("r1", "first")
    await put(first, run, 1, numbered(3))
    await first.close()
    second = await join("second")
    assert run == await second.record("r1")
    assert {"r1": Reach(3, False)} == await second.reached(["r1"])
    (run,) = await adopted(second)
    assert not await put(second, run, 4, [(9.0, ending())])
    assert [*words(numbered(3)), ""] == words(await log_of(second, "r1"))


async def test_other_process_reads_each_append(join: Join) -> None:
    """A reader in another process sees each group as soon as its append returned."""
    writer, reader = await join("writer"), await join("reader")
    run = owned("r1", "writer")
    await writer.create(run)
    assert run == await reader.record("r1")
    for n in range(20):
        await put(writer, run, n + 1, numbered(1, n))
        assert words(numbered(n + 1)) == words(await reader.read("r1", 0, 100))
        assert {"r1": Reach(n + 1, False)} == await reader.reached(["r1"])


async def test_count_peers(join: Join) -> None:
    """Each process counts the others, without those that are about to end, or have ended."""
    one = await join("one")
    assert 0 == await one.count_peers()
    two = await join("two/with:odd signs")
    three = await join("three")
    for journal in (one, two, three):
        await journal.send_heartbeat()
    assert [2, 2, 2] == [await journal.count_peers() for journal in (one, two, three)]
    await two.mark_leaving()
    await two.send_heartbeat()
    assert [1, 2, 1] == [await journal.count_peers() for journal in (one, two, three)]
    assert [] == await one.adopt_orphans()
    await three.mark_leaving()
    await two.close()
    assert [0, 1] == [await one.count_peers(), await three.count_peers()]


async def test_runs_of_living_processes_are_not_adopted(join: Join) -> None:
    """No process adopts the run of a living process, nor its own."""
    one, two = await join("one"), await join("two")
    await put(one, owned("r1", "one"), 1, numbered(1))
    for _ in range(3):
        for journal in (one, two):
            await journal.send_heartbeat()
            assert [] == await journal.adopt_orphans()
    assert not await put(one, owned("r1", "one"), 2, numbered(1, 1))


async def test_each_orphan_is_adopted_once(join: Join) -> None:
    """When many processes adopt runs of a dead one, each run goes to one, ended runs to none."""
    dead = await join("dead")
    runs = {f"r{n}": owned(f"r{n}", "dead") for n in range(10)}
    await dead.append([Group(run, 1, numbered(2)) for run in runs.values()])
    await put(dead, owned("over", "dead"), 1, [(0.0, ending())])
    await dead.close()
    others = [await join(f"other-{n}") for n in range(4)]
    found: list[RunRecord] = []
    async with asyncio.timeout(DEAD):
        while len(found) < len(runs):
            for heir in others:
                await heir.send_heartbeat()
            batches = await asyncio.gather(*(heir.adopt_orphans() for heir in others))
            for n, batch in enumerate(batches):
                assert {f"other-{n}"} >= {run.owner for run in batch}
                found += batch
    assert sorted(runs) == sorted(run.run_id for run in found)
    for run in found:
        assert msgspec.structs.replace(run, owner="dead") == runs[run.run_id]
        assert run == await others[0].record(run.run_id)
    for heir in others:
        assert [] == await heir.adopt_orphans()


async def test_orphans_are_adopted_in_batches(join: Join) -> None:
    """Of a process that died with many runs, each search takes over so many at most, until none is
    left."""
    dead = await join("dead")
    runs = {f"r{n:02}": owned(f"r{n:02}", "dead") for n in range(25)}
    await dead.append([Group(run, 1, numbered(1)) for run in runs.values()])
    await dead.close()
    heir = await join("heir")
    batches: list[list[str]] = []
    async with asyncio.timeout(DEAD):
        while sum(map(len, batches)) < len(runs):
            await heir.send_heartbeat()
            if found := await heir.adopt_orphans(10):
                batches.append([run.run_id for run in found])
            else:
                await asyncio.sleep(0.1)
    assert [10, 10, 5] == [len(batch) for batch in batches]
    assert sorted(runs) == sorted(run_id for batch in batches for run_id in batch)
    assert [] == await heir.adopt_orphans(10)


async def test_append_to_an_adopted_run_is_lost(join: Join) -> None:
    """The next write of a process that was taken for dead reports its runs as lost and writes
    nothing of them."""
    dead = await join("dead")
    await put(dead, owned("r1", "dead"), 1, numbered(2))
    await dead.close()
    heir = await join("heir")
    (run,) = await adopted(heir)
    late = await join("late")
    groups = [Group(owned("r1", "dead"), 3, numbered(1, 2)), Group(record("r2"), 1, numbered(1))]
    assert ["r1"] == list(await late.append(groups))
    assert ["r1"] == list(await put(late, owned("r1", "dead"), 9, numbered(1, 8)))
    assert words(numbered(2)) == words(await late.read("r1", 0, 10))
    assert words(numbered(1)) == words(await late.read("r2", 0, 10))
    assert not await put(heir, run, 3, [(9.0, ending())])
    assert {"r1": Reach(3, True)} == await late.reached(["r1"])


#: A process that owns a run, until it is killed; with "fork" a child of it lives on.
OWNER = """
import asyncio, os, sys, time
from pathlib import Path
import msgspec
from app.core.log.journal import Group
from app.core.log.journals import open_journal
from app.core.log.outbox import Created, UnstoredTurn
from tests.core.parts import record, text_chunk

async def main():
    journal = open_journal(sys.argv[1], retention=60, data_dir=Path("/nowhere"))
    await journal.open("killed")
    run = msgspec.structs.replace(record("r1"), owner="killed", question="What?")
    await journal.append([Group(run, 1, [(0.5, text_chunk("a")), (0.75, text_chunk("b"))])])
    if sys.argv[2:] and os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    print("ready", flush=True)
    while True:
        await journal.send_heartbeat()
        await asyncio.sleep(0.5)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", [[], ["fork"]])
async def test_runs_of_a_killed_process_are_adopted(
    join: Join, shared_url: str, how: list[str]
) -> None:
    """The runs of a process that was killed go on elsewhere, with all that it wrote, even where a
    child of it lives on; and not before."""
    journal = await join("heir")
    with subprocess.Popen(  # noqa: ASYNC220  # it is waited for in threads
        [sys.executable, "-W", "ignore", "-c", OWNER, shared_url, *how],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert b"ready\n" == await asyncio.to_thread(process.stdout.readline)
            await journal.send_heartbeat()
            assert 1 == await journal.count_peers()
            assert [] == await journal.adopt_orphans()
            process.kill()
            assert -signal.SIGKILL == await asyncio.to_thread(process.wait)
            (run,) = await adopted(journal)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert ("r1", "heir", "What?") == (run.run_id, run.owner, run.question)
    assert [(0.5, text_chunk("a")), (0.75, text_chunk("b"))] == await journal.read("r1", 0, 10)
    assert 0 == await journal.count_peers()


async def test_runs_before_in_the_conversation(join: Join) -> None:
    """A run waits for those of its conversation and principal that came before it in other
    processes, in that order, until they have ended."""
    one, two = await join("one"), await join("two")
    order = ["r3", "r1", "r2"]
    for n, run_id in enumerate(order):
        await (one, two)[n % 2].create(owned(run_id, "two" if n % 2 else "one"))
    await one.create(record("elsewhere", conversation_id="c2"))
    await one.create(record("foreign", principal="bob"))
    for journal in (one, two):
        assert [] == await journal.runs_before(owned("r3", "one"))
        assert ["r3"] == await journal.runs_before(owned("r1", "two"))
        assert ["r1"] == await journal.runs_before(owned("r2", "one"))
        assert ["r3", "r1", "r2"] == await journal.runs_before(owned("new", "three"))
        assert [] == await journal.runs_before(record("foreign", principal="bob"))
    await put(one, owned("r3", "one"), 1, [(0.0, ending())])
    assert ["r1", "r2"] == await two.runs_before(owned("new", "three"))


async def test_list_active_of_all_owners(join: Join) -> None:
    """Each process lists the active runs of a principal, of all owners, oldest first."""
    one, two = await join("one"), await join("two")
    runs = [
        msgspec.structs.replace(owned(run_id, owner), created_at=1_700_000_000.0 + n)
        for n, (run_id, owner) in enumerate([("r2", "one"), ("r1", "two"), ("r3", "one")])
    ]
    for run in runs:
        await one.create(run)
    await two.create(record("foreign", principal="bob"))
    for journal in (one, two):
        assert runs == await journal.list_active("ann")
    await put(one, runs[0], 1, [(0.0, ending())])
    await put(one, runs[2], 1, numbered(2))
    assert runs[1:] == await two.list_active("ann")
    assert [] == await two.list_active("nobody")
    await put(two, runs[1], 1, [(0.0, ending())])
    assert runs[2:] == await one.list_active("ann")


async def test_cancel_request_reaches_the_owner_once(join: Join) -> None:
    """A cancel request reaches the owner of the run, once."""
    one, two = await join("one"), await join("two")
    for run_id in ("r1", "r2", "r3"):
        await one.create(owned(run_id, "one"))
    await two.create(owned("r4", "two"))
    assert [] == await one.take_cancel_requests()
    await two.request_cancel("r1")
    await two.request_cancel("r3")
    await two.request_cancel("r3")
    await one.request_cancel("r4")
    await one.request_cancel("unknown")
    assert ["r1", "r3"] == sorted(await one.take_cancel_requests())
    assert [] == await one.take_cancel_requests()
    assert ["r4"] == await two.take_cancel_requests()
    await two.request_cancel("r1")
    assert ["r1"] == await one.take_cancel_requests()


async def test_write_overlooks_a_cancel_request(join: Join) -> None:
    """A write that finds no cancel request of its process spares it a look; one that finds some
    does not, and neither does an old one."""
    one, two = await join("one"), await join("two")
    await put(two, owned("r2", "two"), 1, numbered(1))
    await two.request_cancel("r2")  # that of another process
    assert not one.saw_no_cancels
    await put(one, owned("r1", "one"), 1, numbered(1))
    assert one.saw_no_cancels
    await two.request_cancel("r1")
    await put(one, owned("r1", "one"), 2, numbered(1))
    assert not one.saw_no_cancels
    assert ["r1"] == await one.take_cancel_requests()
    await put(one, owned("r1", "one"), 3, numbered(1))
    assert one.saw_no_cancels
    await asyncio.sleep(LOOK_SECONDS + 0.05)
    assert not one.saw_no_cancels


async def test_cancel_request_for_an_ended_run(join: Join) -> None:
    """There is nothing to cancel in a run that has ended."""
    one, two = await join("one"), await join("two")
    await put(one, owned("r1", "one"), 1, [(0.0, ending())])
    await two.request_cancel("r1")
    assert [] == await one.take_cancel_requests()


async def test_mark_followed(join: Join) -> None:
    """The owner learns whether its run has readers at another process."""
    one, two = await join("one"), await join("two")
    for run_id in ("r1", "r2"):
        await one.create(owned(run_id, "one"))
    assert not await one.is_followed("r1")
    await two.mark_followed(["r1", "unknown"])
    assert await one.is_followed("r1")
    assert not await one.is_followed("r2")
    assert not await one.is_followed("unknown")


async def test_sweep_by_any_process(join: Join) -> None:
    """Any process removes what is too old or too much, whoever owns it, also at the same time."""
    one = await join("one", total_bytes=8 * ONE)
    two = await join("two", total_bytes=8 * ONE)
    await end_large(one, "old")
    await end_large(one, "new")
    await put_large(two, "live", 3)
    await asyncio.gather(*(journal.sweep() for journal in (one, two, one, two)))
    assert {"new", "live"} == (await one.reached(["old", "new", "live"])).keys()
    brief = await join("three", retention=0.001)
    await asyncio.sleep(0.1)
    await brief.sweep()
    assert {"live"} == (await one.reached(["old", "new", "live"])).keys()


@pytest.mark.parametrize("url", ["carrier-pigeon://", "memory://?run_bytes=x", "memory://?a=1"])
def test_invalid_journal_url(url: str, tmp_path: Path) -> None:
    """An invalid address is an error before the server serves, which names its setting."""
    with pytest.raises(ConfigurationError, match="JOURNAL_URL"):
        open_journal(url, retention=1, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        (None, "data/runs.db"),
        ("", "data/runs.db"),
        ("sqlite:///", "data/runs.db"),
        ("sqlite:///?run_bytes=9", "data/runs.db"),
        ("sqlite:///other/log.db", "other/log.db"),
        ("sqlite:///{here}/log.db?total_bytes=9", "log.db"),
    ],
)
async def test_path_of_the_sqlite_file(
    url: str | None, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the journal is a file in the folder of the data; an address names another."""
    monkeypatch.chdir(tmp_path)
    address = url and url.format(here=tmp_path)
    journal = open_journal(address, retention=1, data_dir=Path("data"))
    await journal.open("one")
    await journal.close()
    assert (tmp_path / file).is_file()
