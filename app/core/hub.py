"""The live ends of the logs of the runs in this process, and their way into the journal."""

import asyncio
import logging
import time
from collections.abc import Callable

from app.core.journals import Entry, Journal, RunRecord, size_of
from app.models.chat import StreamingChunk

logger = logging.getLogger(__name__)

#: Seconds that a new chunk may wait for others before the group goes to the journal.
FLUSH_INTERVAL = 0.05


class RunLog:
    """The newest entries of one run; those before `base` are in the journal alone.

    Appending costs a list append and a wake-up of each reader; readers take all that is new.
    """

    def __init__(self, record: RunRecord, touch: Callable[["RunLog"], None]) -> None:
        self.record = record
        self.entries: list[Entry] = []
        self.base = 0
        self.flushed = 0
        self.size = 0
        self.readers: set[Callable[[], None]] = set()
        self.flushing = asyncio.Lock()  # groups reach the journal in order
        self._start = time.monotonic()
        self._touch = touch

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 while there is none."""
        return self.base + len(self.entries)

    @property
    def ended(self) -> bool:
        return bool(self.entries) and self.entries[-1][1].done

    def append(self, chunk: StreamingChunk) -> None:
        if self.ended:
            raise RuntimeError(
                f"run {self.record.run_id} has ended; nothing follows its last chunk"
            )
        if self.flushed == self.last:
            self._touch(self)
        self.entries.append((time.monotonic() - self._start, chunk))
        self.size += size_of(chunk)
        for wake in self.readers:
            wake()

    def since(self, after: int) -> list[Entry]:
        """All entries that follow number `after`, which must not be before `base`."""
        return self.entries[after - self.base :]

    def behead(self, bound: int) -> int:
        """Drop flushed entries, oldest first, until at most `bound` bytes are held; bytes freed."""
        freed = count = 0
        droppable = min(self.flushed - self.base, len(self.entries) - 1)
        while self.size - freed > bound and count < droppable:
            freed += size_of(self.entries[count][1])
            count += 1
        del self.entries[:count]
        self.base += count
        self.size -= freed
        return freed


class Hub:
    """All live logs: `run_bytes` of one and `total_bytes` of all are held, the rest is journal."""

    def __init__(
        self,
        journal: Journal,
        *,
        run_bytes: int = 4 << 20,
        total_bytes: int = 256 << 20,
        flush_interval: float = FLUSH_INTERVAL,
    ) -> None:
        self.journal = journal
        self._logs: dict[str, RunLog] = {}
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._flush_interval = flush_interval
        self._dirty: set[RunLog] = set()
        self._work = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self) -> None:
        await self.journal.open()
        self._closing = False
        self._flusher = asyncio.create_task(self._keep_flushing(), name="hub-flusher")

    async def close(self) -> None:
        """Write what is left. A write that is under way is waited for: cancelled, it may or may
        not have been made, and its entries would be lost or doubled."""
        self._closing = True
        self._work.set()
        if self._flusher is not None:
            await self._flusher
        await self._flush_dirty()
        await self.journal.close()

    async def create(self, record: RunRecord) -> RunLog:
        await self.journal.create(record)
        log = self._logs[record.run_id] = RunLog(record, self._touch)
        return log

    def get(self, run_id: str) -> RunLog | None:
        return self._logs.get(run_id)

    async def retire(self, log: RunLog) -> None:
        """Hand an ended log to the journal; readers that hold it read on undisturbed. What cannot
        be written yet is kept here until it can."""
        await self._flush(log)

    def _touch(self, log: RunLog) -> None:
        self._dirty.add(log)
        self._work.set()

    async def _keep_flushing(self) -> None:
        while not self._closing:
            await self._work.wait()
            await asyncio.sleep(self._flush_interval)
            self._work.clear()
            await self._flush_dirty()

    async def _flush_dirty(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for log in dirty:
            await self._flush(log)
        self._bound()

    async def _flush(self, log: RunLog) -> None:
        async with log.flushing:
            entries = log.since(log.flushed)
            if not entries:
                return
            try:
                await self.journal.append(log.record.run_id, log.flushed + 1, entries)
            except Exception:
                # The stream goes on from memory; what could not be written is tried again.
                logger.exception("journal: %d entries of a run were not written", len(entries))
                self._touch(log)
            else:
                log.flushed += len(entries)
                if log.flushed < log.last:
                    self._touch(log)  # these came while the others were being written
                elif log.ended:
                    self._logs.pop(log.record.run_id, None)

    def _bound(self) -> None:
        for log in self._logs.values():
            if log.size > self._run_bytes:
                log.behead(self._run_bytes)
        excess = sum(log.size for log in self._logs.values()) - self._total_bytes
        for log in list(self._logs.values()):
            if excess <= 0:
                return
            excess -= log.behead(max(0, log.size - excess))
