"""A reader's place in a run's log. Starting, resuming and watching are all this."""

import asyncio
from collections.abc import Callable
from typing import Self

from app.core.errors import Gap, UnknownRun
from app.core.hub import RunLog
from app.core.journals import Entry, Journal, RunRecord

#: Entries that one read of the journal returns at most.
PAGE = 1000


class Follower:
    """Reads a log from the number `after` to its end: first the journal's part, then live.

    `batch` returns everything new at once, so a reader that falls behind catches up in few
    steps. `poke` makes a waiting `batch` return early with nothing.
    """

    def __init__(
        self,
        record: RunRecord,
        journal: Journal,
        log: RunLog | None,
        after: int,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.record = record
        self.after = after
        self.done = False
        self._journal = journal
        self._log = log
        self._on_close = on_close
        self._poked = False
        self._waiting: asyncio.Future[None] | None = None
        if log is not None:
            log.readers.add(self._wake)

    async def batch(self) -> list[Entry]:
        """The entries after `after`, which moves on; empty when poked or when there are no more.

        Raises `Gap` when retention has removed the part that comes next.
        """
        log = self._log
        if log is None or self.after < log.base:
            entries = await self._page()
            if log is None and not entries:
                self.done = True
        else:
            entries = log.since(self.after)
            if not entries and not log.ended:
                await self._news()
                entries = [] if self.after < log.base else log.since(self.after)
            elif not entries:
                self.done = True
            self._poked = False
        if entries:
            self.after += len(entries)
            self.done = entries[-1][1].done
        return entries

    async def _page(self) -> list[Entry]:
        run_id = self.record.run_id
        try:
            return await self._journal.read(run_id, self.after, PAGE)
        except UnknownRun as error:  # it was known when this reader came
            raise Gap(f"Run {run_id} is no longer kept; it was read up to {self.after}.") from error

    async def ended(self) -> bool:
        """Whether there is nothing left to read, and never will be."""
        if self._log is not None:
            return self._log.ended and self.after >= self._log.last
        return not await self._journal.read(self.record.run_id, self.after, 1)

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

    def close(self) -> None:
        """Leave; the run learns that one reader fewer is there."""
        if self._log is not None:
            self._log.readers.discard(self._wake)
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
