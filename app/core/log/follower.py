"""A reader's position in the log of a run. Starting, resuming and watching are all this."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from ...models.numbers import Recovery, event_number
from ..errors import JournalUnavailable
from .journal import Entry, RunRecord
from .sources import LiveSource, Newest, Source

#: Seconds until a reader retries a journal that failed.
RETRY_DELAY = 0.5


class Traffic:
    """Counts of readers and of bytes sent, for the metrics: plain numbers, because each write
    updates them.

    `followers` and `streams` are the numbers that are open now; `resumes` and `bytes` are totals
    since the process began.
    """

    __slots__ = ("bytes", "followers", "resumes", "streams")

    def __init__(self) -> None:
        self.followers = self.streams = 0  # a stream is a follower whose client sees each token
        self.resumes = self.bytes = 0


class Follower:
    """A reader's position in the log of a run: returns the entries after number `after`, in
    batches.

    A batch has all entries that are new, so that a slow reader catches up in few steps. `done` is
    True when the reader has got the last entry. `on_close` is called when the reader leaves, but
    not if it was `redirected` to another process, where it continues. `stalled` is True while its
    client does not take what it was sent.
    """

    __slots__ = (
        *("_closed", "_on_close", "_poked", "_wake", "after", "done", "fresh", "record"),
        *("redirected", "source", "stalled", "traffic", "waiting", "__weakref__"),
    )

    def __init__(
        self,
        record: RunRecord,
        source: Source,
        after: int,
        on_close: Callable[["Follower"], None] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.record = record
        self.after = after
        self.done = False
        self.redirected = False
        self.stalled = False
        self.traffic = traffic or Traffic()
        self.traffic.followers += 1
        self.source = source
        #: What `batch` would return at once, after the number of an entry; see `Source`.
        self.fresh = source.fresh
        self._wake: Callable[[], None] = self.poke  # called when the log has grown
        source.subscribe(self._wake)
        self._on_close = on_close
        self._closed = False
        self._poked = False
        #: What `batch` waits for, or has waited for, unless `poke` is called; None before that.
        self.waiting: asyncio.Future[None] | None = None

    def divert(self, wake: Callable[[], None]) -> None:
        """Call `wake` when the log has grown, instead of `poke`: it may read what is new itself,
        while `batch` waits, and move `after` behind it."""
        self.source.subscribe(wake)
        self.source.unsubscribe(self._wake)
        self._wake = wake

    async def batch(self) -> list[Entry]:
        """Return the next entries, and move `after` behind them; wait if there are none yet.

        The list is empty if `poke` interrupts the wait, if nothing follows (`done` is True), or if
        the journal fails for a moment. Raises `Gap` for entries that are no longer kept.
        """
        try:
            entries = await self.source.read(self.after)
            if not entries:
                position = await self.source.position(self.after)
                if position is None:
                    self.done = True
                    return []
                if position != self.after:
                    self.after = position
                elif not self._poked:
                    await self._change()
                entries = await self.source.read(self.after)
        except JournalUnavailable:
            await asyncio.sleep(RETRY_DELAY)
            return []
        self._poked = False  # each batch begins with a read, which no earlier change escapes
        if entries:
            self.after += len(entries)
            self.done = entries[-1][1].done
        return entries

    def _change(self) -> asyncio.Future[None]:
        """Done when the log has changed or `poke` is called; `after` may move; see `divert`."""
        self.waiting = asyncio.get_running_loop().create_future()
        return self.waiting

    async def ended(self) -> bool:
        """Return True if nothing is left to read, now or later; else move `after` to the next entry
        to read.

        Raises `Gap` if entries are no longer kept, and `JournalUnavailable`.
        """
        position = await self.source.position(self.after)
        if position is not None:
            self.after = position
        return position is None

    async def newest(self) -> Newest:
        """Return how far the log goes now; raises `JournalUnavailable`."""
        return await self.source.newest()

    def poke(self) -> None:
        """Make a waiting `batch` return early; if none is waiting, the next one does not wait."""
        self._poked = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    @property
    def live(self) -> bool:
        """True if this process drives the run, or drove it until the end of the run."""
        return self.source.live

    @property
    def left(self) -> bool:
        """True if this process stops, and has handed the run over to another one."""
        here = isinstance(self.source, LiveSource)
        return self.redirected and here and not self.source.live

    @property
    def recoveries(self) -> Sequence[Recovery]:
        """The recoveries of the run, as far as they are known; grows while the run is read."""
        return self.source.recoveries

    @property
    def event(self) -> int:
        """The number of the event of entry `after`."""
        return event_number(self.after, self.recoveries)

    def redirect(self) -> None:
        """Mark the reader to continue at another process, because this process shuts down."""
        self.redirected = True
        self.poke()

    def close(self) -> None:
        """Stop following the run, and report to `on_close` that a reader has left; later calls do
        nothing."""
        if self._closed:
            return
        self._closed = True
        self.traffic.followers -= 1
        self.source.unsubscribe(self._wake)
        if self._on_close is not None and not self.redirected:
            self._on_close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
