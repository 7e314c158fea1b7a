"""Opens the database of conversations that `DATABASE_URL` names: SQLite or PostgreSQL."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from agno.db.base import AsyncBaseDb
from agno.db.sqlite import AsyncSqliteDb
from agno.db.utils import json_serializer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ...addresses import shown
from ...errors import ConfigurationError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from agno.db.postgres import AsyncPostgresDb

logger = logging.getLogger(__name__)

FILE = "conversations.db"

#: The schema of Agno's tables in PostgreSQL, as other Agno tools expect it.
SCHEMA = "ai"

#: Seconds that a write waits for the writes of other processes to the same SQLite file.
SQLITE_LOCK_TIMEOUT = 30.0

#: Seconds to connect to PostgreSQL, and for one statement.
CONNECT_TIMEOUT, STATEMENT_TIMEOUT = 5.0, 60.0


def open_database(url: str | None, data_dir: Path) -> AsyncBaseDb:
    """Agno's store at `url`, by default a SQLite file in `data_dir`; see `prepare` for its tables.

    Raises `ConfigurationError` if the file cannot be written or the scheme is unknown.
    """
    try:
        parts = urlsplit(url or "sqlite:///")
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    if url and parts.scheme in ("postgres", "postgresql"):
        return _postgres(url)
    if parts.scheme != "sqlite":
        raise ConfigurationError(
            f"DATABASE_URL: unknown scheme {parts.scheme!r}; use sqlite:/// or postgresql://"
        )
    # As in SQLAlchemy: three slashes are a relative path, four an absolute one.
    file = Path(parts.path[1:]) if parts.path[1:] else data_dir / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("ab").close()
    except OSError as error:
        name = "DATABASE_URL" if url else "DATA_DIR"
        raise ConfigurationError(f"{name}: {file} cannot be written: {error.strerror}") from error
    return _sqlite(file)


def _sqlite(file: Path) -> AsyncSqliteDb:
    # As Agno opens a SQLite file itself, but with a longer lock timeout.
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file.resolve()}",
        json_serializer=json_serializer,
        connect_args={"timeout": SQLITE_LOCK_TIMEOUT},
    )
    return AsyncSqliteDb(db_engine=engine, db_file=str(file))


def _postgres(url: str) -> AsyncBaseDb:
    try:
        import asyncpg  # type: ignore[import-untyped]  # it brings no types
        from agno.db.postgres import AsyncPostgresDb
    except ImportError as error:
        raise ConfigurationError(
            f"DATABASE_URL: postgresql:// needs a package that is not installed: {error.name}; "
            "pip install 'agno-stream[postgres]'"
        ) from error
    # asyncpg parses the URL, because SQLAlchemy supports neither `sslmode` nor several hosts with
    # it. And so the engine does not contain the password, and cannot show it.
    connect = partial(
        asyncpg.connect, url, timeout=CONNECT_TIMEOUT, command_timeout=STATEMENT_TIMEOUT
    )
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        json_serializer=json_serializer,
        pool_pre_ping=True,
        pool_recycle=3600,
    )
    return AsyncPostgresDb(db_engine=engine, db_schema=SCHEMA, create_schema=False)


async def prepare(db: AsyncBaseDb, url: str | None) -> None:
    """Create the missing tables of the store that `open_database(url)` returned.

    Processes that start at the same time do so one after the other. Raises `ConfigurationError` if
    the store cannot be reached, or denies it.
    """
    lock = _file_lock(db) if isinstance(db, AsyncSqliteDb) else _schema_lock(db)
    try:
        async with lock:
            if not await db.table_exists(db.session_table_name):
                await _create_tables(db)
            await _index(db)
    except ConfigurationError:
        await db.close()
        raise
    except (SQLAlchemyError, OSError, ValueError) as error:
        await db.close()
        raise ConfigurationError(f"DATABASE_URL: {_safe_message(error, url)}") from None


async def _create_tables(db: AsyncBaseDb) -> None:
    if not isinstance(db, AsyncSqliteDb):
        from .writers import tables  # needs the driver of PostgreSQL

        store = cast("AsyncPostgresDb", db)
        if await tables.is_empty(store):
            await tables.create_tables(store)
            return
    await db._create_all_tables()  # as AgentOS does


async def _index(db: AsyncBaseDb) -> None:
    """Add the index by which a list of conversations is read to Agno's table of sessions.

    A user without that privilege has longer lists instead.
    """
    engine: AsyncEngine = db.db_engine  # type: ignore[attr-defined]  # Agno's async stores have one
    schema = "" if isinstance(db, AsyncSqliteDb) else f"{SCHEMA}."
    try:
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "CREATE INDEX IF NOT EXISTS agno_stream_list ON"
                    f" {schema}{db.session_table_name} (user_id, updated_at, session_id)"
                )
            )
    except DBAPIError as error:
        logger.warning("conversations: no index for lists can be made: %s", error.orig)


@asynccontextmanager
async def _file_lock(db: AsyncSqliteDb) -> AsyncIterator[None]:
    """A lock beside the database file, held by one process at a time; no lock on Windows, where
    there is only one process."""
    if sys.platform == "win32":
        yield
        return
    lock = os.open(f"{db.db_file}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@asynccontextmanager
async def _schema_lock(db: AsyncBaseDb) -> AsyncIterator[None]:
    """A lock in the database, held by one process at a time; creates the schema if missing."""
    engine: AsyncEngine = db.db_engine  # type: ignore[attr-defined]  # Agno's async stores have one
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('agno-stream'))"))
        # A transaction of its own, because Agno's other connections must see the schema. First a
        # query, because IF NOT EXISTS needs the right to create even if the schema exists.
        found = await connection.execute(
            text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": SCHEMA}
        )
        if found.scalar() is None:
            try:
                async with engine.begin() as other:
                    await other.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            except DBAPIError as error:
                user = (await connection.execute(text("SELECT current_user"))).scalar()
                raise ConfigurationError(
                    f"DATABASE_URL: {error.orig}; somebody with that privilege must first run: "
                    f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}"
                ) from None
        yield


def _safe_message(error: Exception, url: str | None) -> str:
    """The message for a store's error, without the password that the URL may contain."""
    where = shown(url or "sqlite:///")
    if isinstance(error, DBAPIError):
        return f"{where}: {error.orig}"
    if isinstance(error, TimeoutError):
        return f"{where} cannot be reached: no answer within {CONNECT_TIMEOUT:g} seconds"
    if isinstance(error, OSError):
        return f"{where} cannot be reached: {error}"
    # asyncpg's message for a URL that it cannot parse may quote a part of the password.
    return "not a valid URL; use postgresql://user:password@host[:port]/database"
