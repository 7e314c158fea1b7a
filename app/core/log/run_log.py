"""The log of one live run: its newest entries, in memory, and pieces of it for the journal.

See docs/decisions/006-streams-go-on-while-the-journal-fails.md.
See docs/decisions/082-what-a-token-passes-has-slots.md.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from ...models.chat import StreamingChunk
from ...models.sizes import size_of
from .journal import Entry, Group, RunRecord
from .meter import Meter

#: Bytes that a chunk takes at least, by `size_of`.
SMALLEST = 200

#: Bytes of all logs in memory that the journal has as well, and of each of them at least. Readers
#: that are further behind read from the journal.
KEPT, LEAST_KEPT = 1 << 20, 16 << 10


class RunLog:
    """The newest entries of one live run, in memory; entries up to number `base` were dropped from
    it.

    Entries up to number `flushed` are in the journal. `touch` is called with the log when it gets
    the first entry that is not. `readers` are functions that an append calls: each wakes a reader,
    which then takes all entries that are new.
    """

    __slots__ = (
        *("_dropped", "_metered", "_start", "_touch", "_written", "base", "before", "entries"),
        *("flushed", "granted", "grown", "left", "memo", "meter", "readers", "record"),
        "requested",
    )

    def __init__(
        self,
        record: RunRecord,
        touch: Callable[["RunLog"], None],
        before: Sequence[str] | None = None,
    ) -> None:
        self.record = record
        #: The runs of other processes before it when it was created; None if that is unknown.
        self.before = before
        self.entries: list[Entry] = []
        self.base = 0
        self.flushed = 0
        #: Bytes of the record and of all entries there have been; dropped; written to the journal.
        self.grown = len(record.question or "")
        self._dropped = self._written = 0
        self.meter = Meter()
        self._metered = 0
        #: Another process goes on with the run: nothing more is appended here.
        self.left = False
        self.readers: set[Callable[[], None]] = set()
        self.memo: dict[object, tuple[int, int, bytes]] = {}  # encoded entries, shared by readers
        self._start = time.monotonic()
        self._touch = touch
        #: How often a write was requested, and how many of these requests are done.
        self.requested = self.granted = 0

    @classmethod
    def taken_over(
        cls, record: RunRecord, touch: Callable[["RunLog"], None], last: int, seconds: float
    ) -> Self:
        """The log of a run that another process has begun, which is `seconds` old, and whose
        entries up to `last` are in the journal."""
        log = cls(record, touch)
        log.base = log.flushed = log._metered = last
        log._start -= seconds
        return log

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 if the log is empty."""
        return self.base + len(self.entries)

    @property
    def ended(self) -> bool:
        """True if the log has the last chunk of the run."""
        return bool(self.entries) and self.entries[-1][1].done

    def append(self, chunk: StreamingChunk) -> None:
        """Add a chunk as the next entry and wake all readers; raises `RuntimeError` after the last
        chunk."""
        entries = self.entries  # no properties in here: this is what each token does
        if entries and entries[-1][1].done:
            raise RuntimeError(
                f"run {self.record.run_id} has ended; nothing follows its last chunk"
            )
        if self.flushed == self.base + len(entries):
            self._touch(self)
        entries.append((time.monotonic() - self._start, chunk))
        self.grown += size_of(chunk)
        for wake in self.readers:
            wake()

    @property
    def size(self) -> int:
        """About how many bytes the log takes in memory, with the question in its record."""
        return self.grown - self._dropped

    @property
    def pending(self) -> int:
        """About how many bytes, at most, the journal does not have yet."""
        return self.grown - max(self._written, self._dropped)

    def wrote(self, last: int, grown: int, requested: int) -> None:
        """Note that the journal has the entries up to `last`, after which the log had `grown`, by a
        write that had been `requested` so often."""
        self.flushed = max(self.flushed, last)
        self.granted = max(self.granted, requested)
        self._written = max(self._written, grown)

    @property
    def waits(self) -> bool:
        """True if the log has to be written: it has new entries, or a write was requested."""
        return self.flushed < self.last or self.granted < self.requested

    def behind(self, last: int) -> bool:
        """True if the log has to be written as far as entry `last`, or as was requested."""
        return self.flushed < last or self.granted < self.requested

    def rewind(self) -> None:
        """Note that the journal has lost the log: the next flush writes all entries in memory."""
        self.flushed = self.base
        self._written = self._dropped
        self._touch(self)

    def measure(self, at_least: int = 1) -> None:
        """Pass the entries that are not measured yet to `meter`, if they are at least
        `at_least`: it has the text and the times of all entries before them."""
        if self.last - self._metered >= at_least:
            self.meter.read(self.entries[max(self._metered - self.base, 0) :])
            self._metered = self.last

    @property
    def age(self) -> float:
        """Seconds since the run was created."""
        return time.monotonic() - self._start

    @property
    def lag(self) -> float:
        """Age in seconds of the oldest entry that is not in the journal; 0 if the journal has all
        entries."""
        if self.flushed >= self.last:
            return 0.0
        return self.age - self.entries[self.flushed - self.base][0]

    def since(self, after: int, limit: int | None = None) -> list[Entry]:
        """Return at most `limit` entries that follow entry `after`; None means all. `after` is at
        least `base`."""
        start = after - self.base
        return self.entries[start : None if limit is None else start + limit]

    def trim_head(self, bound: int, *, lossy: bool = False) -> int:
        """Drop the oldest entries until the log holds at most `bound` bytes; return the bytes
        freed.

        The newest entry always stays. Entries that the journal does not have stay, too, unless
        `lossy`.
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
        self._dropped += freed
        return freed


class Piece(NamedTuple):
    """Entries of a log that one call writes, and the log's `grown` after the last of them, and its
    `requested` at this time."""

    log: RunLog
    group: Group
    grown: int
    requested: int

    @classmethod
    def rest(cls, log: RunLog) -> Self:
        """Everything that the journal does not have yet."""
        group = Group(log.record, log.flushed + 1, log.since(log.flushed))
        return cls(log, group, log.grown, log.requested)

    @classmethod
    def next(cls, log: RunLog, limit: int) -> Self:
        """The oldest entries that the journal does not have: at least one, about `limit` bytes."""
        before, size, entries = log.grown - log.pending, 0, list[Entry]()
        for entry in log.since(log.flushed, limit=max(1, limit // SMALLEST)):
            more = size_of(entry[1])
            if entries and size + more > limit:
                break
            size += more
            entries.append(entry)
        group = Group(log.record, log.flushed + 1, entries)
        grown = log.grown if group.last == log.last else before + size
        return cls(log, group, grown, log.requested)


def oldest(logs: Sequence[RunLog], limit: int) -> list[Piece]:
    """The first pieces of the logs, in their order, that are about `limit` bytes together."""
    pieces = []
    for log in logs:
        piece = Piece.next(log, limit)
        pieces.append(piece)
        limit -= piece.grown - (log.grown - log.pending)
        if limit <= 0:
            break
    return pieces


def trim(logs: Sequence[RunLog], run_bytes: int, total_bytes: int) -> list[RunLog]:
    """Drop the oldest entries until each log and all logs are within their bounds, in bytes.

    Entries that the journal has go first, so that all logs share `KEPT` bytes of them. Then, of
    ended logs before live ones, also those go that it does not have: bounded memory comes before a
    journal without gaps. Returns the ended logs that are to be dropped whole, because their
    questions and last chunks alone are too much.
    """
    part = min(run_bytes, max(LEAST_KEPT, KEPT // max(len(logs), 1)))
    excess = -total_bytes
    for log in logs:
        size = log.size
        # To three quarters, so that not each flush of a long answer drops a few entries.
        excess += size if size <= part else size - log.trim_head(part * 3 // 4)
    if excess <= 0:
        return []
    ended_first = sorted(logs, key=lambda log: not log.ended)
    for lossy in (False, True):
        for log in ended_first:
            if excess <= 0:
                return []
            excess -= log.trim_head(max(0, log.size - excess), lossy=lossy)
    dropped = []
    for log in ended_first:
        if excess <= 0 or not log.ended:
            break
        excess -= log.size
        dropped.append(log)
    return dropped
