"""What only the SQLite journal meets: locks, full disks, files that are not its own."""
# ruff: noqa: ASYNC240  # a look at a small file holds nobody up here

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.core.errors import ConfigurationError
from app.core.log.journal import Entry, Group
from app.core.log.journals.sqlite import SqliteJournal
from tests.core.parts import ending, record, text_chunk, words


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def journal(file: Path) -> AsyncIterator[SqliteJournal]:
    opened = SqliteJournal(file)
    await opened.open("one")
    yield opened
    await opened.close()


def numbered(count: int, start: int = 0) -> list[Entry]:
    return [(n / 8, text_chunk(f"{n:04}")) for n in range(start, start + count)]


@contextmanager
def foreign(file: Path, *statements: str) -> Iterator[sqlite3.Connection]:
    """What another program does to the file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
        yield db


async def test_a_file_locked_for_a_moment(journal: SqliteJournal, file: Path) -> None:
    """A write waits while another program holds the file; reads do not."""
    await journal.append([Group(record(), 1, numbered(2))])
    with foreign(file, "BEGIN IMMEDIATE"):
        append = asyncio.create_task(journal.append([Group(record(), 3, numbered(2, 2))]))
        await asyncio.sleep(0.5)
        assert not append.done()
        assert words(numbered(2)) == words(await journal.read("r1", 0, 10))
    assert not await append
    assert words(numbered(4)) == words(await journal.read("r1", 0, 10))


async def test_a_file_locked_for_long(journal: SqliteJournal, file: Path) -> None:
    """A write that waited too long is an error, and can be made again when the lock is gone."""
    group = Group(record(), 1, numbered(2))
    with foreign(file, "BEGIN IMMEDIATE"), pytest.raises(sqlite3.OperationalError, match="locked"):
        await journal.append([group])
    assert await journal.record("r1") is None
    assert not await journal.append([group])
    assert words(numbered(2)) == words(await journal.read("r1", 0, 10))


async def test_a_full_disk(journal: SqliteJournal) -> None:
    """What does not fit is an error that leaves nothing half written; with room, writing and
    sweeping go on."""
    await journal.append([Group(record(), 1, numbered(2))])
    large = Group(record(), 3, [(1.0, text_chunk("x" * (2 << 20)))])
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))  # of any file of this process
    try:
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                await journal.append([large])
            assert words(numbered(2)) == words(await journal.read("r1", 0, 10))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not await journal.append([large])
    await journal.sweep()
    assert [*words(numbered(2)), "x" * (2 << 20)] == words(await journal.read("r1", 0, 10))


async def test_a_call_that_is_given_up(journal: SqliteJournal, file: Path) -> None:
    """Who stops waiting for a write leaves no transaction open, and may make it again."""
    group = Group(record(), 1, numbered(2))
    with foreign(file, "BEGIN IMMEDIATE"), pytest.raises(TimeoutError):
        await asyncio.wait_for(journal.append([group]), 0.2)
    assert not await journal.append([group])
    assert words(numbered(2)) == words(await journal.read("r1", 0, 10))
    with foreign(file, "BEGIN IMMEDIATE") as db:
        assert (2,) == db.execute("SELECT last FROM runs").fetchone()


async def test_opened_by_many_at_once(file: Path) -> None:
    """A new file is set up once, however many processes start together."""
    journals = [SqliteJournal(file) for _ in range(8)]
    await asyncio.gather(*(each.open(f"{n}") for n, each in enumerate(journals)))
    await asyncio.gather(
        *(each.append([Group(record(f"r{n}"), 1, numbered(2))]) for n, each in enumerate(journals))
    )
    assert 8 == len(await journals[0].reached([f"r{n}" for n in range(8)]))
    assert 7 == await journals[0].count_peers()
    for each in journals:
        await each.close()


@pytest.mark.parametrize("content", [b"This is not a database. " * 100, bytes(4096), b"SQLite"])
async def test_files_of_something_else(file: Path, content: bytes) -> None:
    """A file that is no database is refused by its name, and left as it is."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"JOURNAL_URL: .*runs\.db"):
        await SqliteJournal(file).open("one")
    assert content == file.read_bytes()


async def test_databases_of_something_else(file: Path) -> None:
    """A database of another program is refused, and left as it is."""
    with foreign(file, "CREATE TABLE runs (id)"):
        pass
    content = file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"runs\.db is a database of another program"):
        await SqliteJournal(file).open("one")
    assert content == file.read_bytes()


async def test_files_of_a_newer_version(journal: SqliteJournal, file: Path) -> None:
    """A file whose form is not known yet is refused, with what to do about it."""
    await journal.close()
    with foreign(file, "PRAGMA user_version = 1000"):
        pass
    with pytest.raises(ConfigurationError, match=r"runs\.db has schema 1000.*newer"):
        await SqliteJournal(file).open("two")


@pytest.mark.parametrize("place", ["a-file/runs.db", "a-folder"])
async def test_places_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    """A file that cannot be made is told before the server serves, by the name of its setting."""
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(ConfigurationError, match=r"JOURNAL_URL: .* cannot be used"):
        await SqliteJournal(tmp_path / place).open("one")


async def test_the_file_shrinks(file: Path) -> None:
    """What a sweep removed is given back to the disk."""
    journal = SqliteJournal(file, retention=0)
    await journal.open("one")
    await journal.append([Group(record("live"), 1, numbered(3))])
    text = "x" * 100_000
    for run in range(20):
        await journal.append(
            [Group(record(f"r{run}"), 1, [(0.0, text_chunk(text)), (1.0, ending())])]
        )
    await journal.close()
    full = file.stat().st_size
    assert full > 20 * len(text)
    journal = SqliteJournal(file, retention=0)
    await journal.open("two")
    await journal.sweep()
    assert words(numbered(3)) == words(await journal.read("live", 0, 10))
    await journal.close()
    assert file.stat().st_size < full / 10


async def test_what_is_left_behind(file: Path) -> None:
    """A journal that is closed leaves its file and an empty folder of owners."""
    journal = SqliteJournal(file)
    await journal.open("one")
    await journal.append([Group(record(), 1, numbered(3))])
    await journal.close()
    owners = file.with_name("runs.db.owners")
    assert {file, owners} == set(file.parent.iterdir())
    assert [] == list(owners.iterdir())
    with pytest.raises(RuntimeError, match="shutdown"):
        await journal.record("r1")
