"""A reader's place in a run's log. Starting, resuming and watching are all this."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from ..errors import AgnoStreamError, Gap, JournalUnavailable, UnknownRun
from .hub import RunLog
from .journal import Entry, Journal, Reach, RunRecord
from .tail import Tail
from .traffic import Traffic

#: Entries that a reader is given at once, so that what is written at once is bounded, too.
PAGE = 1000

#: Seconds until a reader asks a journal again that failed.
RETRY = 0.5

logger = logging.getLogger(__name__)
T = TypeVar("T")


async def journal_call(question: Coroutine[Any, Any, T]) -> T:
    """What a journal answers, where nobody else could; raises `JournalUnavailable`."""
    try:
        return await question
    except AgnoStreamError:
        raise
    except Exception as error:
        logger.error("journal: cannot be read: %r", error)
        raise JournalUnavailable(
            "The journal of runs cannot be read at the moment.", retry_after=2
        ) from error


class Follower:
    """Reads a log from the number `after` to its end: first the journal's part, then live.

    Live is the hub's `log` where this process drives the run, and else what `tail` tells of the
    journal. `batch` returns everything new at once, so a reader that falls behind catches up in
    few steps. `poke` makes a waiting `batch` return early with nothing.

    A reader of another process may be ahead of the journal: it is told what follows once that is
    written. If that process was killed, this never is, and the reader is told the end alone, unless
    it `saw_end`.
    """

    def __init__(
        self,
        record: RunRecord,
        journal: Journal,
        log: RunLog | None,
        after: int,
        on_close: Callable[[], None] | None = None,
        tail: Tail | None = None,
        *,
        saw_end: bool = False,
        traffic: Traffic | None = None,
    ) -> None:
        self.record = record
        self.after = after
        self.done = False
        self.traffic = traffic or Traffic()
        self.traffic.followers += 1
        self._closed = False
        self.sent_away = False  # this process is leaving: read on at another one
        self._journal = journal
        self._log = log
        self._tail = tail if log is None else None
        self._saw_end = saw_end
        self._on_close = on_close
        self._poked = False
        self._waiting: asyncio.Future[None] | None = None
        if log is not None:
            log.readers.add(self._wake)
        elif tail is not None:
            tail.join(record.run_id, self.poke)

    async def batch(self) -> list[Entry]:
        """The next entries, after which `after` moves on; empty when poked or if there are none.

        Raises `Gap` when retention has removed the part that comes next.
        """
        log = self._log
        if log is None:
            entries = await self._elsewhere()
        elif self.after < log.base:
            page = await self._page()
            entries = page or []
            if page == []:  # the journal failed for longer than the hub could hold it all
                raise Gap(
                    f"Events up to {log.base} of run {self.record.run_id} could not be kept.",
                    first_event_id=f"{self.record.run_id}:{log.base}",
                    base=log.base,
                )
        else:
            entries = log.since(self.after, PAGE)
            if not entries and not log.ended:
                await self._news()
                entries = [] if self.after < log.base else log.since(self.after, PAGE)
            elif not entries:
                self.done = True
            self._poked = False
        if entries:
            self.after += len(entries)
            self.done = entries[-1][1].done
        return entries

    async def _elsewhere(self) -> list[Entry]:
        """What the journal has, of a run that is not driven here: waits for more if it goes on."""
        self._poked = False  # what is news from here on is not missed
        page = await self._page()
        if page == []:
            after = self.after
            try:
                self.done = await self.ended()
            except JournalUnavailable:
                await asyncio.sleep(RETRY)
                return []
            if not self.done:
                if self.after == after:
                    await self._news()
                page = await self._page()
        return page or []

    async def _page(self) -> list[Entry] | None:
        """The next entries of the journal; None if it failed, which it need not do for ever."""
        run_id = self.record.run_id
        try:
            return await self._journal.read(run_id, self.after, PAGE)
        except UnknownRun as error:  # it was known when this reader came
            raise Gap(f"Run {run_id} is no longer kept; it was read up to {self.after}.") from error
        except Gap:
            raise
        except Exception:
            logger.debug("a reader waits for the journal", exc_info=True)
            await asyncio.sleep(RETRY)
            return None

    async def ended(self) -> bool:
        """Whether there is nothing left to read, and never will be.

        Raises `Gap`, as `batch`, and `JournalUnavailable`.
        """
        log = self._log
        if log is not None and self.after >= log.base:
            return log.ended and self.after >= log.last
        return await journal_call(self._ended())

    async def _ended(self) -> bool:
        run_id = self.record.run_id
        if await self._journal.read(run_id, self.after, 1):
            return False
        reach = (await self._journal.reached([run_id])).get(run_id, Reach(0, ended=True))
        if not reach.ended:
            return self._tail is None
        if self.after < reach.last:
            return False
        return self._saw_end or reach.last == 0 or not await self._missed_end(reach.last)

    async def _missed_end(self, last: int) -> bool:
        """Step back to before the end of a log that this reader is ahead of, if it may be that."""
        ((_, end),) = await self._journal.read(self.record.run_id, last - 1, 1)
        if self.after == last and end.finish_reason != "interrupted":
            return False
        self.after = last - 1
        return True

    async def _news(self) -> None:
        """Wait for a new entry or a poke. A future of our own: an Event costs three times that."""
        if not self._poked:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def poke(self) -> None:
        self._poked = True
        self._wake()

    @property
    def live(self) -> bool:
        """Whether this process drives the run, or did until it ended."""
        return self._log is not None

    @property
    def memo(self) -> dict[object, tuple[int, int, bytes]] | None:
        """Where readers leave for each other what they made of entries; None for a single one.

        By any key: the number before the first entry, how many there were, and their bytes.
        """
        log = self._log
        return log.memo if log is not None and len(log.readers) > 1 else None

    def send_away(self) -> None:
        self.sent_away = True
        self.poke()

    def close(self) -> None:
        """Leave; the run learns that one reader fewer is there."""
        if not self._closed:
            self._closed = True
            self.traffic.followers -= 1
        if self._log is not None:
            self._log.readers.discard(self._wake)
        elif self._tail is not None:
            self._tail.leave(self.record.run_id, self.poke)
        if self._on_close is not None and not self.sent_away:
            self._on_close()
        self._on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
