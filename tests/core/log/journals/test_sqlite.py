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
from app.core.log.journals.sqlite_file import Connection
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
    """Another program has the file open and executes statements."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
        yield db


async def test_write_waits_for_a_short_lock(journal: SqliteJournal, file: Path) -> None:
    """A write waits while another program holds the file; reads do not."""
    await journal.append([Group(record(), 1, numbered(2))])
    with foreign(file, "BEGIN IMMEDIATE"):
        append = asyncio.create_task(journal.append([Group(record(), 3, numbered(2, 2))]))
        await asyncio.sleep(0.5)
        assert not append.done()
        assert words(numbered(2)) == words(await journal.read("r1", 0, 10))
    assert not await append
    assert words(numbered(4)) == words(await journal.read("r1", 0, 10))


async def test_write_fails_after_a_long_lock(journal: SqliteJournal, file: Path) -> None:
    """A write that waited too long is an error, and can be repeated when the lock is gone."""
    group = Group(record(), 1, numbered(2))
    with foreign(file, "BEGIN IMMEDIATE"), pytest.raises(sqlite3.OperationalError, match="locked"):
        await journal.append([group])
    assert await journal.record("r1") is None
    assert not await journal.append([group])
    assert words(numbered(2)) == words(await journal.read("r1", 0, 10))


async def test_write_fails_on_a_full_disk(journal: SqliteJournal) -> None:
    """A write that does not fit is an error that leaves nothing half written; with room,
    writing and sweeping work again."""
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


async def test_reader_is_opened_again_while_another_program_writes(
    journal: SqliteJournal, file: Path
) -> None:
    """A connection that reads, and was closed after an error, is opened again at once while another
    program holds the file for writing."""

    def fails(db: sqlite3.Connection) -> None:
        db.execute("SELECT x FROM nowhere")

    def counts(db: sqlite3.Connection) -> int:
        count: int = db.execute("SELECT count(*) FROM runs").fetchone()[0]
        return count

    await journal.create(record())
    reader = Connection(file, "BEGIN")
    assert 1 == await reader.run(counts)
    with foreign(file, "BEGIN IMMEDIATE"):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await reader.run(fails)
        assert 1 == await reader.run(counts)
    await reader.close()


async def test_cancelled_call_leaves_no_transaction(journal: SqliteJournal, file: Path) -> None:
    """A write that is cancelled leaves no transaction open, and can be repeated."""
    group = Group(record(), 1, numbered(2))
    with foreign(file, "BEGIN IMMEDIATE"), pytest.raises(TimeoutError):
        await asyncio.wait_for(journal.append([group]), 0.2)
    assert not await journal.append([group])
    assert words(numbered(2)) == words(await journal.read("r1", 0, 10))
    with foreign(file, "BEGIN IMMEDIATE") as db:
        assert (2,) == db.execute("SELECT last FROM runs").fetchone()


async def test_new_file_is_set_up_once(file: Path) -> None:
    """A new file is set up once, however many processes start together."""
    for n in range(20):
        journals = [SqliteJournal(file.parent / str(n) / "runs.db") for _ in range(8)]
        await asyncio.gather(*(each.open(f"{n}") for n, each in enumerate(journals)))
        for each in journals:
            await each.close()
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
async def test_file_that_is_no_database_is_refused(file: Path, content: bytes) -> None:
    """A file that is no database is refused by its name, and left unchanged."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"JOURNAL_URL: .*runs\.db"):
        await SqliteJournal(file).open("one")
    assert content == file.read_bytes()


async def test_database_of_another_program_is_refused(file: Path) -> None:
    """A database of another program is refused, and left unchanged."""
    with foreign(file, "CREATE TABLE runs (id)"):
        pass
    content = file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"runs\.db is a database of another program"):
        await SqliteJournal(file).open("one")
    assert content == file.read_bytes()


async def test_newer_schema_is_refused(journal: SqliteJournal, file: Path) -> None:
    """A file with a newer schema is refused, and the message says what to do."""
    await journal.close()
    with foreign(file, "PRAGMA user_version = 1000"):
        pass
    with pytest.raises(ConfigurationError, match=r"runs\.db has schema 1000.*newer"):
        await SqliteJournal(file).open("two")


@pytest.mark.parametrize("place", ["a-file/runs.db", "a-folder"])
async def test_unwritable_path_is_a_configuration_error(tmp_path: Path, place: str) -> None:
    """A file that cannot be made is an error before the server serves, which names its setting."""
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(ConfigurationError, match=r"JOURNAL_URL: .* cannot be used"):
        await SqliteJournal(tmp_path / place).open("one")


async def test_sweep_shrinks_the_file(file: Path) -> None:
    """The disk space of what a sweep removed is freed."""
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


async def test_close_leaves_no_lock(file: Path) -> None:
    """A journal that is closed leaves its file and an empty folder of owners."""
    journal = SqliteJournal(file)
    await journal.open("one")
    await journal.append([Group(record(), 1, numbered(3))])
    await journal.close()
    owners = file.with_name("runs.db.owners")
    assert {file, owners} == set(file.parent.iterdir())
    assert [] == list(owners.iterdir())
    with pytest.raises(RuntimeError, match="has ended"):
        await journal.record("r1")
