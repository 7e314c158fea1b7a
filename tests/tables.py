"""Stores of conversations with Agno's tables in them, which are made once for all tests.

It takes Agno a thousand calls to make them: ten times the rest of a server's start. What makes them
has tests of its own, and `tests/command.py` starts servers without any.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.core.agents.storage.database import open_database, prepare
from tests.services import PostgresServer


@cache
def sqlite() -> bytes:
    """A SQLite file."""
    with TemporaryDirectory() as name:
        _make(None, Path(name))
        return (Path(name) / "conversations.db").read_bytes()


def postgresql(server: PostgresServer) -> str:
    """The URL of a new database."""
    return server.create(_template(server))


@cache
def _template(server: PostgresServer) -> str:
    url = server.create()
    _make(url, Path())
    return url.rpartition("/")[2]


def _make(url: str | None, folder: Path) -> None:
    async def make() -> None:
        db = open_database(url, folder)
        await prepare(db, url)
        await db.close()

    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop
        thread.submit(asyncio.run, make()).result()
