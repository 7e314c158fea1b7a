"""Whether a store can be read: a query that fails where Agno's own calls return nothing.

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


class SqlProbe:
    """Looks into the table of sessions of a store with an SQLAlchemy engine."""

    def __init__(self, reader: SqlReader, name: str, schema: str | None) -> None:
        self._reader = reader
        self._table = table(name, column("session_id"), column("user_id"), schema=schema)

    async def check(self) -> None:
        await self._reader.rows(select(self._table.c.session_id).limit(1))

    async def has(self, session_id: str, user_id: str | None) -> bool:
        query = select(self._table.c.session_id).where(self._table.c.session_id == session_id)
        if user_id is not None:
            query = query.where(self._table.c.user_id == user_id)
        return bool(await self._reader.rows(query))


class CallProbe:
    """Calls a store of Agno's that raises what fails."""

    def __init__(self, db: AsyncBaseDb) -> None:
        self._db = db

    async def check(self) -> None:
        await self._db.get_sessions(limit=1, page=1)

    async def has(self, session_id: str, user_id: str | None) -> bool:
        return False


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
    if (reader := sql_reader_of(db)) is not None:
        return SqlProbe(reader, inner.session_table_name, getattr(inner, "db_schema", None))
    return CallProbe(db)
