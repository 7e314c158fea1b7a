"""The outbox in the file of the SQLite journal."""

import sqlite3
import time
from collections.abc import Collection
from uuid import uuid4

from ...outbox import UnstoredTurn, claimed_until
from ..sqlite_file import Connection


class SqliteOutbox:
    """Keeps turns in a table of the journal's file; a sweep never removes them."""

    def __init__(self, writer: Connection, reader: Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._me = uuid4().hex

    async def keep(self, turn: UnstoredTurn) -> None:
        await self._writer.run(_keep, turn)

    async def count(self, session: str | None = None) -> int:
        return await self._reader.run(count, session)

    async def claim(self, session: str | None, limit: int) -> list[UnstoredTurn]:
        return await self._writer.run(_claim, session, limit, self._me)

    async def settle(self, keys: Collection[str]) -> None:
        await self._writer.run(_settle, keys)

    async def release(self) -> None:
        await self._writer.run(_release, self._me)

    async def drop(self, session: str) -> None:
        await self._writer.run(_drop, session)


def _keep(db: sqlite3.Connection, turn: UnstoredTurn) -> None:
    db.execute(
        "INSERT INTO outbox (key, session, created_at, data) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET data = excluded.data",
        (turn.key, turn.session, turn.created_at, turn.data),
    )


def count(db: sqlite3.Connection, session: str | None) -> int:
    """How many turns wait, in one session or in all."""
    query = "SELECT count(*) FROM outbox WHERE ? IN (session, '')"
    found: int = db.execute(query, (session or "",)).fetchone()[0]
    return found


def _claim(
    db: sqlite3.Connection, session: str | None, limit: int, owner: str
) -> list[UnstoredTurn]:
    rows = db.execute(
        "SELECT key, session, created_at, data FROM outbox WHERE ? IN (session, '')"
        " AND session NOT IN (SELECT session FROM outbox WHERE owner != ? AND claimed_until > ?)"
        " ORDER BY created_at, seq LIMIT ?",
        (session or "", owner, time.time(), limit),
    ).fetchall()
    turns = [UnstoredTurn(*row) for row in rows]
    db.executemany(
        "UPDATE outbox SET owner = ?, claimed_until = ? WHERE session = ?",
        [(owner, claimed_until(), name) for name in {turn.session for turn in turns}],
    )
    return turns


def _settle(db: sqlite3.Connection, keys: Collection[str]) -> None:
    db.executemany("DELETE FROM outbox WHERE key = ?", [(key,) for key in keys])


def _release(db: sqlite3.Connection, owner: str) -> None:
    db.execute("UPDATE outbox SET claimed_until = 0 WHERE owner = ?", (owner,))


def _drop(db: sqlite3.Connection, session: str) -> None:
    db.execute("DELETE FROM outbox WHERE session = ?", (session,))
