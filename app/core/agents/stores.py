"""The database of conversations, from `DATABASE_URL`."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from agno.db.base import AsyncBaseDb
from agno.db.sqlite import AsyncSqliteDb
from agno.db.utils import json_serializer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..addresses import shown
from ..errors import ConfigurationError

if sys.platform != "win32":
    import fcntl

FILE = "conversations.db"

#: The schema of Agno's tables in PostgreSQL, as other Agno tools expect it.
SCHEMA = "ai"

#: Seconds that a write waits for those of other processes on the same SQLite file.
BUSY = 30.0

#: Seconds for the way to PostgreSQL, and for one statement.
CONNECT, STATEMENT = 5.0, 60.0


def open_database(url: str | None, data_dir: Path) -> AsyncBaseDb:
    """Agno's store at `url`, by default a SQLite file in `data_dir`; nothing is in it yet.

    Raises `ConfigurationError` where the folder cannot be written or the scheme is not known.
    """
    try:
        parts = urlsplit(url or "sqlite:///")
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    if url and parts.scheme in ("postgres", "postgresql"):
        return _postgres(url)
    if parts.scheme != "sqlite":
        raise ConfigurationError(
            f"DATABASE_URL: no store for {parts.scheme!r}; known: sqlite:///, postgresql://"
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
    # What Agno does with a file of its own accord, but for the wait.
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file.resolve()}",
        json_serializer=json_serializer,
        connect_args={"timeout": BUSY},
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
    # asyncpg reads the address itself, since SQLAlchemy knows no `sslmode` or second host; nor
    # does anything that shows its engine know the password.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(asyncpg.connect, url, timeout=CONNECT, command_timeout=STATEMENT),
        json_serializer=json_serializer,
        pool_pre_ping=True,
        pool_recycle=3600,
    )
    return AsyncPostgresDb(db_engine=engine, db_schema=SCHEMA, create_schema=False)


async def prepare(db: AsyncBaseDb, url: str | None) -> None:
    """Make the tables of the store that `open_database(url)` gave, unless they are there.

    Processes that start at the same time do it in turn. Raises `ConfigurationError` where the
    store cannot be reached, or does not let us.
    """
    lock = _file_lock(db) if isinstance(db, AsyncSqliteDb) else _schema_lock(db)
    try:
        async with lock:
            if not await db.table_exists(db.session_table_name):
                await db._create_all_tables()  # as AgentOS does
    except ConfigurationError:
        await db.close()
        raise
    except (SQLAlchemyError, OSError, ValueError) as error:
        await db.close()
        raise ConfigurationError(f"DATABASE_URL: {_told(error, url)}") from None


@asynccontextmanager
async def _file_lock(db: AsyncSqliteDb) -> AsyncIterator[None]:
    """Held by one process at a time; on Windows there is one process only."""
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
    """Held by one process at a time, in all of the database; makes the schema."""
    engine: AsyncEngine = db.db_engine  # type: ignore[attr-defined]  # Agno's async stores have one
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('agno-stream'))"))
        # Agno's own connections must see it, so it has a transaction of its own. Asked for first:
        # IF NOT EXISTS needs the right to create one even where it is there.
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
                    f"DATABASE_URL: {error.orig}; somebody who may must first do: "
                    f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}"
                ) from None
        yield


def _told(error: Exception, url: str | None) -> str:
    """What went wrong with a store, in words that have no password in them."""
    if isinstance(error, DBAPIError):
        return f"{shown(url or 'sqlite:///')}: {error.orig}"
    if isinstance(error, TimeoutError):
        return (
            f"{shown(url or 'sqlite:///')} cannot be reached: no answer within {CONNECT:g} seconds"
        )
    if isinstance(error, OSError):
        return f"{shown(url or 'sqlite:///')} cannot be reached: {error}"
    # asyncpg's words for an address that it cannot read may have a part of the password in them.
    return "not an address; postgresql://user:password@host[:port]/database"
