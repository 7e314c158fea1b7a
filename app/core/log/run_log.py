"""The log of one live run: its newest entries, in memory."""

import time
from collections.abc import Callable

from ...models.chat import StreamingChunk
from .journal import Entry, RunRecord, size_of
from .meter import Meter


class RunLog:
    """The newest entries of one run; those up to number `base` are in the journal alone.

    An append costs a list append and one call for each of the `readers`, which then take all
    entries that are new to them. Entries up to number `flushed` are in the journal. `touch` is
    called with the log when it gets the first entry that is not.
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
        self.memo: dict[object, tuple[int, int, bytes]] = {}  # encoded entries, shared by readers
        self._start = time.monotonic()
        self._touch = touch

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 if there is none yet."""
        return self.base + len(self.entries)

    @property
    def ended(self) -> bool:
        """Whether the last chunk of the run is in the log."""
        return bool(self.entries) and self.entries[-1][1].done

    def append(self, chunk: StreamingChunk) -> None:
        """Number a chunk and wake all readers; raises `RuntimeError` after the last chunk."""
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
        """Meter the entries that are not metered yet, if there are `at_least` so many."""
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
        """Drop the oldest entries until at most `bound` bytes are held; returns the bytes freed.

        The newest entry always stays, and so do those that are not in the journal yet, unless
        the trim may be `lossy`.
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
