"""Which writer writes the turns of a store."""

from collections.abc import Callable, Coroutine
from typing import Any

from agno.db.base import AsyncBaseDb
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ..proxies.proxy import inner_of
from ..readers.probe import connections_of
from ..readers.sqlite import sqlite_file
from .postgres import PostgresWriter
from .sqlite import SqliteWriter
from .stock import StockWriter

Writer = SqliteWriter | PostgresWriter | StockWriter


def writer_of(db: AsyncBaseDb, replaced: Callable[[], Coroutine[Any, Any, None]]) -> Writer:
    """The writer of a store; `replaced` is called if the file of a database is another one than
    before."""
    inner: Any = inner_of(db)
    file = sqlite_file(inner)
    if file is None:
        concurrent = connections_of(db) // 2
        stock = StockWriter(db, concurrent)
        if not _is_postgres(inner):
            return stock
        names = (inner.session_table_name, inner.runs_table_name)
        tables = [f"{_quoted(inner.db_schema)}.{_quoted(name)}" for name in names]
        return PostgresWriter(inner.db_engine, stock, (tables[0], tables[1]), concurrent)
    engine = inner.db_engine
    engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    event.listen(engine, "connect", _overwrite_deleted)
    return SqliteWriter(file, inner.session_table_name, inner.runs_table_name, replaced)


def _is_postgres(db: Any) -> bool:
    """Whether a store is Agno's own for PostgreSQL; a subclass may write other rows."""
    kind = type(db)
    known = (kind.__module__, kind.__name__) == (
        "agno.db.postgres.async_postgres",
        "AsyncPostgresDb",
    )
    return known and db.db_engine.dialect.driver == "asyncpg"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _overwrite_deleted(connection: Any, record: Any) -> None:
    """Let SQLite overwrite what it deletes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()
