"""The logs of this process's runs in memory, and the task that writes them to the journal.

See docs/decisions/006-streams-go-on-while-the-journal-fails.md.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from ..access.turnstile import turnstile
from .journal import Log, RunRecord
from .outage import Outage
from .outbox import Created
from .reading import JournalReplaced, journal_call, unavailable
from .removal import keep_sweeping
from .run_log import Piece, RunLog, oldest, trim

logger = logging.getLogger(__name__)

#: Seconds between two group writes, which is how long an entry may exist in memory alone.
FLUSH_INTERVAL = 0.075

#: Seconds that a new run waits until the journal has its record.
CREATE_TIMEOUT = 0.5

#: Seconds to wait for the journal to have what only it can decide on.
WRITE_TIMEOUT = 5.0

#: Seconds for which fast answers wait at most for one call that writes a part of a backlog.
HOLD = 1.0

#: Entries of a live run that are metered together.
METER_BATCH = 256


class Hub:
    """The logs of all live runs in memory, and of ended runs until the journal has their last
    entries.

    The hub holds at most `run_bytes` of one log and `total_bytes` of all logs; older entries are
    read from the journal. Every `flush_interval` seconds all new entries are written to the journal
    in one call, or in several if they are a backlog. If the journal fails, readers are served from
    memory and the write is retried; an ended log that cannot be written for `retention` seconds
    leaves the memory. `on_lost` is called with the id of each run that another process has taken
    over.
    """

    def __init__(
        self,
        journal: Log,
        *,
        run_bytes: int = 4 << 20,
        total_bytes: int = 256 << 20,
        flush_interval: float = FLUSH_INTERVAL,
        retention: float = 3600,
        on_lost: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        self.journal = journal
        self.on_lost = on_lost
        self._logs: dict[str, RunLog] = {}
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self.outage = Outage(flush_interval)
        self._retention = retention
        self._dirty: set[RunLog] = set()
        self._due = asyncio.Event()  # it is time for a flush
        self._timer: asyncio.TimerHandle | None = None  # sets it; None if there is no work
        self._flushed = asyncio.Event()  # set after each flush
        self._stop = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self, owner: str) -> None:
        """Open the journal under the name of this process, and start the task that writes to the
        journal."""
        await self.journal.open(owner)
        self._stop.clear()
        self._flusher = asyncio.create_task(self._keep_flushing(), name="hub-flusher")
        self._sweeper = asyncio.create_task(
            keep_sweeping(self.journal, self._stop), name="hub-sweeper"
        )

    async def close(self) -> None:
        """Write the entries that are still in memory alone to the journal, and close the
        journal."""
        self._stop.set()
        self._due.set()
        for task in (self._flusher, self._sweeper):
            if task is not None:
                await task
        await self._flush()
        if self._dirty:
            logger.error("journal: the last entries of %d runs are lost", len(self._dirty))
        await self.journal.close()

    async def create(self, record: RunRecord, session: str | None = None) -> RunLog:
        """Return the log of a new run; raises `AlreadyAsked` if any process has a run with this id,
        and `TurnsWait` if turns of its session wait in the outbox.

        If the journal does not answer in time, the record is stored later, with the first entries.
        Not so if it continues another run, which only the journal can decide: then
        `JournalUnavailable` is raised. `AlreadyAsked` also means that this other run does not wait.
        """
        made = Created(new=record.run_id not in self._logs)
        if made.new and record.continues is not None:
            await self.write()
            made = await journal_call(self.journal.create(record, session))
        elif made.new and self.trouble is None:
            try:
                async with asyncio.timeout(CREATE_TIMEOUT):
                    made = await self.journal.create(record, session)
            except Exception as error:
                self.outage.failed(error)
        made.check(record.run_id)
        log = self._logs[record.run_id] = RunLog(record, self._touch, made.before)
        return log

    def take_over(self, record: RunRecord, last: int, seconds: float) -> RunLog:
        """Return the log of a dead process's run, which this one owns now; see `RunLog`."""
        log = self._logs[record.run_id] = RunLog.taken_over(record, self._touch, last, seconds)
        return log

    async def confirm(self, log: RunLog) -> bool:
        """Wait until the journal has all entries of a log so far; False if another process has
        taken the run over."""
        log.requested += 1
        requested, last = log.requested, log.last
        self._touch(log)
        self._due.set()
        while self._has(log) and (log.granted < requested or log.flushed < last):
            self._flushed.clear()
            await self._flushed.wait()
        return self._has(log)

    async def write(self) -> None:
        """Wait until the journal has the last chunks of all runs that have ended so far.

        Raises `JournalUnavailable` if that takes too long.
        """
        ended = [log for log in self._logs.values() if log.ended]
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                while any(log.flushed < log.last and self._has(log) for log in ended):
                    self._flushed.clear()
                    await self._flushed.wait()
        except TimeoutError:
            raise unavailable() from None

    def _has(self, log: RunLog) -> bool:
        return self._logs.get(log.record.run_id) is log

    @property
    def trouble(self) -> tuple[float, str] | None:
        """The Unix time and the reason of the first failure; None while the journal works."""
        return self.outage.trouble

    @property
    def unwritten(self) -> tuple[int, float]:
        """How many entries are not in the journal yet, and the age of the oldest one in seconds."""
        logs = self._logs.values()
        entries = sum(log.last - log.flushed for log in logs)
        return entries, max((log.lag for log in logs), default=0.0)

    @property
    def records(self) -> list[RunRecord]:
        """The records of all runs whose logs are in memory."""
        return [log.record for log in self._logs.values()]

    def get(self, run_id: str) -> RunLog | None:
        return self._logs.get(run_id)

    def _touch(self, *logs: RunLog) -> None:
        self._dirty.update(logs)
        if self._dirty and self._timer is None:
            # Not `asyncio.timeout`, whose cancellation costs as much as a flush of few entries.
            self._timer = asyncio.get_running_loop().call_later(self.outage.pause, self._due.set)

    async def _keep_flushing(self) -> None:
        while True:
            await self._due.wait()
            if self._timer is not None:
                self._timer.cancel()
            if self._stop.is_set():
                return
            self._due.clear()
            try:
                await self._flush()
            except Exception:  # without this task nothing would be written any more
                logger.exception("journal: a flush failed; the next one follows")
            self._timer = None
            self._touch()

    async def _flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        try:
            with turnstile().spending():
                for log in dirty:
                    log.measure(METER_BATCH)
            if sum(log.pending for log in dirty) > self.outage.flush_bytes:
                await self._write_backlog(dirty)
            elif dirty:
                await self._write([Piece.rest(log) for log in dirty])
        except Exception as error:
            self.outage.failed(error)
            if isinstance(error, JournalReplaced):
                for log in self._logs.values():
                    log.rewind()
        else:
            self.outage.recovered()
        for log in dirty:
            if log.waits and self._has(log):
                self._touch(log)  # the write failed, or entries were appended meanwhile
        with turnstile().spending():
            self._bound()
        self._flushed.set()

    async def _write_backlog(self, dirty: Iterable[RunLog]) -> None:
        """Write what has been waiting, oldest first, in calls of a bounded size; what one has
        written stays written if the next one fails.

        Fast answers wait until the journal has caught up, unless it fails.
        """
        ends = {log: log.last for log in sorted(dirty, key=lambda log: log.lag, reverse=True)}
        with turnstile().hold() as hold:
            while logs := [log for log in ends if self._has(log) and log.behind(ends[log])]:
                hold(0.0 if self.trouble else HOLD)
                await self._write(oldest(logs, self.outage.flush_bytes))
                self.outage.progressed()

    async def _write(self, pieces: Sequence[Piece]) -> None:
        """Write pieces of logs in one call, and forget logs that have ended, or that are lost."""
        lost = set(await self.journal.append([piece.group for piece in pieces]))
        for log, group, grown, requested in pieces:
            run_id = log.record.run_id
            if run_id in lost:
                self._logs.pop(run_id, None)
                self.on_lost(run_id)
                continue
            log.wrote(group.last, grown, requested)
            if log.ended and log.flushed == log.last:
                self._logs.pop(run_id, None)

    def _bound(self) -> None:
        logs = list(self._logs.values())
        expired = [log for log in logs if self.trouble and log.ended and log.lag > self._retention]
        for log in expired + trim(logs, self._run_bytes, self._total_bytes):
            logger.error("run %s: its end never reached the journal", log.record.run_id)
            self._logs.pop(log.record.run_id, None)
            self._dirty.discard(log)
