"""`sqlite:///`: one file, which all processes of a host may share.

See docs/decisions/007-sqlite-one-row-a-run-and-flush.md.
"""

import asyncio
import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult

from ...errors import ConfigurationError
from ..journal import (
    ADOPTION_BATCH,
    LOOK_SECONDS,
    MEBIBYTE,
    PAUSE_RETENTION,
    Entry,
    Group,
    Reach,
    RunRecord,
)
from ..outbox import Created
from ..reading import JournalReplaced, removed, unknown_run
from . import sqlite_pauses as pauses
from . import sqlite_queries as sql
from . import sqlite_shared as shared
from . import sqlite_trim as trim
from .outboxes.sqlite import SqliteOutbox, count
from .owners import Owners
from .sqlite_file import Connection


class SqliteJournal:
    """A journal in one file that keeps at most `run_bytes` of one run and `total_bytes` of all
    runs.

    A run over its bound loses its oldest groups of entries; the newest group always stays. A sweep
    removes ended runs `retention` seconds after their end, paused ones `pause_retention` seconds
    after it. If all runs together are over the bound,
    it removes the runs that ended first, then the oldest groups of the live run written to longest
    ago.

    A process is alive while it holds its lock in the folder `<file>.owners`. Bounds count bytes on
    disk.
    """

    def __init__(
        self,
        file: Path,
        *,
        retention: float = 3600,
        pause_retention: float = PAUSE_RETENTION,
        run_bytes: int = 64 * MEBIBYTE,
        total_bytes: int = 1024 * MEBIBYTE,
    ) -> None:
        self._file = file
        self._retention = retention
        self._pause_retention = pause_retention
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._owner = ""
        self._no_cancels_until = 0.0  # by `time.monotonic()`
        self._owners = Owners(file.with_name(f"{file.name}.owners"))
        # Two, so that a write does not wait for a long read.
        self._writer = Connection(file, "BEGIN IMMEDIATE")
        self._reader = Connection(file, "BEGIN")
        self.outbox = SqliteOutbox(self._writer, self._reader)

    @classmethod
    def at(cls, url: SplitResult, *, data_dir: Path, **options: Any) -> Self:
        """The journal for a `JOURNAL_URL`; see `open_journal`."""
        # As in SQLAlchemy: three slashes are a relative path, four an absolute one.
        return cls(Path(url.path[1:]) if url.path[1:] else data_dir / "runs.db", **options)

    async def open(self, owner: str) -> None:
        """Open the database file, as the process `owner`; raises `ConfigurationError` if it cannot
        be opened or written."""
        self._owner = owner
        try:
            await asyncio.to_thread(self._owners.join, owner)
            await self._writer.run(sql.states, [])
            await self._reader.run(sql.states, [])
        except (sqlite3.Error, OSError) as error:
            await self.close()
            raise ConfigurationError(
                f"JOURNAL_URL: {self._file} cannot be used: {error}"
            ) from error
        except ConfigurationError:
            await self.close()
            raise

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()
        self._owners.leave()

    async def create(self, record: RunRecord, session: str | None = None) -> Created:
        return await self._writer.run(_create, record, session)

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        lost, requested = await self._writer.run(self._append, groups)
        self._no_cancels_until = 0.0 if requested else time.monotonic() + LOOK_SECONDS
        return lost

    def _append(self, db: sqlite3.Connection, groups: Sequence[Group]) -> tuple[list[str], bool]:
        if self._writer.replaced:
            self._writer.replaced = False
            raise JournalReplaced(f"{self._file} was removed or replaced")
        lost = sql.append(db, groups, self._run_bytes)
        return lost, bool(shared.cancel_requests(db, self._owner))

    async def record(self, run_id: str) -> RunRecord | None:
        return await self._reader.run(sql.record, run_id)

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        base, entries = await self._reader.run(sql.read, run_id, after, limit)
        if base is None:
            raise unknown_run(run_id)
        if after < base:
            raise removed(run_id, base)
        return entries

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        states = await self._reader.run(sql.states, run_ids)
        return {
            run_id: Reach(state.last, state.ended_at is not None)
            for run_id, state in states.items()
        }

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        await self._writer.run(trim.remove_conversation, principal, conversation_id, user)
        await self._writer.checkpoint()

    async def delete(self, run_id: str) -> None:
        await self._writer.run(trim.delete, run_id)

    async def list_paused(self, principal: str | None) -> list[RunRecord]:
        found = await self._reader.run(pauses.list_paused, principal)
        return [sql.with_owner(*row) for row in found]

    async def continued_by(self, run_id: str) -> str | None:
        return await self._reader.run(pauses.continued_by, run_id)

    async def sweep(self) -> None:
        while await self._writer.run(
            trim.remove_ended, self._retention, self._pause_retention, self._total_bytes
        ):
            pass  # other calls run between two steps
        await self._writer.run(trim.trim_live, self._total_bytes)
        await self._writer.run(trim.shrink)

    async def send_heartbeat(self) -> None:
        """Look whether the files are still there; that this process is alive, its lock shows."""
        await self._writer.check()
        await asyncio.to_thread(self._owners.rejoin)

    async def mark_leaving(self) -> None:
        await asyncio.to_thread(self._owners.mark_leaving)

    async def count_peers(self) -> int:
        return await asyncio.to_thread(self._owners.others)

    async def adopt_orphans(self, limit: int = ADOPTION_BATCH) -> list[RunRecord]:
        dead = await self._reader.run(shared.dead_owners, self._owner, self._owners)
        if not dead:
            return []
        return await self._writer.run(shared.adopt_orphans, self._owner, dead, limit)

    async def keep_checkpoint(self, record: RunRecord, data: str) -> bool:
        return await self._writer.run(shared.keep_checkpoint, record.run_id, record.owner, data)

    async def checkpoint(self, run_id: str) -> str:
        return await self._reader.run(shared.checkpoint, run_id)

    async def runs_before(self, record: RunRecord) -> list[str]:
        return await self._reader.run(shared.runs_before, record)

    async def list_active(self, principal: str) -> list[RunRecord]:
        return await self._reader.run(shared.list_active, principal)

    async def request_cancel(self, run_id: str) -> None:
        await self._writer.run(shared.request_cancel, run_id)

    @property
    def saw_no_cancels(self) -> bool:
        return time.monotonic() < self._no_cancels_until

    async def take_cancel_requests(self) -> list[str]:
        requested = await self._reader.run(shared.cancel_requests, self._owner)
        return await self._writer.run(shared.take_cancel_requests, self._owner) if requested else []

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        await self._writer.run(shared.mark_followed, run_ids)

    async def is_followed(self, run_id: str) -> bool:
        return await self._reader.run(shared.is_followed, run_id)


def _create(db: sqlite3.Connection, record: RunRecord, session: str | None) -> Created:
    if session is not None and (waiting := count(db, session)):
        return Created(new=False, waiting=waiting)
    new = sql.create(db, [record]) == 1
    return Created(new, [] if record.first or not new else shared.runs_before(db, record))
