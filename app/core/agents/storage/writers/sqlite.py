"""Writes turns into a SQLite file in groups: one transaction for all that wait.

The rows are those that Agno's own stores write, so that every tool of Agno reads them.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from agno.db.sqlite import SqliteDb

from ....log.journals.sqlite_wal import use_wal
from ....threads.worker import Worker
from ..rows import NAME, PINNED, TurnRows, type_of
from .columns import run_columns, session_columns

logger = logging.getLogger(__name__)

#: Seconds that a group waits for a transaction of another process.
BUSY_TIMEOUT = 1.0

Statement = tuple[str, tuple[Any, ...]]


class SqliteWriter:
    """A connection to the file in a thread of its own, which writes all waiting turns at once.

    `progressed` is when a group was written, by `time.monotonic()`. If the file was deleted or
    replaced, turns go into the file that has its name now, and `replaced` is called.
    """

    def __init__(
        self,
        file: Path,
        sessions: str,
        runs: str,
        replaced: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.progressed = 0.0
        self._file = file
        self._sessions = sessions
        self._runs = runs
        self._replaced = replaced
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._is_replaced = False
        self._worker = Worker("conversations")
        self._telling: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Open the file, and create the tables that are missing."""
        await self._worker.do(self._connection)

    def write(self, rows: TurnRows) -> asyncio.Future[None]:
        """Write a turn in the next group; its future raises `sqlite3.Error`, `OSError`, and what
        Agno raises for values that are no JSON. Nothing may change the rows until it is done.
        """
        future = self._worker.do_together(self._commit, rows)
        future.add_done_callback(self._written)
        return future

    def _written(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.progressed = time.monotonic()
        if self._is_replaced:
            self._is_replaced = False
            self._telling = asyncio.create_task(self._replaced(), name="conversations-replaced")

    async def checkpoint(self) -> None:
        """Empty the write-ahead log, so that what was deleted is in no file any more; has no effect
        while others read the file."""

        def job() -> None:
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        await self._worker.do(job)

    async def close(self) -> None:
        """Write what waits, and close the file."""
        closing = self._worker.do(self._drop)
        self._worker.close()
        await closing
        if self._telling is not None:
            await asyncio.wait({self._telling})

    def _commit(self, turns: list[TurnRows]) -> list[Exception | None]:
        """Write turns in one transaction; an error of one turn does not touch the others."""
        made = [self._statements(rows) for rows in turns]  # no other writer waits for it
        errors: list[Exception | None] = []
        try:
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            for statements in made:
                if isinstance(statements, Exception):
                    errors.append(statements)
                    continue
                db.execute("SAVEPOINT turn")
                try:
                    for statement, values in statements:
                        if db.execute(statement, values).rowcount == 0:
                            raise sqlite3.IntegrityError("the session is another user's")
                except sqlite3.IntegrityError as error:
                    db.execute("ROLLBACK TO turn")
                    errors.append(error)
                else:
                    errors.append(None)
                db.execute("RELEASE turn")
            db.execute("COMMIT")
        except BaseException:
            self._drop()  # rolls back
            raise
        return errors

    def _statements(self, rows: TurnRows) -> list[Statement] | Exception:
        """The statements that write a turn, or what prevents it. Making them takes long if a client
        has sent a long history, which Agno stores with the run."""
        try:
            return [
                *(self._session(rows, name) for name in rows.sessions),
                *(self._run(rows, name) for name in rows.runs),
            ]
        except Exception as error:  # of values that applications store
            return error

    def _connection(self) -> sqlite3.Connection:
        """The connection to the file that has the name now, perhaps another one than before."""
        inode = _inode(self._file)
        if self._db is not None and inode == self._inode:
            return self._db
        before = self._inode
        self._drop()
        self._db = self._connect()
        names = (self._sessions, self._runs)
        query = "SELECT count(*) FROM sqlite_master WHERE name IN (?, ?)"
        if self._db.execute(query, names).fetchone()[0] < 2:
            store = SqliteDb(str(self._file), session_table=names[0], runs_table=names[1])
            if before is None:  # the first turn of a store that somebody else has not used yet
                store._get_table("sessions", create_table_if_not_found=True)
                store._get_table("runs", create_table_if_not_found=True)
            else:
                store._create_all_tables()  # type: ignore[no-untyped-call]  # as AgentOS does
            store.close()
        self._inode = _inode(self._file)
        if before is not None and before != self._inode:
            logger.error("conversations: %s was deleted or replaced", self._file)
            self._is_replaced = True
        return self._db

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)  # somebody may have moved it away
        db = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT, isolation_level=None)
        for pragma in ("foreign_keys = ON", "secure_delete = ON"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        use_wal(db, BUSY_TIMEOUT)
        return db

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _session(self, rows: TurnRows, session_id: str) -> Statement:
        session = rows.sessions[session_id]
        data = session_columns(session)
        now = int(time.time())
        created = session.created_at or now
        values = {
            "session_id": session_id,
            "session_type": type_of(session),
            **data,
            "created_at": created,
            "updated_at": created,
        }
        updates = ", ".join(f"{name} = excluded.{name}" for name in data if name != "session_data")
        # Somebody may have renamed or pinned the session since this turn has read it.
        stored, pin, read_pin = (
            f"json_extract({table}.session_data, '$.{key}')"
            for table, key in (
                (self._sessions, NAME),
                (self._sessions, PINNED),
                ("excluded", PINNED),
            )
        )
        named = (
            f"CASE WHEN {stored} IS NULL OR {stored} IS ? THEN excluded.session_data"
            f" ELSE json_set(excluded.session_data, '$.{NAME}', {stored}) END"
        )
        statement = (
            f"INSERT INTO {self._sessions} ({', '.join(values)})"
            f" VALUES ({', '.join('?' * len(values))})"
            f" ON CONFLICT (session_id) DO UPDATE SET updated_at = ?, {updates},"
            f" session_data = CASE WHEN {pin} IS {read_pin} THEN {named}"
            f" ELSE json_patch({named}, json_object('{PINNED}', {pin})) END"
            f" WHERE {self._sessions}.user_id IS ? OR {self._sessions}.user_id IS NULL"
        )
        known = rows.names.get(session_id)
        return statement, (*values.values(), now, known, known, session.user_id)

    def _run(self, rows: TurnRows, run_id: str) -> Statement:
        found = rows.runs[run_id]
        row = run_columns(found)
        places = ["?"] * len(row)
        values = list(row.values())
        if row["run_index"] is None:
            index = list(row).index("run_index")
            places[index] = (
                f"(SELECT coalesce(max(run_index) + 1, 0) FROM {self._runs} WHERE session_id = ?)"
            )
            values[index] = found.session_id
        updates = ("status", "run_data", "user_id", "parent_run_id", "updated_at")
        statement = (
            f"INSERT INTO {self._runs} ({', '.join(row)}) VALUES ({', '.join(places)})"
            " ON CONFLICT (run_id) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in updates)},"
            f" run_index = coalesce({self._runs}.run_index, excluded.run_index)"
        )
        return statement, tuple(values)


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
