"""The file of the SQLite journal: its tables, and connections that do not block the event loop.

See docs/decisions/007-sqlite-one-row-a-run-and-flush.md.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...errors import ConfigurationError
from ...threads.worker import Worker
from ..journal import MEBIBYTE
from .sqlite_pauses import TABLE as PAUSED
from .sqlite_wal import use_wal

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: Something to do with a connection, in a transaction that others may share.
Job = Callable[[sqlite3.Connection], Any]

#: Seconds that a call waits for a transaction of another process.
BUSY_TIMEOUT = 2.0

#: The header fields of the file: its application id (the bytes "agno"), and its schema version.
APPLICATION_ID, SCHEMA_VERSION = 0x61676E6F, 1

# The columns of a run that change with each group are in a small row, what never changes is in
# another. Groups are stored in the order in which they were written, so groups of many runs share
# a page. Column `asked` is set while a cancel is requested.
SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    owner TEXT NOT NULL,
    base INTEGER NOT NULL DEFAULT 0,
    last INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,
    written_at REAL NOT NULL,
    watched_until REAL NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0,
    ended_at REAL
);
CREATE INDEX live ON runs (conversation_id, principal) WHERE ended_at IS NULL;
CREATE INDEX ended ON runs (ended_at, size) WHERE ended_at IS NOT NULL;
CREATE INDEX asked ON runs (owner) WHERE asked;
CREATE TABLE records (run INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE groups (run INTEGER, last INTEGER, data BLOB NOT NULL, PRIMARY KEY (run, last));
"""

#: The table of turns that could not be stored yet; files of older versions get it as well.
OUTBOX = """
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,
    created_at REAL NOT NULL,
    data TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    claimed_until REAL NOT NULL DEFAULT 0
)
"""

#: The table of the checkpoints of active runs.
CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS checkpoints (
    run INTEGER PRIMARY KEY,
    data TEXT NOT NULL
)
"""

#: Tables that files of older servers lack: they are added when the file is opened.
LATER = ("outbox", "paused", "checkpoints")


class Connection:
    """A connection to the database file, with a thread of its own.

    Calls that wait at the same time share a transaction. After an error the connection is closed,
    and the next call opens a new one.
    """

    def __init__(self, file: Path, begin: str) -> None:
        self._file = file
        self._begin = begin
        self._closed = False
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None  # the file that the connection has open
        #: True once the file was replaced under the connection; who has dealt with it resets it.
        self.replaced = False
        self._worker = Worker("journal-writer" if "IMMEDIATE" in begin else "journal-reader")

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        """Call `work` in a transaction on the thread and return its result; raises what it raises.

        `work` gets the `sqlite3.Connection`, then the arguments. An error rolls back what it did,
        and nothing of the calls beside it.
        """

        def job(db: sqlite3.Connection) -> T:
            return work(db, *args, **kw)

        result: T = await self._worker.do_together(self._transact, job)
        return result

    def _transact(self, jobs: list[Job]) -> list[Any]:
        """Do jobs in one transaction; those beside one that fails are done again, without it."""
        results: list[Any] = []
        try:
            self._check()
            if self._db is None:
                self._db = _connect(self._file)
                self._opened = _identity(self._file)
            self._db.execute(self._begin)
            for job in jobs:
                results.append(job(self._db))
            self._db.execute("COMMIT")
        except BaseException as error:
            began = self._db is not None and self._db.in_transaction
            self._drop()
            failed = len(results)
            if not began or failed == len(jobs):  # the file cannot be used: it concerns all
                return [error] * len(jobs)
            others = self._transact(jobs[:failed] + jobs[failed + 1 :]) if len(jobs) > 1 else []
            return [*others[:failed], error, *others[failed:]]
        return results

    async def checkpoint(self) -> None:
        """Empty the write-ahead log, so that what was removed is in no file any more; has no effect
        while others read the file."""

        def job() -> None:
            if self._db is not None:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        await self._worker.do(job)

    async def check(self) -> None:
        """Look whether the file is still the one that is open; if not, the next call opens the new
        one, and `replaced` is True."""
        await self._worker.do(self._check)

    def _check(self) -> None:
        # SQLite goes on writing to a file that was deleted, where nobody will ever find it.
        if self._db is not None and _identity(self._file) != self._opened:
            logger.error(
                "journal: %s was removed or replaced while it was open; it is made anew, and runs "
                "that ended before are gone",
                self._file,
            )
            self._drop()
            self.replaced = True

    async def close(self) -> None:
        """Close the file and end the thread; after that `run` raises `RuntimeError`."""
        if self._closed:
            return
        self._closed = True
        closing = self._worker.do(self._drop)
        self._worker.close()
        await closing

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()  # rolls back
            self._db = None


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what identifies a file among all others, None if it does not exist."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(file, timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        _prepare(db, file)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, file: Path) -> None:
    """Set the options of a new connection, and create the tables if the file is new.

    Raises `ConfigurationError` if another program or a newer version has written the file.
    """
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute(f"PRAGMA journal_size_limit = {16 * MEBIBYTE}")
    complete = all(_has(db, table) for table in LATER)
    ready = complete and _kind_of(db) == (APPLICATION_ID, SCHEMA_VERSION)
    if ready and db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return  # without a lock for writing, for which a reader might wait
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect in a new file only
    db.execute("BEGIN IMMEDIATE")
    kind, version = _kind_of(db)
    if (kind, version) == (0, 0) and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        for statement in SCHEMA.split(";"):
            db.execute(statement)
    elif kind != APPLICATION_ID:
        raise ConfigurationError(f"JOURNAL_URL: {file} is a database of another program")
    elif version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"JOURNAL_URL: {file} has schema {version}, written by a newer version of agno-stream; "
            f"this one supports schema {SCHEMA_VERSION}. Use that version, or move the file away"
        )
    db.execute(OUTBOX)
    db.execute(PAUSED)  # also in files that are older than it
    db.execute(CHECKPOINTS)
    db.execute("COMMIT")
    use_wal(db, BUSY_TIMEOUT)


def _has(db: sqlite3.Connection, table: str) -> bool:
    """Return True if a file has a table, which files of older versions may lack."""
    query = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return db.execute(query, (table,)).fetchone() is not None


def _kind_of(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the application and the version of the schema that a file names."""
    kind = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    return kind, version
