"""A reader's position in the log of a run. Starting, resuming and watching are all this."""

import asyncio
from collections.abc import Callable
from typing import Self

from ..errors import JournalUnavailable
from .journal import Entry, RunRecord
from .sources import Source
from .traffic import Traffic

#: Seconds until a reader retries a journal that failed.
RETRY_DELAY = 0.5


class Follower:
    """Reads the log of a run from the number `after` to its end, in batches of all new entries.

    A reader that falls behind catches up in few steps, since a batch is a slice of a list. `poke`
    makes a waiting `batch` return early. `on_close` is called when the reader leaves, but not if it
    was `redirected` to another process, where it continues.
    """

    def __init__(
        self,
        record: RunRecord,
        source: Source,
        after: int,
        on_close: Callable[[], None] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.record = record
        self.after = after
        self.done = False
        self.redirected = False
        self.traffic = traffic or Traffic()
        self.traffic.followers += 1
        self._source = source
        source.subscribe(self.poke)
        self._on_close = on_close
        self._closed = False
        self._poked = False
        self._waiting: asyncio.Future[None] | None = None

    async def batch(self) -> list[Entry]:
        """The next entries, and `after` moves behind them; empty if poked, at the end (`done`),
        or if the journal fails for a moment. Raises `Gap` for entries that are no longer kept.
        """
        try:
            entries = await self._source.read(self.after)
            if not entries:
                entries = await self._wait_and_read()
        except JournalUnavailable:
            await asyncio.sleep(RETRY_DELAY)
            return []
        self._poked = False  # each batch begins with a read, which no earlier change escapes
        if entries:
            self.after += len(entries)
            self.done = entries[-1][1].done
        return entries

    async def _wait_and_read(self) -> list[Entry]:
        position = await self._source.position(self.after)
        if position is None:
            self.done = True
            return []
        if position == self.after:
            await self._changed()
        self.after = position
        return await self._source.read(position)

    async def _changed(self) -> None:
        """Wait for a change or a poke. A future costs a third of what an `asyncio.Event` does."""
        if not self._poked:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

    async def ended(self) -> bool:
        """Whether nothing is left to read, now or later; else `after` is where to read on.

        Raises `Gap`, as `batch` does, and `JournalUnavailable`.
        """
        position = await self._source.position(self.after)
        if position is not None:
            self.after = position
        return position is None

    def poke(self) -> None:
        """Make `batch` return, also the next one if none is waiting."""
        self._poked = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def live(self) -> bool:
        """Whether this process drives the run, or did until it ended."""
        return self._source.live

    @property
    def memo(self) -> dict[object, tuple[int, int, bytes]] | None:
        """Encoded entries that the readers of a live log share; None for a single reader.

        By the encoder's key: the number before the first entry, their count, and their bytes.
        """
        return self._source.memo

    def redirect(self) -> None:
        """Make the reader continue at another process, because this one stops."""
        self.redirected = True
        self.poke()

    def close(self) -> None:
        """Stop reading; the run counts one reader less."""
        if self._closed:
            return
        self._closed = True
        self.traffic.followers -= 1
        self._source.unsubscribe(self.poke)
        if self._on_close is not None and not self.redirected:
            self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
