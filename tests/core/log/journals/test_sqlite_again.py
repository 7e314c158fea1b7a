"""A SQLite journal whose file is locked, removed or replaced under it."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from app.core.log.hub import Hub
from app.core.log.journal import Group
from app.core.log.journals.sqlite import SqliteJournal
from app.core.log.journals.sqlite_file import Connection
from app.core.log.journals.sqlite_queries import create
from app.core.log.reading import JournalReplaced
from tests.core.parts import ending, record, text_chunk, until


async def test_a_reader_connects_while_another_process_writes(tmp_path: Path) -> None:
    """A connection that reads needs no lock for writing, also when it connects again."""
    file = tmp_path / "runs.db"
    writer, reader = Connection(file, "BEGIN IMMEDIATE"), Connection(file, "BEGIN")
    await writer.run(lambda db: None)
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(1):  # the lock would be waited for longer
            assert 0 == await reader.run(
                lambda db: db.execute("SELECT count(*) FROM runs").fetchone()[0]
            )
    finally:
        other.close()
        await reader.close()
        await writer.close()


def remove(folder: Path) -> None:
    for file in [*folder.rglob("*")]:
        if file.is_file():
            file.unlink()


async def test_a_replaced_file_is_reported_once(tmp_path: Path) -> None:
    """The first write into another file than before is refused by name; the next one is kept."""
    journal = SqliteJournal(tmp_path / "runs.db")
    await journal.open("me")
    group = Group(record("r1", owner="me"), 1, [(0.0, text_chunk("a"))])
    await journal.append([group])
    remove(tmp_path)
    with pytest.raises(JournalReplaced):
        await journal.append([group])
    await journal.append([group])
    assert 1 == len(await journal.read("r1", 0, 10))
    await journal.close()


async def test_a_heartbeat_takes_the_lock_again(tmp_path: Path) -> None:
    """Other processes see that this one is alive, also after the folder of locks was removed; and
    that it is about to end."""
    one, two = SqliteJournal(tmp_path / "runs.db"), SqliteJournal(tmp_path / "runs.db")
    await one.open("one")
    await two.open("two")
    remove(tmp_path)
    assert 0 == await two.count_peers()
    await one.send_heartbeat()
    assert 1 == await two.count_peers()
    await two.mark_leaving()
    remove(tmp_path)
    for journal in (two, one):
        await journal.send_heartbeat()
    assert [0, 1] == [await journal.count_peers() for journal in (one, two)]
    await one.close()
    assert 0 == await two.count_peers()
    await two.close()


async def test_a_live_log_is_written_again_from_its_beginning(tmp_path: Path) -> None:
    """What is in memory of a run that goes on is in the new file, too, and the trouble passes."""
    journal = SqliteJournal(tmp_path / "runs.db")
    hub = Hub(journal, flush_interval=0.01)
    await hub.open("me")
    log = await hub.create(record("r1", owner="me"))
    log.append(text_chunk("a"))
    await until(lambda: log.flushed == 1)
    remove(tmp_path)
    log.append(text_chunk("b"))
    await until(lambda: hub.trouble is not None)
    await until(lambda: hub.trouble is None and log.flushed == 2)
    log.append(ending())
    await until(lambda: log.flushed == 3)
    assert 3 == len(await journal.read("r1", 0, 10))
    await hub.close()


async def test_calls_that_wait_fail_with_another(tmp_path: Path) -> None:
    """Calls that wait together share a transaction, and one that fails takes back its own work
    alone."""
    connection = Connection(tmp_path / "runs.db", "BEGIN IMMEDIATE")
    await connection.run(lambda db: None)

    def put(db: sqlite3.Connection, run_id: str) -> None:
        create(db, [record(run_id)])
        if run_id == "odd":
            raise LookupError(run_id)

    def found(db: sqlite3.Connection) -> list[str]:
        return [run_id for (run_id,) in db.execute("SELECT run_id FROM runs ORDER BY run_id")]

    names = ["a", "odd", "b", "odd", "c"]
    for calls in (names, ["odd"], ["d"]):
        results = await asyncio.gather(
            *(connection.run(put, name) for name in calls), return_exceptions=True
        )
        assert [name == "odd" for name in calls] == [
            isinstance(result, LookupError) for result in results
        ]
    assert ["a", "b", "c", "d"] == await connection.run(found)
    await connection.close()
