"""The contract of a journal, kept by each of them: one suite, a row in `JOURNALS` for each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import ConfigurationError, Gap, UnknownRun
from app.core.journals import Entry, Journal, open_journal, size_of
from tests.core.parts import ending, record, said, words

#: The address of a fresh journal of each kind, to which bounds are added as a query.
JOURNALS: dict[str, Callable[[Path], str]] = {
    "memory": lambda folder: "memory://",
}

Open = Callable[..., Awaitable[Journal]]
ONE = size_of(said("0000"))  # bytes of one entry of these tests


@pytest.fixture(params=sorted(JOURNALS))
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a fresh journal; its retention in seconds, its bounds in bytes."""
    opened: list[Journal] = []

    async def make(*, retention: float = 3600, **bounds: int) -> Journal:
        url = f"{JOURNALS[request.param](tmp_path)}?{urlencode(bounds)}"
        journal = open_journal(url, retention=retention)
        await journal.open()
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        await journal.close()


def entries(*texts: str, start: float = 0.0) -> list[Entry]:
    return [(start + n / 8, said(text)) for n, text in enumerate(texts)]


def numbered(count: int, start: int = 0) -> list[Entry]:
    """Entries of one size, which say their numbers."""
    return entries(*(f"{n:04}" for n in range(start, start + count)))


async def ended(journal: Journal, run_id: str, count: int = 3) -> None:
    """Put a whole run of `count` entries into the journal."""
    await journal.create(record(run_id))
    await journal.append(run_id, 1, [*numbered(count - 1), (9.0, ending())])


async def test_entries_come_back(fresh: Open) -> None:
    """What was appended in groups is read back equal, times included, and in order."""
    journal = await fresh()
    await journal.create(record())
    first, second = entries("a", "🙂\u2028\0", ""), [(7.5, ending("z"))]
    await journal.append("r1", 1, first)
    assert first == await journal.read("r1", 0, 100)
    await journal.append("r1", 4, second)
    assert [*first, *second] == await journal.read("r1", 0, 100)
    assert second == await journal.read("r1", 3, 100)


async def test_pages(fresh: Open) -> None:
    """Pages of any size, from any number, put together are the log."""
    journal = await fresh()
    await journal.create(record())
    await journal.append("r1", 1, numbered(10))
    assert ["0003", "0004"] == words(await journal.read("r1", 3, 2))
    for size in range(1, 12):
        read: list[Entry] = []
        while page := await journal.read("r1", len(read), size):
            assert len(page) <= size
            read += page
        assert numbered(10) == read


async def test_past_the_end(fresh: Open) -> None:
    """There is nothing behind the newest entry, whether the run has ended or not."""
    journal = await fresh()
    await journal.create(record())
    assert [] == await journal.read("r1", 0, 10)
    await journal.append("r1", 1, numbered(2))
    assert [] == await journal.read("r1", 2, 10)
    assert [] == await journal.read("r1", 99, 10)
    await journal.append("r1", 3, [(1.0, ending())])
    assert [] == await journal.read("r1", 3, 10)


async def test_a_read_is_the_readers_own(fresh: Open) -> None:
    """What a reader does with its entries changes nothing in the journal."""
    journal = await fresh()
    await journal.create(record())
    await journal.append("r1", 1, numbered(3))
    (await journal.read("r1", 0, 10)).clear()
    assert numbered(3) == await journal.read("r1", 0, 10)


async def test_records(fresh: Open) -> None:
    """A run is known from its creation on, also after its end."""
    journal = await fresh()
    assert await journal.record("r1") is None
    await journal.create(record())
    assert record() == await journal.record("r1")
    await journal.append("r1", 1, [(0.0, ending())])
    assert record() == await journal.record("r1")


async def test_unknown_runs(fresh: Open) -> None:
    """A run that was never created has no record, and reading it is an error."""
    journal = await fresh()
    await journal.create(record("other"))
    assert await journal.record("r1") is None
    with pytest.raises(UnknownRun, match="r1"):
        await journal.read("r1", 0, 10)


async def test_runs_are_apart(fresh: Open) -> None:
    """Runs that are written in turns keep their own entries and numbers."""
    journal = await fresh()
    for run_id in ("r1", "r2"):
        await journal.create(record(run_id))
    for n in range(3):
        await journal.append("r1", n + 1, entries(f"one {n}"))
        await journal.append("r2", n + 1, entries(f"two {n}"))
    assert ["one 0", "one 1", "one 2"] == words(await journal.read("r1", 0, 10))
    assert ["two 0", "two 1", "two 2"] == words(await journal.read("r2", 0, 10))


@pytest.mark.parametrize("first", [0, 1, 2, 4, 5])
async def test_holes_and_repeats(fresh: Open, first: int) -> None:
    """A group that does not follow on is refused, and nothing of it is kept."""
    journal = await fresh()
    await journal.create(record())
    await journal.append("r1", 1, numbered(2))
    with pytest.raises(ValueError, match="does not follow"):
        await journal.append("r1", first, entries("x", "y"))
    await journal.append("r1", 3, entries("0002"))
    assert ["0000", "0001", "0002"] == words(await journal.read("r1", 0, 10))


async def test_the_bound_of_one_run(fresh: Open) -> None:
    """A run over its bound loses its oldest entries, which is told as a gap that says where to
    go on; the numbers stay."""
    journal = await fresh(run_bytes=10 * ONE)
    await journal.create(record())
    for group in range(10):
        await journal.append("r1", group * 3 + 1, numbered(3, group * 3))
    with pytest.raises(Gap) as gap:
        await journal.read("r1", 0, 100)
    base = int(str(gap.value.details["base"]))
    assert f"r1:{base}" == gap.value.details["first_event_id"]
    assert 0 < base < 30
    kept = await journal.read("r1", base, 100)
    assert words(numbered(30)[base:]) == words(kept)
    assert sum(size_of(chunk) for _, chunk in kept) <= 10 * ONE
    with pytest.raises(Gap):
        await journal.read("r1", base - 1, 100)
    await journal.append("r1", 31, [(9.0, ending())])
    assert (await journal.read("r1", 30, 100))[0][1].done


async def test_an_entry_larger_than_the_bound(fresh: Open) -> None:
    """The newest entry is always kept, however large it is."""
    journal = await fresh(run_bytes=ONE)
    await journal.create(record())
    await journal.append("r1", 1, entries("small", "large" * 1000))
    assert ["large" * 1000] == words(await journal.read("r1", 1, 10))


async def test_the_bound_of_all(fresh: Open) -> None:
    """Over the bound of all runs, those that ended first go first, whole; live ones stay."""
    journal = await fresh(total_bytes=12 * ONE)
    await journal.create(record("live"))
    await journal.append("live", 1, numbered(3))
    await ended(journal, "old")
    await ended(journal, "new")
    assert await journal.record("old") is not None
    await journal.append("live", 4, numbered(4, 3))
    assert await journal.record("old") is None
    with pytest.raises(UnknownRun):
        await journal.read("old", 0, 10)
    assert 3 == len(await journal.read("new", 0, 10))
    assert words(numbered(7)) == words(await journal.read("live", 0, 10))


async def test_the_bound_of_all_live_runs(fresh: Open) -> None:
    """Where no run has ended, the one written to longest ago loses its head, not its place."""
    journal = await fresh(total_bytes=6 * ONE)
    for run_id in ("quiet", "busy"):
        await journal.create(record(run_id))
        await journal.append(run_id, 1, numbered(3))
    await journal.append("busy", 4, numbered(2, 3))
    assert words(numbered(5)) == words(await journal.read("busy", 0, 10))
    with pytest.raises(Gap):
        await journal.read("quiet", 0, 10)
    assert ["0002"] == words(await journal.read("quiet", 2, 10))
    await journal.append("quiet", 4, numbered(1, 3))
    assert ["0003"] == words(await journal.read("quiet", 3, 10))


async def test_retention(fresh: Open) -> None:
    """An ended run is forgotten after its retention, and a live one is not."""
    journal = await fresh(retention=0.2)
    await journal.create(record("live"))
    await journal.append("live", 1, numbered(2))
    await ended(journal, "over")
    assert await journal.record("over") is not None
    assert 3 == len(await journal.read("over", 0, 10))
    await asyncio.sleep(0.4)
    assert await journal.record("over") is None
    with pytest.raises(UnknownRun):
        await journal.read("over", 0, 10)
    assert words(numbered(2)) == words(await journal.read("live", 0, 10))
    await journal.append("live", 3, numbered(1, 2))
    assert words(numbered(3)) == words(await journal.read("live", 0, 10))


async def test_an_ended_run_is_readable_to_its_end(fresh: Open) -> None:
    """The last entry of a page of an ended run is the last of its log, and is done."""
    journal = await fresh()
    await ended(journal, "r1", 50)
    read: list[Entry] = []
    while page := await journal.read("r1", len(read), 7):
        read += page
    assert [False] * 49 + [True] == [chunk.done for _, chunk in read]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["r1", "r2"]), st.lists(st.text(max_size=50), max_size=5)),
        max_size=20,
    ),
    st.integers(1, 10),
    st.sampled_from(sorted(JOURNALS)),
)
def test_any_groups(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[tuple[str, list[str]]],
    page: int,
    kind: str,
) -> None:
    """However entries are grouped, and however they are paged, the log is the same."""

    async def check() -> None:
        url = JOURNALS[kind](tmp_path_factory.mktemp("journal"))
        journal = open_journal(url, retention=3600)
        await journal.open()
        logs: dict[str, list[Entry]] = {"r1": [], "r2": []}
        for run_id in logs:
            await journal.create(record(run_id))
        for run_id, texts in groups:
            await journal.append(run_id, len(logs[run_id]) + 1, entries(*texts))
            logs[run_id] += entries(*texts)
        for run_id, log in logs.items():
            read: list[Entry] = []
            while more := await journal.read(run_id, len(read), page):
                read += more
            assert log == read
        await journal.close()

    asyncio.run(check())


@pytest.mark.parametrize("url", ["carrier-pigeon://", "", "memory://?run_bytes=x", "memory://?a=1"])
def test_journals_that_are_not(url: str) -> None:
    """A wrong address is told before the server serves, by the name of its setting."""
    with pytest.raises(ConfigurationError, match="JOURNAL_URL"):
        open_journal(url, retention=1)
