"""`memory://`: logs that exist as long as the process, bounded in bytes and in time."""

import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult

from ....models.sizes import size_of
from ..journal import (
    MEBIBYTE,
    PAUSE_RETENTION,
    Entry,
    Group,
    Reach,
    RunRecord,
    belongs,
)
from ..outbox import Created, MemoryOutbox
from ..reading import removed, unknown_run


class _StoredRun:
    """A run and its entries, except the first `base` entries, which were removed."""

    __slots__ = ("base", "continued", "ended_at", "entries", "record", "size")

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.entries: list[Entry] = []
        self.base = 0
        self.size = 0
        self.ended_at: float | None = None
        self.continued: str | None = None


class MemoryJournal:
    """A journal in memory that keeps at most `run_bytes` of one run and `total_bytes` of all runs.

    A run over its bound loses its oldest entries. If all runs together are over the bound, the run
    that ended first is removed; if none has ended, the run that was written to longest ago loses
    its oldest entries. Ended runs are removed `retention` seconds after their end.
    """

    def __init__(
        self,
        *,
        retention: float = 3600,
        pause_retention: float = PAUSE_RETENTION,
        run_bytes: int = 64 * MEBIBYTE,
        total_bytes: int = 512 * MEBIBYTE,
    ) -> None:
        self.size = 0
        self.outbox = MemoryOutbox()
        self._retention = retention
        self._pause_retention = pause_retention
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._live: OrderedDict[str, _StoredRun] = OrderedDict()  # written to longest ago first
        self._ended: OrderedDict[str, _StoredRun] = OrderedDict()  # ended first, first
        self._paused: OrderedDict[str, _StoredRun] = OrderedDict()  # and no run continues them

    @classmethod
    def at(cls, url: SplitResult, *, data_dir: Path, **options: Any) -> Self:
        """The journal for a `JOURNAL_URL`; see `open_journal`."""
        return cls(**options)

    async def open(self, owner: str) -> None:
        pass

    async def close(self) -> None:
        self._live.clear()
        self._ended.clear()
        self._paused.clear()

    async def create(self, record: RunRecord, session: str | None = None) -> Created:
        if session is not None and (waiting := await self.outbox.count(session)):
            return Created(new=False, waiting=waiting)
        await self.sweep()
        new = self._find(record.run_id) is None
        if new and record.continues is not None:
            new = self._claim(record.continues, record.run_id)
        if new:
            self._live[record.run_id] = _StoredRun(record)
        return Created(new, before=())

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        lost = [group.record.run_id for group in groups if not self._append(group)]
        await self.sweep()
        return lost

    def _append(self, group: Group) -> bool:
        run_id = group.record.run_id
        if ended := self._ended.get(run_id) or self._paused.get(run_id):
            return group.last <= ended.base + len(ended.entries)  # a repeated write
        log = self._live.setdefault(run_id, _StoredRun(group.record))
        last = log.base + len(log.entries)
        if group.first > last + 1:
            self._drop(log, len(log.entries))
            log.base = last = group.first - 1
        entries = group.entries[last + 1 - group.first :]
        log.entries.extend(entries)
        grown = sum(size_of(chunk) for _, chunk in entries)
        log.size += grown
        self.size += grown
        self._live.move_to_end(run_id)
        if log.size > self._run_bytes:
            self._trim_head(log, log.size - self._run_bytes)
        if group.ended:
            log.ended_at = time.monotonic()
            ended_runs = self._paused if group.paused else self._ended
            ended_runs[run_id] = self._live.pop(run_id)
        return True

    async def record(self, run_id: str) -> RunRecord | None:
        await self.sweep()
        log = self._find(run_id)
        return log.record if log else None

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        log = self._find(run_id)
        if log is None:
            raise unknown_run(run_id)
        if after < log.base:
            raise removed(run_id, log.base)
        start = after - log.base
        return log.entries[start : start + limit]

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        found = {run_id: log for run_id in run_ids if (log := self._find(run_id))}
        return {
            run_id: Reach(log.base + len(log.entries), log.ended_at is not None)
            for run_id, log in found.items()
        }

    async def delete(self, run_id: str) -> None:
        for runs in (self._ended, self._paused):
            if (log := runs.pop(run_id, None)) is not None:
                self.size -= log.size

    def _find(self, run_id: str) -> _StoredRun | None:
        for runs in (self._live, self._ended, self._paused):
            if run_id in runs:
                return runs[run_id]
        return None

    def _claim(self, run_id: str, by: str) -> bool:
        """Let the run `by` continue a paused one, which is then kept as other ended runs are."""
        log = self._paused.pop(run_id, None)
        if log is None:
            return False
        log.continued, log.ended_at = by, time.monotonic()
        self._ended[run_id] = log
        return True

    async def list_paused(self, principal: str | None) -> list[RunRecord]:
        await self.sweep()
        records = [log.record for log in self._paused.values()]
        return [record for record in records if principal in (None, record.principal)]

    async def continued_by(self, run_id: str) -> str | None:
        log = self._find(run_id)
        return log.continued if log else None

    def _trim_head(self, log: _StoredRun, excess: int) -> None:
        """Remove the oldest entries of a run until `excess` bytes are freed, but never the newest
        entry."""
        freed = count = 0
        while freed < excess and count < len(log.entries) - 1:
            freed += size_of(log.entries[count][1])
            count += 1
        self._drop(log, count)

    def _drop(self, log: _StoredRun, count: int) -> None:
        freed = sum(size_of(chunk) for _, chunk in log.entries[:count])
        del log.entries[:count]
        log.base += count
        log.size -= freed
        self.size -= freed

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        for run_id, log in [*self._ended.items(), *self._paused.items()]:
            if belongs(log.record, principal, conversation_id, user):
                await self.delete(run_id)

    async def sweep(self) -> None:
        now = time.monotonic()
        horizon = now - self._retention
        while self._paused:
            log = next(iter(self._paused.values()))
            if log.ended_at is None or log.ended_at >= now - self._pause_retention:
                break
            self._paused.popitem(last=False)
            self.size -= log.size
        while self._ended:
            log = next(iter(self._ended.values()))
            expired = log.ended_at is not None and log.ended_at < horizon
            if not expired and self.size <= self._total_bytes:
                return
            self._ended.popitem(last=False)
            self.size -= log.size
        for log in (*self._paused.values(), *self._live.values()):
            if self.size <= self._total_bytes:
                return
            self._trim_head(log, self.size - self._total_bytes)
