"""The tail: readers are woken at each change of a run that another process drives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.log.journal import Group
from app.core.log.journals.sqlite import SqliteJournal
from app.core.log.tail import Tail
from tests.core.parts import ending, record, text_chunk, until
from tests.core.runs.harness import shared

RUN = record("r1", owner="writer")


@pytest.fixture
async def journals(tmp_path: Path) -> AsyncIterator[tuple[SqliteJournal, SqliteJournal]]:
    """One that writes, and one of another process that reads."""
    pair = shared(tmp_path, total_bytes=1), shared(tmp_path)
    for journal, name in zip(pair, ("writer", "reader"), strict=True):
        await journal.open(name)
    yield pair
    for journal in pair:
        await journal.close()


class Reader:
    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


async def test_readers_wake_at_each_change(journals: tuple[SqliteJournal, SqliteJournal]) -> None:
    """All readers of a run are woken when it has gone on and when it has ended, and by nothing
    else; those of other runs are not."""
    writer, journal = journals
    await writer.create(RUN)
    await writer.create(record("r2", owner="writer"))
    tail, one, two, other = Tail(journal), Reader(), Reader(), Reader()
    tail.join("r1", one.wake)
    tail.join("r1", two.wake)
    tail.join("r2", other.wake)
    await until(lambda: one.woken == two.woken == other.woken == 1)
    for number, chunk in enumerate([text_chunk("a"), text_chunk("b"), ending()], start=1):
        await writer.append([Group(RUN, number, [(0.0, chunk)])])
        await until(lambda: one.woken == two.woken == number + 1)  # noqa: B023
    await asyncio.sleep(0.2)
    assert (4, 4, 1) == (one.woken, two.woken, other.woken)
    tail.leave("r1", one.wake)
    tail.leave("r1", two.wake)
    tail.leave("r2", other.wake)


async def test_readers_wake_when_the_run_is_removed(
    journals: tuple[SqliteJournal, SqliteJournal],
) -> None:
    """Readers are woken when their run is no longer kept."""
    writer, journal = journals
    await writer.append([Group(RUN, 1, [(0.0, ending())])])
    tail, reader = Tail(journal), Reader()
    tail.join("r1", reader.wake)
    await until(lambda: reader.woken == 1)
    await writer.sweep()
    await until(lambda: reader.woken == 2)
    assert {} == await journal.reached(["r1"])
    tail.leave("r1", reader.wake)


async def test_followed_runs_are_marked(journals: tuple[SqliteJournal, SqliteJournal]) -> None:
    """Each run that is read here is marked at once for its owner."""
    writer, journal = journals
    runs = [record(f"r{n}", owner="writer") for n in range(3)]
    for run in runs:
        await writer.create(run)
    tail, readers = Tail(journal), [Reader() for _ in runs]
    for run, reader in zip(runs[:2], readers[:2], strict=True):
        tail.join(run.run_id, reader.wake)
        await until(lambda: reader.woken == 1)  # noqa: B023
    assert [True, True, False] == [await writer.is_followed(run.run_id) for run in runs]
    for run, reader in zip(runs, readers, strict=True):
        tail.leave(run.run_id, reader.wake)


async def test_polling_stops_without_readers(journals: tuple[SqliteJournal, SqliteJournal]) -> None:
    """Without readers the journal is not polled; the next reader starts it again."""
    writer, journal = journals
    await writer.create(RUN)
    tail, reader = Tail(journal), Reader()
    for times in range(1, 4):
        tail.join("r1", reader.wake)
        await until(lambda: reader.woken == times)  # noqa: B023
        tail.leave("r1", reader.wake)
        tail.leave("r1", reader.wake)
        await until(lambda: {asyncio.current_task()} == asyncio.all_tasks())
