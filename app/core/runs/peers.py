"""The other processes that keep the same journal: what they ask of us, and what they leave."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection

from ..errors import Gap, Interrupted, RunFailed
from ..log.journal import Entry, Group, RunRecord, SharedJournal
from ..log.reading import PAGE
from ..log.tail import POLL_INTERVAL
from .run import opening

logger = logging.getLogger(__name__)

#: Seconds between two signs of life, and between two looks for runs whose process has died.
BEAT = 1.0

#: Seconds between two clean-ups of the journal.
SWEEP = 30.0

#: Seconds without adoptions after the journal failed: it failed the others, too, and they have not
#: said yet that they live.
TRUCE = 5.0

#: Keeps the question of a run, and what was said of its answer, in its conversation.
Remember = Callable[[RunRecord, str, RunFailed], Awaitable[None]]


class Peers:
    """This process among those that share a journal.

    It says that it lives, ends the runs of processes that do not, and hears whom to cancel.
    """

    def __init__(self, journal: SharedJournal, remember: Remember) -> None:
        self.journal = journal
        self._remember = remember
        self._tasks: list[asyncio.Task[None]] = []
        self._truce = 0.0
        self._cancel: Callable[[str], None] = lambda run_id: None
        self._orphans: dict[str, RunRecord] = {}  # adopted, and without an end so far

    async def open(
        self, live: Callable[[], Collection[str]], cancel: Callable[[str], None]
    ) -> None:
        """Begin; returns when the orphans that are found now have their ends, if the journal lets.

        `live` tells the runs of this process, `cancel` stops one of them.
        """
        self._cancel = cancel
        try:
            await self._adopt()
        except Exception:  # it could be opened, so it is busy or gone for a moment: see `_beat`
            logger.exception("peers: what dead processes left is not dealt with yet")
        self._tasks = [
            asyncio.create_task(self._keep(BEAT, self._beat), name="peers-beat"),
            asyncio.create_task(self._keep(SWEEP, self.journal.sweep), name="peers-sweep"),
            asyncio.create_task(self._hear(live), name="peers-hear"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def turn(self, record: RunRecord) -> None:
        """Wait until the runs of other processes that came before this one in its conversation
        have ended."""
        try:
            waited = False
            while await self.journal.runs_before(record):
                waited = True
                await asyncio.sleep(POLL_INTERVAL)
            if waited:  # who ended those may have asked to cancel this one, too
                await self._asked()
        except Exception:
            # The journal is down, and the hub tells so: better an answer out of turn than none.
            logger.debug("peers: the queue cannot be read", exc_info=True)

    async def _beat(self) -> None:
        try:
            await self.journal.send_heartbeat()
        except Exception:
            self._truce = time.monotonic() + TRUCE
            raise
        if time.monotonic() > self._truce:
            await self._adopt()

    async def _adopt(self) -> None:
        for record in await self.journal.adopt_orphans():
            logger.warning("run %s: its process died; it ends as interrupted", record.run_id)
            self._orphans[record.run_id] = record
        # One that cannot be ended now is tried again: it is ours, so nobody else does it.
        for record in list(self._orphans.values()):
            await self._end(record)
            del self._orphans[record.run_id]

    async def _end(self, record: RunRecord) -> None:
        """Give an orphan its last chunk, once its conversation remembers what was said."""
        failure = Interrupted("The server stopped before the answer was complete.")
        text: list[str] = []
        after, last = 0, 0.0
        while True:
            try:
                page = await self.journal.read(record.run_id, after, PAGE)
            except Gap as gap:
                after = int(str(gap.details["base"]))
                continue
            if not page:
                break
            after += len(page)
            last = page[-1][0]
            text += [chunk.content for _, chunk in page]
        if record.question is not None:
            try:
                await self._remember(record, "".join(text), failure)
            except Exception:
                logger.exception("run %s: its partial answer was not remembered", record.run_id)
        chunks: list[Entry] = [(last, failure.last_chunk(record.model))]
        if after == 0:  # it died before anything was written
            chunks.insert(0, (0.0, opening(record)))
        await self.journal.append([Group(record, after + 1, chunks)])

    async def _hear(self, live: Callable[[], Collection[str]]) -> None:
        async def poll() -> None:
            if live():
                await self._asked()

        await self._keep(self.journal.CANCEL_POLL_SECONDS, poll)

    async def _asked(self) -> None:
        for run_id in await self.journal.take_cancel_requests():
            self._cancel(run_id)

    async def _keep(self, interval: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do it again and again, whether it fails or not: the hub tells of a failing journal."""
        while True:
            await asyncio.sleep(interval)
            try:
                await work()
            except Exception:
                logger.debug("peers: the journal failed", exc_info=True)
                await asyncio.sleep(BEAT)
