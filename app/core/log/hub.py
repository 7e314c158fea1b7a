"""The live ends of the logs of the runs in this process, and their way into the journal."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from ...models.chat import StreamingChunk
from ..errors import AlreadyAsked
from .journal import Entry, Group, Journal, RunRecord, size_of
from .meter import Meter

logger = logging.getLogger(__name__)

#: Seconds that a new chunk may wait for others before the group goes to the journal.
FLUSH_INTERVAL = 0.05

#: Seconds that a new run waits for the journal to know of it.
PATIENCE = 0.5

#: Seconds until a journal that failed is tried again: at first, and at most.
RETRY, RETRY_MOST = 0.1, 2.0

#: Entries that are metered together, while a run goes on.
METERED = 256


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
        self.meter = Meter()
        self._metered = 0
        self.readers: set[Callable[[], None]] = set()
        self.memo: dict[object, tuple[int, int, bytes]] = {}  # what readers made of the newest
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

    def measure(self, at_least: int = 1) -> None:
        """Meter what is new, if it is at least that much."""
        if self.last - self._metered >= at_least:
            self.meter.read(self.entries[max(self._metered - self.base, 0) :])
            self._metered = self.last

    @property
    def age(self) -> float:
        """Seconds since the run was created."""
        return time.monotonic() - self._start

    @property
    def lag(self) -> float:
        """Age in seconds of the oldest entry that is not in the journal; 0 if all are."""
        if self.flushed >= self.last:
            return 0.0
        return self.age - self.entries[self.flushed - self.base][0]

    def since(self, after: int, limit: int | None = None) -> list[Entry]:
        """The entries that follow number `after`, which must not be before `base`."""
        start = after - self.base
        return self.entries[start : None if limit is None else start + limit]

    def trim_head(self, bound: int, *, lossy: bool = False) -> int:
        """Drop entries, oldest first, until at most `bound` bytes are held; bytes freed.

        Those that the journal does not have yet are dropped only where it is to be `lossy`, and
        the last one never is.
        """
        freed = count = 0
        droppable = min((self.last if lossy else self.flushed) - self.base, len(self.entries) - 1)
        while self.size - freed > bound and count < droppable:
            freed += size_of(self.entries[count][1])
            count += 1
        if count:
            self.measure()
        del self.entries[:count]
        self.base += count
        self.flushed = max(self.flushed, self.base)
        self.size -= freed
        return freed


class Hub:
    """All live logs: `run_bytes` of one and `total_bytes` of all are held, the rest is journal.

    Everything new in all of them goes to the journal in one group write each `flush_interval`
    seconds. While the journal fails, streams go on from here, and what could not be written is
    tried again; `trouble` says since when (Unix time) and why, `failures` how often in all.
    `on_lost` is told of the runs that another process has taken over.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        run_bytes: int = 4 << 20,
        total_bytes: int = 256 << 20,
        flush_interval: float = FLUSH_INTERVAL,
        on_lost: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        self.journal = journal
        self.trouble: tuple[float, str] | None = None
        self.failures = 0
        self.on_lost = on_lost
        self._logs: dict[str, RunLog] = {}
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._flush_interval = flush_interval
        self._pause = flush_interval
        self._dirty: set[RunLog] = set()
        self._work = asyncio.Event()
        self._stop = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None

    async def open(self, owner: str) -> None:
        await self.journal.open(owner)
        self._stop.clear()
        self._flusher = asyncio.create_task(self._keep_flushing(), name="hub-flusher")

    async def close(self) -> None:
        """Write what is left. A write that is under way is waited for."""
        self._stop.set()
        self._work.set()
        if self._flusher is not None:
            await self._flusher
        await self._flush()
        if self._dirty:
            logger.error("journal: what %d runs said last is lost", len(self._dirty))
        await self.journal.close()

    async def create(self, record: RunRecord) -> RunLog:
        """Open a log; raises `AlreadyAsked` if there is one of this run, wherever it is driven.

        Where the journal cannot be told soon, it is with the first entries.
        """
        new = record.run_id not in self._logs
        if new and self.trouble is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    new = await self.journal.create(record)
            except Exception as error:
                self._failed(error)
        if not new:
            raise AlreadyAsked(f"Run {record.run_id} has begun before.")
        log = self._logs[record.run_id] = RunLog(record, self._touch)
        return log

    @property
    def unwritten(self) -> tuple[int, float]:
        """How many entries are not in the journal yet, and the age of the oldest in seconds."""
        logs = self._logs.values()
        entries = sum(log.last - log.flushed for log in logs)
        return entries, max((log.lag for log in logs), default=0.0)

    def get(self, run_id: str) -> RunLog | None:
        return self._logs.get(run_id)

    def _touch(self, log: RunLog) -> None:
        self._dirty.add(log)
        self._work.set()

    async def _keep_flushing(self) -> None:
        while not self._stop.is_set():
            await self._work.wait()
            try:
                async with asyncio.timeout(self._pause):
                    await self._stop.wait()
                return
            except TimeoutError:
                self._work.clear()
            await self._flush()

    async def _flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for log in dirty:
            log.measure(METERED)
        groups = [Group(log.record, log.flushed + 1, log.since(log.flushed)) for log in dirty]
        try:
            lost = set(await self.journal.append(groups)) if groups else set()
        except Exception as error:
            self._failed(error)
            for log in dirty:
                self._touch(log)
        else:
            self._recovered()
            for log, group in zip(dirty, groups, strict=True):
                if group.record.run_id in lost:
                    self._logs.pop(group.record.run_id, None)
                    self.on_lost(group.record.run_id)
                    continue
                log.flushed = max(log.flushed, group.last)
                if log.flushed < log.last:
                    self._touch(log)  # these came while the others were being written
                elif log.ended:
                    self._logs.pop(log.record.run_id, None)
        self._bound()

    def _failed(self, error: Exception) -> None:
        """Tell a failure once, and wait longer each time before the next try."""
        self.failures += 1
        if self.trouble is None:
            self.trouble = (time.time(), type(error).__name__)
            logger.error("journal: cannot be written; streams go on from memory", exc_info=error)
            self._pause = RETRY
        else:
            self._pause = min(2 * self._pause, RETRY_MOST)

    def _recovered(self) -> None:
        if self.trouble is not None:
            seconds = time.time() - self.trouble[0]
            logger.warning("journal: is written again, after %.1f s", seconds)
            self.trouble = None
            self._pause = self._flush_interval

    def _bound(self) -> None:
        for log in self._logs.values():
            if log.size > self._run_bytes:
                log.trim_head(self._run_bytes)
        excess = sum(log.size for log in self._logs.values()) - self._total_bytes
        for lossy in (False, True):  # memory is bounded, though the journal may get a hole by it
            for log in self._oldest_first():
                if excess <= 0:
                    return
                excess -= log.trim_head(max(0, log.size - excess), lossy=lossy)

    def _oldest_first(self) -> Iterable[RunLog]:
        """Logs that have ended before those that are still being written."""
        return sorted(self._logs.values(), key=lambda log: not log.ended)
