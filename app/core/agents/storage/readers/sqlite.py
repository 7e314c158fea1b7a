"""Reads sessions in a SQLite file of Agno's by prepared statements, on one thread.

A question asks for one session. Agno's own call builds and runs its queries in steps, each a way to
a thread and back; here all is one step, and a conversation that is new costs one look.

See docs/decisions/072-what-every-run-does-takes-one-step.md.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from agno.db.base import SessionType
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.db.utils import SessionRunObjectCache, deserialize_session_json_fields
from agno.session import AgentSession

from ....threads.worker import Worker

T = TypeVar("T")

#: Seconds that a read waits for a lock, which readers of a write-ahead log hardly ever meet.
BUSY_TIMEOUT = 2.0

#: What SQLite says of a table that nobody has created yet.
NO_TABLE = "no such table"


class Elsewhere(Exception):
    """A session that only Agno's own call can read: of another type, or of an older schema."""


class SqliteReader:
    """A connection to the file in a thread of its own; it is opened anew if the file is replaced.

    Calls raise `sqlite3.Error` and `OSError`.
    """

    def __init__(self, file: Path, sessions: str, runs: str) -> None:
        self._file = file
        self._sessions = sessions
        self._runs = runs
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._cache = SessionRunObjectCache()  # as Agno's stores have: runs are read once
        self._worker = Worker("conversations-reader")

    async def check(self) -> None:
        """Read something."""
        await self._run(lambda: self._one(f"SELECT session_id FROM {self._sessions} LIMIT 1"))

    async def has(self, session_id: str, user_id: str | None) -> bool:
        """Whether there is this session of this user, or of anyone if that is None."""
        return await self._run(lambda: self._row(session_id, user_id)) is not None

    async def session(
        self,
        session_id: str,
        session_type: SessionType | None = None,
        user_id: str | None = None,
        deserialize: bool | None = True,
        runs_limit: int | None = None,
    ) -> AgentSession | None:
        """The session of an agent, as Agno's `get_session` returns it; None if there is none.

        Raises `Elsewhere` for a session that has to be read by that call.
        """
        plain = session_type in (None, SessionType.AGENT) and deserialize and runs_limit is None

        def job() -> AgentSession | None:
            row = self._row(session_id, user_id)
            if row is None:
                return None
            if not plain or row["session_type"] != "agent" or row.get("runs"):
                raise Elsewhere
            for _ in range(2):  # some stores of Agno encode a column twice
                row = deserialize_session_json_fields(row)
            session = AgentSession.from_dict(row)
            if session is not None:
                session.runs = self._cache.runs_from_rows(session_id, self._texts(session_id))
            return session

        return await self._run(job)

    def close(self) -> None:
        """Close the file, after the reads that are under way."""
        self._worker.do(self._drop)
        self._worker.close()

    async def _run(self, job: Callable[[], T]) -> T:
        return await self._worker.do(lambda: self._in_turn(job))

    def _in_turn(self, job: Callable[[], T]) -> T:
        try:
            return job()
        except (sqlite3.Error, OSError):
            self._drop()
            raise

    def _row(self, session_id: str, user_id: str | None) -> dict[str, Any] | None:
        query = f"SELECT * FROM {self._sessions} WHERE session_id = ?"
        if user_id is None:
            return self._one(query, session_id)
        return self._one(f"{query} AND user_id = ?", session_id, user_id)

    def _one(self, query: str, *values: str) -> dict[str, Any] | None:
        """The first row of a query; a table that is missing has none."""
        try:
            cursor = self._connection().execute(query, values)
        except sqlite3.OperationalError as error:
            if NO_TABLE in str(error):
                return None
            raise
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
        cursor.close()  # else it would hold its snapshot
        return None if row is None else dict(zip(names, row, strict=True))

    def _texts(self, session_id: str) -> list[tuple[str, str]]:
        """The ids and the data of the runs of a session, in the order of Agno's own call."""
        query = f"SELECT run_id, run_data FROM {self._runs} WHERE session_id = ?"
        order = " ORDER BY run_index, created_at, run_id"
        try:
            return self._connection().execute(query + order, (session_id,)).fetchall()
        except sqlite3.OperationalError as error:
            raise (Elsewhere if NO_TABLE in str(error) else error) from error

    def _connection(self) -> sqlite3.Connection:
        """The connection to the file that has the name now; one that is missing is made, in a
        folder that is missing as well: somebody may have moved all away."""
        now = _identity(self._file)
        if self._db is None or now != self._opened:
            self._drop()
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT, isolation_level=None)
            self._opened = now
        return self._db

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def sqlite_file(db: Any) -> Path | None:
    """The file of a SQLite store of Agno's own class; None for any other store, because a subclass
    may write other rows."""
    if type(db) not in (AsyncSqliteDb, SqliteDb):
        return None
    name = db.db_engine.url.database
    return None if name in (None, "", ":memory:") or "mode=memory" in str(name) else Path(name)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
