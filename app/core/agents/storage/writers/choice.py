"""Which writer writes the turns of a store."""

from collections.abc import Callable, Coroutine
from typing import Any

from agno.db.base import AsyncBaseDb
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ..proxies.proxy import inner_of
from ..readers.probe import connections_of
from ..readers.sqlite import sqlite_file
from .sqlite import SqliteWriter
from .stock import StockWriter

Writer = SqliteWriter | StockWriter


def writer_of(db: AsyncBaseDb, replaced: Callable[[], Coroutine[Any, Any, None]]) -> Writer:
    """The writer of a store; `replaced` is called if the file of a database is another one than
    before."""
    inner: Any = inner_of(db)
    file = sqlite_file(inner)
    if file is None:
        return StockWriter(db, concurrent=connections_of(db) // 2)
    engine = inner.db_engine
    engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    event.listen(engine, "connect", _overwrite_deleted)
    return SqliteWriter(file, inner.session_table_name, inner.runs_table_name, replaced)


def _overwrite_deleted(connection: Any, record: Any) -> None:
    """Let SQLite overwrite what it deletes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()
