"""Writes turns with the calls of Agno's own stores, few at a time."""

import asyncio
import time
from typing import Any

from agno.db.base import AsyncBaseDb
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from ..proxies.proxy import StoreProxy, inner_of
from ..rows import TurnRows


class WriteRefused(Exception):
    """A store returned nothing for a write, as some of Agno's do when they have logged an error."""


class StockWriter:
    """Writes turns with the calls of a store, `concurrent` of them at the same time.

    `progressed` is when a turn was written, or a database answered a statement, by
    `time.monotonic()`: a database that is far away takes seconds for a turn, and gets on.
    """

    def __init__(self, db: AsyncBaseDb, concurrent: int) -> None:
        self.progressed = 0.0
        self._db: Any = db
        self._slots = asyncio.Semaphore(concurrent)
        self._last: dict[str, asyncio.Task[None]] = {}  # of each session
        engine = getattr(inner_of(db), "db_engine", None)
        if isinstance(engine, Engine | AsyncEngine):
            engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
            for name in ("after_cursor_execute", "commit", "rollback"):
                event.listen(engine, name, self._answered)
            event.listen(engine.pool, "checkout", self._answered)

    def _answered(self, *_: object) -> None:
        self.progressed = time.monotonic()

    async def prepare(self) -> None:
        """Create the tables of a database that Agno would create in its first write, which may take
        longer than a write."""
        if hasattr(inner_of(self._db), "_get_table"):  # all with SQL
            proxy = self._db if isinstance(self._db, StoreProxy) else StoreProxy(self._db)
            for kind in ("sessions", "runs"):
                await proxy.call("_get_table", kind, create_table_if_not_found=True)

    def write(self, rows: TurnRows) -> asyncio.Future[None]:
        """Write a turn, behind those of its sessions that have begun before, in a task, which
        raises what the store raises, and `WriteRefused`."""
        before = {self._last[name] for name in rows.session_ids if name in self._last}
        task = asyncio.create_task(self._write(rows, before))
        for name in rows.session_ids:
            self._last[name] = task
        task.add_done_callback(self._forget)
        return task

    async def _write(self, rows: TurnRows, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        async with self._slots:
            for session in rows.sessions.values():
                if await self._db.upsert_session(session=session) is None:
                    raise WriteRefused(f"{type(self._db).__name__} wrote no session")
            for row in rows.runs.values():
                try:
                    await self._db.upsert_run(
                        run=row.run,
                        session_id=row.session_id,
                        user_id=row.user_id,
                        run_index=row.index,
                    )
                except NotImplementedError:  # it keeps runs with their sessions
                    continue
        self._answered()

    def _forget(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # the one who waits has got it
        for name in [name for name, last in self._last.items() if last is task]:
            del self._last[name]

    async def checkpoint(self) -> None:
        """What a store of this kind deletes is gone as far as the store makes it."""

    async def close(self) -> None:
        """End what is being written."""
        for task in set(self._last.values()):
            task.cancel()
