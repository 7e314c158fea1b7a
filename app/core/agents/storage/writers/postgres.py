"""Writes turns into PostgreSQL in groups: one transaction for all that wait, one statement a table.

The rows are those that Agno's own store writes. A turn that is not as usual, and all turns of a
group that fails, go by its own calls.

See docs/decisions/080-postgresql-gets-turns-in-groups.md.
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..proxies.bounds import brief, retrieve
from ..rows import TurnRows, type_of
from .columns import run_columns, session_columns
from .stock import StockWriter

logger = logging.getLogger(__name__)

#: Turns of one transaction.
GROUP = 100

#: What Agno takes out of texts, as it stands in JSON: characters that PostgreSQL may not have.
REMOVED = re.compile(r"\\u00[01]|\\ufff[ef]|\\[bf]")

#: The types of columns that are no text.
TYPES = {"created_at": "bigint", "updated_at": "bigint", "run_index": "bigint"} | dict.fromkeys(
    (
        *("agent_data", "team_data", "workflow_data"),
        *("session_data", "summary", "metadata", "run_data"),
    ),
    "jsonb",
)

Columns = dict[str, Any]

#: A turn that waits, and what its writer waits for.
Waiting = tuple[TurnRows, asyncio.Future[None]]


class Unusual(Exception):
    """A turn that only Agno's own calls write as it has to be."""


class Turn(NamedTuple):
    """The rows of a turn, and its sessions and runs as columns, those with JSON as text."""

    rows: TurnRows
    sessions: list[Columns]
    runs: list[Columns]


class PostgresWriter:
    """Writes all turns that wait at once, in at most `concurrent` groups, by the engine of a store
    of Agno's. Turns of one session are written one after the other."""

    def __init__(
        self, engine: AsyncEngine, stock: StockWriter, tables: tuple[str, str], concurrent: int
    ) -> None:
        """`tables` are those of sessions and of runs, quoted, with their schema."""
        self._engine = engine
        self._stock = stock
        self._sessions, self._runs = tables
        self._free = concurrent
        self._waiting: list[Waiting] = []
        self._busy: set[str] = set()  # sessions of turns that are being written
        self._groups: set[asyncio.Task[None]] = set()
        self._statements: dict[tuple[str, ...], TextClause] = {}

    @property
    def progressed(self) -> float:
        """When the database answered a statement, by `time.monotonic()`."""
        return self._stock.progressed

    async def prepare(self) -> None:
        """Create the tables that are missing."""
        await self._stock.prepare()

    def write(self, rows: TurnRows) -> asyncio.Future[None]:
        """Write a turn, behind those of its sessions that have begun before; its future raises what
        `StockWriter` raises. Nothing may change the rows until it is done."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(retrieve)
        self._waiting.append((rows, future))
        self._begin()
        return future

    async def checkpoint(self) -> None:
        """What PostgreSQL deletes is gone as far as it makes it."""

    async def close(self) -> None:
        """End what is being written."""
        for task in self._groups:
            task.cancel()
        await self._stock.close()

    def _begin(self) -> None:
        """Begin to write what waits, as far as there is room."""
        while self._free and (group := self._next()):
            self._free -= 1
            task = asyncio.create_task(self._write(group), name="conversations-writer")
            self._groups.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._free += 1
        if not task.cancelled():
            self._begin()

    def _next(self) -> list[Waiting]:
        """The next group: turns of different sessions, in the order of the turns of each."""
        group, later = list[Waiting](), list[Waiting]()
        seen = set(self._busy)
        for turn in self._waiting:
            names = turn[0].session_ids
            (later if names & seen or len(group) == GROUP else group).append(turn)
            seen |= names
        self._waiting = later
        for rows, _ in group:
            self._busy |= rows.session_ids
        return group

    async def _write(self, group: list[Waiting]) -> None:
        written = await self._written([rows for rows, _ in group])
        for rows, future in group:
            if id(rows) in written:
                self._busy -= rows.session_ids
                if not future.done():
                    future.set_result(None)
        rest = [(rows, future) for rows, future in group if id(rows) not in written]
        tasks = [self._stock.write(rows) for rows, _ in rest]
        if tasks:
            await asyncio.wait(tasks)
        for (rows, future), task in zip(rest, tasks, strict=True):
            self._busy -= rows.session_ids
            if future.done():
                continue
            if (error := task.exception()) is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    async def _written(self, group: list[TurnRows]) -> set[int]:
        """Write turns in one transaction, and return the ids of those that are written: none if it
        fails, or if a session is another user's."""
        turns = []
        for rows in group:
            try:
                turns.append(_turn(rows))
            except Exception as error:  # Agno's call finds out what it is
                logger.debug("conversations: an unusual turn: %s", brief(error))
        if not turns:
            return set()
        sessions = [row for turn in turns for row in turn.sessions]
        runs = [row for turn in turns for row in turn.runs]
        try:
            async with self._engine.begin() as connection:
                for kind in ("agent", "team", "workflow"):
                    await self._put_sessions(connection, kind, sessions)
                if runs:
                    await connection.execute(self._run_statement(runs[0]), _arrays(runs))
        except Exception as error:  # Agno's calls show which turn it is
            logger.debug("conversations: a group was not written: %s", brief(error))
            return set()
        return {id(turn.rows) for turn in turns}

    async def _put_sessions(
        self, connection: AsyncConnection, kind: str, sessions: Sequence[Columns]
    ) -> None:
        rows = [row for row in sessions if row["session_type"] == kind]
        if not rows:
            return
        values = {**_arrays(rows), "now": int(time.time())}
        result = await connection.execute(self._session_statement(rows[0]), values)
        if len(result.all()) < len(rows):
            raise Unusual("a session is another user's")

    def _session_statement(self, row: Columns) -> TextClause:
        kept = ("session_id", "session_type", "created_at", "updated_at")
        updates = [f"{name} = excluded.{name}" for name in row if name not in kept]
        return self._statement(
            self._sessions,
            row,
            f" ON CONFLICT (session_id) DO UPDATE SET updated_at = CAST(:now AS bigint),"
            f" {', '.join(updates)}"
            " WHERE old.user_id = excluded.user_id OR old.user_id IS NULL RETURNING session_id",
        )

    def _run_statement(self, row: Columns) -> TextClause:
        names = ("status", "run_data", "user_id", "parent_run_id", "updated_at")
        updates = [f"{name} = excluded.{name}" for name in names]
        return self._statement(
            self._runs,
            row,
            f" ON CONFLICT (run_id) DO UPDATE SET {', '.join(updates)},"
            " run_index = coalesce(old.run_index, excluded.run_index)",
        )

    def _statement(self, table: str, row: Columns, rest: str) -> TextClause:
        """The statement that inserts any number of rows with these columns: each is one array."""
        key = (table, *row)
        if key not in self._statements:
            # Of arrays, asyncpg knows those of texts; of others it asks the database first.
            arrays = [f"CAST(:{name} AS text[])" for name in row]
            values = [f"CAST(new.{name} AS {TYPES.get(name, 'text')})" for name in row]
            self._statements[key] = text(
                f"INSERT INTO {table} AS old ({', '.join(row)}) SELECT {', '.join(values)}"
                f" FROM unnest({', '.join(arrays)}) AS new({', '.join(row)}){rest}"
            )
        return self._statements[key]


def _turn(rows: TurnRows) -> Turn:
    """The columns of a turn; raises `Unusual`, and what Agno raises for values that are no JSON."""
    sessions, runs = [], []
    for session in rows.sessions.values():
        head = {"session_id": session.session_id, "session_type": type_of(session)}
        times = {"created_at": session.created_at, "updated_at": session.created_at}
        sessions.append({**head, **session_columns(session), **times})
    for found in rows.runs.values():
        row = run_columns(found)
        if row["run_index"] is None:
            raise Unusual("Agno chooses the place of a run")
        runs.append(row)
    for row in (*sessions, *runs):
        if any(REMOVED.search(value) for value in row.values() if isinstance(value, str)):
            raise Unusual("Agno removes characters")
    return Turn(rows, sessions, runs)


def _arrays(rows: Iterable[Columns]) -> dict[str, list[str | None]]:
    """The values of rows as texts, column by column."""
    found: dict[str, list[str | None]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, []).append(None if value is None else str(value))
    return found
