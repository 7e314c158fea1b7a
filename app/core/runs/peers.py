"""The other processes that share the journal: their cancel requests, and the runs of dead ones.

See docs/decisions/010-a-process-that-was-taken-for-dead-stops-its-runs.md.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from ...models.chat import StreamingChunk
from ...models.numbers import standing
from ..log.follower import Follower
from ..log.journal import ADOPTION_BATCH, LOOK_SECONDS, Entry, Group, RunRecord, SharedJournal
from ..log.outage import words
from ..log.reading import PAGE, WholeLog, journal_call, read_whole
from ..log.tail import POLL_INTERVAL
from ..run_failures import RunFailed, cancelled, server_stopped
from .identity import opening
from .report import Observer, notify, report_of_orphan
from .run import Run

logger = logging.getLogger(__name__)

#: Seconds between two heartbeats, and between two searches for orphans.
HEARTBEAT_INTERVAL = 1.0

#: Seconds that ending one run of a dead process may take. It is retried later.
ADOPTION_TIMEOUT = 10.0

#: Seconds that the start of the server waits for the first search for orphans.
START_TIMEOUT = 3.0

#: Seconds without adoptions after the journal failed: others could send no heartbeats either.
ADOPTION_PAUSE = 5.0

#: Seconds that showing the others that this process stops may take, and before each look for one
#: that stays: the workers of a host stop together, and some of them show it a moment later.
LEAVE_TIMEOUT = LOOK_INTERVAL = 0.5

#: Seconds for which a cancelled run of another process is waited for.
CANCEL_TIMEOUT = 10.0

#: Goes on with a run that this process owns now, from its log; returns False if it has to end.
Recover = Callable[[RunRecord, WholeLog], Awaitable[bool]]

#: Stores the question and the partial answer of a run in its conversation.
Remember = Callable[[RunRecord, Sequence[StreamingChunk], RunFailed], Awaitable[None]]


class Peers:
    """This process's dealings with the other processes that share the journal.

    It sends heartbeats, ends the runs of processes that have died, and stops those of its `active`
    runs that other processes request to cancel. Each run of a dead process goes on by `recover`, if
    it can; else `remember`, unless that is None, stores the partial answer.
    """

    recover: Recover | None = None

    def __init__(
        self,
        journal: SharedJournal,
        remember: Remember | None,
        active: Mapping[str, Run],
        observers: Sequence[Observer] = (),
    ) -> None:
        self.journal = journal
        self._remember = remember
        self._active = active
        self._observers = observers
        self._tasks: list[asyncio.Task[None]] = []
        self._no_adoption_until = 0.0  # by `time.monotonic()`
        self._orphans: dict[str, RunRecord] = {}  # adopted, and not yet ended or gone on with
        self._leaving = False
        self._cancelled: set[str] = set()  # orphans that are to be cancelled
        self._searched = asyncio.Event()  # set after the first search for orphans

    async def open(self) -> None:
        """Start the periodic tasks, and wait a few seconds for the first search for orphans."""
        self._tasks = [
            asyncio.create_task(coroutine, name=f"peers-{name}")
            for name, coroutine in {
                "heartbeat": self._repeat(HEARTBEAT_INTERVAL, self._heartbeat),
                # Beside the heartbeat: while it ends the runs of a dead host, this process lives.
                "adoption": self._keep_adopting(),
                "cancel": self._repeat(LOOK_SECONDS, self._poll_cancels),
            }.items()
        ]
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self._searched.wait()
        except TimeoutError:
            logger.warning("peers: the runs of dead processes are not all ended yet")

    async def leave(self) -> None:
        """Show the others that this process stops, and leave runs that can be recovered to them."""
        self._leaving = self.recover is not None
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self.journal.mark_leaving()
        except Exception as error:
            logger.warning("peers: others do not know that this process stops: %s", words(error))

    async def another_stays(self) -> None:
        """Wait until another process is there, to which readers can move, and does not stop."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            try:
                if await self.journal.count_peers() > 0:
                    return
            except Exception:
                logger.debug("peers: whether others stay is unknown", exc_info=True)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cancel(self, follower: Follower) -> None:
        """Have the process of a run cancel it, and wait for its end; at most `CANCEL_TIMEOUT`
        seconds, because that process may hang. Raises `JournalUnavailable`."""
        run_id = follower.record.run_id
        await journal_call(self.journal.request_cancel(run_id))
        reached = await journal_call(self.journal.reached([run_id]))
        follower.after = reached[run_id].last if run_id in reached else 0
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_TIMEOUT):
                while not follower.done:
                    await follower.batch()

    async def wait_turn(self, record: RunRecord) -> None:
        """Wait until the earlier runs of other processes in this run's conversation have ended.

        If the journal fails, the run does not wait.
        """
        try:
            waited = False
            while await self.journal.runs_before(record) or self.orphan_before(record):
                waited = True
                await asyncio.sleep(POLL_INTERVAL)
            if waited:  # the process that ended those may have requested to cancel this one, too
                await self._stop_cancelled()
        except Exception:
            # The journal fails, which the hub logs: an answer out of turn is better than none.
            logger.debug("peers: the queue cannot be read", exc_info=True)

    def orphan_before(self, record: RunRecord) -> bool:
        """Whether an earlier run of the conversation has been adopted, and nothing else yet."""
        return any(
            (orphan.principal, orphan.conversation_id) == (record.principal, record.conversation_id)
            and orphan.created_at < record.created_at
            for orphan in self._orphans.values()
        )

    async def _heartbeat(self) -> None:
        try:
            await self.journal.send_heartbeat()
        except Exception:
            self._no_adoption_until = time.monotonic() + ADOPTION_PAUSE
            raise

    async def _keep_adopting(self) -> None:
        """Search for orphans every second, until cancelled."""
        while True:
            more = False
            try:
                if time.monotonic() >= self._no_adoption_until and not self._leaving:
                    more = await self._adopt()
            except Exception:
                logger.debug("peers: the journal failed", exc_info=True)
            self._searched.set()
            await asyncio.sleep(0 if more else HEARTBEAT_INTERVAL)

    async def _adopt(self) -> bool:
        """Take over a batch of orphans, and go on with them or end them; returns whether there may
        be more.

        An orphan that cannot be ended is retried: this process owns it, so no other one does. It
        delays the others by `ADOPTION_TIMEOUT` at most, and counts as a part of the next batch.
        """
        room = ADOPTION_BATCH - len(self._orphans)
        found = await self.journal.adopt_orphans(room) if room > 0 else []
        for record in sorted(found, key=lambda record: record.created_at):
            self._orphans[record.run_id] = record
        for record in list(self._orphans.values()):
            try:
                async with asyncio.timeout(ADOPTION_TIMEOUT):
                    await self._settle(record)
            except Exception:
                logger.debug("run %s: it cannot be ended yet", record.run_id, exc_info=True)
            else:
                del self._orphans[record.run_id]
                self._cancelled.discard(record.run_id)
        return len(found) == ADOPTION_BATCH and not self._orphans

    async def _settle(self, record: RunRecord) -> None:
        """Go on with a run whose process has died, or end it."""
        log = await read_whole(lambda after: self.journal.read(record.run_id, after, PAGE))
        if self.recover is not None and await self.recover(record, log):
            run = self._active.get(record.run_id)
            if run is not None and record.run_id in self._cancelled:
                run.stop(cancelled())
            return
        logger.warning("run %s: its process died; it ends as interrupted", record.run_id)
        await self._end(record, log)

    async def _end(self, record: RunRecord, log: WholeLog) -> None:
        """Append the last chunk to the log of a run whose process has died, after storing its
        answer so far."""
        failure = cancelled() if record.run_id in self._cancelled else server_stopped()
        if self._remember is not None and record.question is not None:
            chunks = [chunk for _, chunk in standing(log.entries, log.last)]
            try:
                await self._remember(record, chunks, failure)
            except Exception:
                logger.exception("run %s: its partial answer was not stored", record.run_id)
        ended_at = log.entries[-1][0] if log.entries else 0.0
        entries: list[Entry] = [(ended_at, failure.last_chunk(record.model))]
        if log.last == 0:  # its process died before anything was written
            entries.insert(0, (0.0, opening(record)))
        if not await self.journal.append([Group(record, log.last + 1, entries)]):
            self.report(record, [*log.entries, *entries])

    def report(self, record: RunRecord, entries: Sequence[Entry]) -> None:
        """Report a run of a dead process that has ended here; `entries` are its whole log."""
        report = report_of_orphan(record, entries)
        notify(self._observers, lambda observer: observer.ended(report))

    async def _poll_cancels(self) -> None:
        if (self._active or self._orphans) and not self.journal.saw_no_cancels:
            await self._stop_cancelled()

    async def _stop_cancelled(self) -> None:
        for run_id in await self.journal.take_cancel_requests():
            if (run := self._active.get(run_id)) is not None:
                run.stop(cancelled())
            elif run_id in self._orphans:
                self._cancelled.add(run_id)

    async def _repeat(self, interval: float, work: Callable[[], Awaitable[None]]) -> None:
        """Call `work` every `interval` seconds until cancelled, after a failure a second later."""
        while True:
            await asyncio.sleep(interval)
            try:
                await work()
            except Exception:
                logger.debug("peers: the journal failed", exc_info=True)
                await asyncio.sleep(HEARTBEAT_INTERVAL)
