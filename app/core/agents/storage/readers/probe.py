"""Reads sessions, and whether a store can be read: fails where Agno's own calls return nothing.

Some stores of Agno log an error of a read and return None, as if there were no such session.
"""

import asyncio
from typing import Any, Protocol

from agno.db.base import AsyncBaseDb
from sqlalchemy import Engine, column, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from ..proxies.proxy import inner_of
from .sqlite import Elsewhere, SqliteReader, sqlite_file

#: Connections of SQLAlchemy's pools, if the address does not set another number.
USUAL_CONNECTIONS = 5

#: The errors of databases for a table that nobody has created yet: Agno does so at its first write.
NO_TABLE = ("no such table", "does not exist", "doesn't exist")


class Probe(Protocol):
    """Looks into a store; every call raises what prevents it."""

    async def check(self) -> None:
        """Read something."""

    async def has(self, session_id: str, user_id: str | None) -> bool:
        """Whether the store has this session of this user; False if the store cannot know."""

    async def session(self, session_id: str, *args: Any, **kwargs: Any) -> Any:
        """A session as Agno's `get_session` returns it; None only if there is none."""

    def close(self) -> None:
        """End what belongs to the probe; the store stays open."""


class _Stock:
    """Reads sessions by Agno's own call, and looks twice before there is none."""

    def __init__(self, db: AsyncBaseDb) -> None:
        self._db = db

    async def has(self, session_id: str, user_id: str | None) -> bool:
        return False

    async def session(self, session_id: str, *args: Any, **kwargs: Any) -> Any:
        for _ in range(2):  # it may be written for the first time between the two looks
            session = await self._db.get_session(session_id, *args, **kwargs)
            if session is not None:
                return session
            if not await self.has(session_id, kwargs.get("user_id")):
                return None
        raise OSError(f"session {session_id} is there, and was not read")

    def close(self) -> None:
        """Nothing is open here."""


class SqlReader:
    """Reads tables of a store with an SQLAlchemy engine; a table that is missing has no rows."""

    def __init__(self, engine: AsyncEngine | Engine) -> None:
        self._engine = engine

    async def rows(self, query: Any) -> list[Any]:
        """The rows of a query; raises what SQLAlchemy raises."""
        try:
            if isinstance(self._engine, AsyncEngine):
                async with self._engine.connect() as connection:
                    return list((await connection.execute(query)).all())
            return await asyncio.to_thread(self._rows, self._engine, query)
        except DBAPIError as error:
            if any(words in str(error.orig) for words in NO_TABLE):
                return []
            raise

    @staticmethod
    def _rows(engine: Engine, query: Any) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(query).all())


class SqlProbe(_Stock):
    """Looks into the table of sessions of a store with an SQLAlchemy engine."""

    def __init__(self, db: AsyncBaseDb, reader: SqlReader, name: str, schema: str | None) -> None:
        super().__init__(db)
        self._reader = reader
        self._table = table(name, column("session_id"), column("user_id"), schema=schema)

    async def check(self) -> None:
        await self._reader.rows(select(self._table.c.session_id).limit(1))

    async def has(self, session_id: str, user_id: str | None) -> bool:
        query = select(self._table.c.session_id).where(self._table.c.session_id == session_id)
        if user_id is not None:
            query = query.where(self._table.c.user_id == user_id)
        return bool(await self._reader.rows(query))


class FileProbe(_Stock):
    """Looks into the file of a SQLite store."""

    def __init__(self, db: AsyncBaseDb, reader: SqliteReader) -> None:
        super().__init__(db)
        self._reader = reader

    async def check(self) -> None:
        await self._reader.check()

    async def has(self, session_id: str, user_id: str | None) -> bool:
        return await self._reader.has(session_id, user_id)

    async def session(self, session_id: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return await self._reader.session(session_id, *args, **kwargs)
        except Elsewhere:
            return await super().session(session_id, *args, **kwargs)

    def close(self) -> None:
        self._reader.close()


class CallProbe(_Stock):
    """Calls a store of Agno's that raises what fails."""

    async def check(self) -> None:
        await self._db.get_sessions(limit=1, page=1)


def connections_of(db: AsyncBaseDb) -> int:
    """How many connections the pool of a store has; a usual number if that is unknown."""
    engine = getattr(inner_of(db), "db_engine", None)
    pool = getattr(engine, "pool", None)
    return max(2, pool.size()) if isinstance(pool, QueuePool) else USUAL_CONNECTIONS


def sql_reader_of(db: AsyncBaseDb) -> SqlReader | None:
    """The reader of a store with SQL; None for others, and for one in the memory of a thread."""
    engine = getattr(inner_of(db), "db_engine", None)
    if isinstance(engine, AsyncEngine) or (isinstance(engine, Engine) and engine.url.database):
        return SqlReader(engine)
    return None


def probe_of(db: AsyncBaseDb) -> Probe:
    """The probe of a store."""
    inner: Any = inner_of(db)
    if (file := sqlite_file(inner)) is not None:
        reader = SqliteReader(file, inner.session_table_name, inner.runs_table_name)
        return FileProbe(db, reader)
    if (sql := sql_reader_of(db)) is not None:
        return SqlProbe(db, sql, inner.session_table_name, getattr(inner, "db_schema", None))
    return CallProbe(db)
