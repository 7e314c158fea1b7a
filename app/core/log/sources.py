"""Where a follower reads entries from: the live log of this process, or the journal alone."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ...models.numbers import STRIDE, Recovery
from ..errors import Gap, UnknownRun
from .journal import Entry, Log, Reach, RunRecord
from .reading import PIECE, journal_call, never_kept, piece_of, unavailable
from .run_log import RunLog
from .tail import Tail

logger = logging.getLogger(__name__)

#: Encoded entries, by the encoder's key: the number before the first, their count, their bytes.
Memo = dict[object, tuple[int, int, bytes]]


class Newest(NamedTuple):
    """The number of the newest entry of a log, whether that ends the run, and as `interrupted`."""

    number: int
    ended: bool
    interrupted: bool


class Source(Protocol):
    """Where a follower reads the entries of one run: the log in memory, or the journal.

    `live` is True if this process drives the run, or drove it until its end. `memo` holds the
    encoded entries that all readers of a run share; None if the run has only one reader here.
    `read` and `position` raise `Gap` for entries that are no longer kept, and `JournalUnavailable`.
    """

    @property
    def live(self) -> bool: ...

    @property
    def memo(self) -> Memo | None: ...

    @property
    def recoveries(self) -> Sequence[Recovery]:
        """The recoveries of the run that are known here: all of those before the entries that have
        been read."""

    async def read(self, after: int) -> list[Entry]:
        """Return the entries that follow entry `after`; empty if there are none yet."""

    def fresh(self, after: int) -> list[Entry]:
        """Return what `read` would at once; empty if it had to wait, or the run's end is in it."""

    async def position(self, after: int) -> int | None:
        """Return the number after which a reader at number `after` continues, usually `after`
        itself; None if nothing follows, now or later."""

    async def newest(self) -> Newest:
        """Return how far the log goes now; raises `JournalUnavailable`."""

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call `wake` each time the log of the run changes, until `unsubscribe`."""

    def unsubscribe(self, wake: Callable[[], None]) -> None: ...


class LiveSource:
    """Reads a run that this process drives, or drove when its reader came, from the log in memory.

    Entries that memory no longer has are read from the journal.
    """

    __slots__ = ("_journal", "log")

    def __init__(self, log: RunLog, journal: Log) -> None:
        self.log = log
        self._journal = journal

    @property
    def live(self) -> bool:
        return not self.log.left

    @property
    def recoveries(self) -> Sequence[Recovery]:
        return self.log.record.recoveries

    @property
    def memo(self) -> Memo | None:
        return self.log.memo if len(self.log.readers) > 1 else None

    async def read(self, after: int) -> list[Entry]:
        log = self.log
        if after >= log.base:
            return piece_of(log.since(after, PIECE))
        page = await _page(self._journal, log.record.run_id, after)
        if not page:  # the journal failed for longer than memory could hold everything
            raise never_kept(log.record.run_id, log.base)
        return page

    def fresh(self, after: int) -> list[Entry]:
        entries, start = self.log.entries, after - self.log.base
        slow = start < 0 or not 0 < len(entries) - start <= PIECE or entries[-1][1].done
        return [] if slow else entries[start:]

    async def position(self, after: int) -> int | None:
        log = self.log
        if after >= log.base:
            return None if log.ended and after >= log.last else after
        if not await journal_call(self._journal.read(log.record.run_id, after, 1)):
            raise never_kept(log.record.run_id, log.base)
        return after

    async def newest(self) -> Newest:
        log = self.log
        interrupted = log.ended and log.entries[-1][1].finish_reason == "interrupted"
        return Newest(log.last, log.ended, interrupted)

    def subscribe(self, wake: Callable[[], None]) -> None:
        self.log.readers.add(wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        self.log.readers.discard(wake)


class JournalSource:
    """Reads a run that has ended or that another process drives from the journal.

    `tail` reports when such a run has new entries. A reader that comes from another process may be
    ahead of the journal, and waits until later entries are written. If the owner died before it
    wrote them, the reader gets only the last entry of the log, unless it `saw_end`.
    """

    live = False
    memo = None

    def __init__(
        self, record: RunRecord, journal: Log, tail: Tail | None, *, saw_end: bool
    ) -> None:
        self._run_id = record.run_id
        self.recoveries = [*record.recoveries]
        self._ahead: bool | None = None  # whether the reader is ahead of the journal; None: unknown
        self._recovery: int | None = None  # the position to go back to
        self._journal = journal
        self._tail = tail
        self._saw_end = saw_end

    async def read(self, after: int) -> list[Entry]:
        if self._ahead is not False:
            self._recovery = await journal_call(self._find_recovery(after))
            if self._recovery is not None:
                self._ahead = None
                return []  # what follows is not what the reader has to read next
        entries = await _page(self._journal, self._run_id, after)
        for number, (_, chunk) in enumerate(entries, start=after + 1):
            if chunk.recovered is not None and chunk.recovered.attempt > len(self.recoveries):
                self.recoveries.append(Recovery(number, chunk.recovered.after % STRIDE))
        return entries

    def fresh(self, after: int) -> list[Entry]:
        return []

    async def position(self, after: int) -> int | None:
        if self._ahead is not False:
            self._recovery = await journal_call(self._find_recovery(after))
        if self._recovery is not None:
            position, self._recovery = self._recovery, None
            self._ahead = False
            return position
        return await journal_call(self._position(after))

    async def _find_recovery(self, after: int) -> int | None:
        """The position before a recovery that a reader ahead of the journal has not read; None if
        there is none."""
        if after == 0:
            self._ahead = False
            return None
        reached = await self._journal.reached([self._run_id])
        record = await self._journal.record(self._run_id)
        if record is not None and len(record.recoveries) > len(self.recoveries):
            number = record.recoveries[len(self.recoveries)].number
            self._ahead = False
            return number - 1 if number <= after else None
        last, ended = reached.get(self._run_id, Reach(0, ended=True))
        self._ahead = after > last and not ended
        return None

    async def _position(self, after: int) -> int | None:
        if await self._journal.read(self._run_id, after, 1):
            return after
        reached = await self._journal.reached([self._run_id])
        last, ended = reached.get(self._run_id, Reach(0, ended=True))
        if not ended:
            return None if self._tail is None else after
        if after < last:
            return after
        if self._saw_end or last == 0:
            return None
        ((_, end),) = await self._journal.read(self._run_id, last - 1, 1)
        if after == last and end.finish_reason != "interrupted":
            return None
        return last - 1

    async def newest(self) -> Newest:
        return await journal_call(self._newest())

    async def _newest(self) -> Newest:
        reached = await self._journal.reached([self._run_id])
        last, ended = reached.get(self._run_id, Reach(0, ended=True))
        if not ended or last == 0:
            return Newest(last, ended, interrupted=False)
        ((_, end),) = await self._journal.read(self._run_id, last - 1, 1)
        return Newest(last, ended, end.finish_reason == "interrupted")

    def subscribe(self, wake: Callable[[], None]) -> None:
        if self._tail is not None:
            self._tail.join(self._run_id, wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        if self._tail is not None:
            self._tail.leave(self._run_id, wake)


def source_of(
    record: RunRecord,
    journal: Log,
    log: RunLog | None,
    tail: Tail | None = None,
    *,
    saw_end: bool = False,
) -> Source:
    """Return the source of a run: its `log` in the memory of this process, the journal if that is
    None."""
    if log is not None:
        return LiveSource(log, journal)
    return JournalSource(record, journal, tail, saw_end=saw_end)


async def _page(journal: Log, run_id: str, after: int) -> list[Entry]:
    """Return a run's next entries, empty if there are none yet, from the journal.

    Raises `Gap` if the run or its next entries were removed, and `JournalUnavailable`.
    """
    try:
        return piece_of(await journal.read(run_id, after, PIECE))
    except UnknownRun as error:
        raise Gap(f"Run {run_id} is no longer kept; it was read up to {after}.") from error
    except Gap:
        raise
    except Exception as error:  # the hub logs it
        logger.debug("a reader waits for the journal", exc_info=True)
        raise unavailable() from error
