"""The entries of a run for a protocol that cannot take back what it has sent.

See docs/decisions/066-void-text-is-taken-back-where-the-protocol-can.md.
"""

from collections.abc import Callable, Iterator

from ..core.log.follower import Follower
from ..core.log.journal import Entry, RunRecord
from ..core.log.reading import WholeLog
from ..core.run_failures import server_stopped
from ..models.chat import StreamingChunk
from ..models.numbers import STRIDE, Recovery

#: What each recovery of a run adds at least to the numbers that a protocol gives its events.
STEP = 1_000_000


def number_after_gap(number: int, received: int) -> int | None:
    """Return the number of a protocol's next event behind entries that were left out.

    `number` is the one that it would have without a recovery, `received` the highest that the
    reader has from an earlier connection. None if the reader has events that are void now.
    """
    further = (number // STEP + 1) * STEP
    return None if number <= received < further else further


def numbered(record: RunRecord, log: WholeLog) -> list[tuple[int, StreamingChunk]]:
    """Return what `Steady` passes on of a log to a reader that comes late, with numbers."""
    first = log.last + 1 - len(log.entries)
    if not record.recoveries:
        return [(n, chunk) for n, (_, chunk) in enumerate(log.entries, start=first)]
    numbers = [
        n
        for n in range(1, log.last + 1)
        if not any(known.after < n < known.number for known in record.recoveries)
    ]
    pairs = zip(reversed(numbers), reversed(log.entries), strict=False)
    found = [(n, chunk) for n, (_, chunk) in pairs if chunk.recovered is None]
    return found[::-1]


class Steady:
    """Leaves out what recoveries of a run have made void, and the recoveries themselves.

    A reader that was sent something that is void now gets the end of an interrupted run; or the
    recovery, if `takes_back` says that the protocol can take back all after an entry.
    """

    def __init__(self, follower: Follower, takes_back: Callable[[int], bool] | None = None) -> None:
        self._follower = follower
        self._takes_back = takes_back or (lambda after: False)
        self._known = [*follower.recoveries]
        self._shown = 0  # the number of the last entry that shows something

    def passes(self, number: int, entries: list[Entry]) -> bool:
        """Return True if entries that follow entry `number` pass as they are, which is noted."""
        for n, (_, chunk) in enumerate(entries, start=number + 1):
            if chunk.recovered is not None:
                self._known.append(Recovery(n, chunk.recovered.after % STRIDE))
        if self._known:
            return False
        self._note(number, entries)
        return True

    def pieces(self, number: int, entries: list[Entry]) -> Iterator[tuple[int, list[Entry]]]:
        """Yield entries that follow entry `number` in pieces without gaps, each with the number
        before its first; the last one may be an end that is not in the log."""
        if self.passes(number, entries):
            yield number, entries
            return
        piece: list[Entry] = []
        for n, entry in enumerate(entries, start=number + 1):
            recovered = entry[1].recovered
            if recovered is None and not self._is_void(n):
                piece.append(entry)
                self._note(n - 1, [entry])
                continue
            if piece:
                yield n - 1 - len(piece), piece
                piece = []
            if recovered is None or self._shown <= recovered.after % STRIDE:
                continue
            if self._takes_back(recovered.after % STRIDE):
                self._shown = recovered.after % STRIDE
                yield n - 1, [entry]
                continue
            last = server_stopped().last_chunk(entry[1].model)
            self._follower.done = True
            yield n - 1, [(entry[0], last)]
            return
        if piece:
            yield number + len(entries) - len(piece), piece

    def _is_void(self, number: int) -> bool:
        return any(known.after < number <= known.number for known in self._known)

    def _note(self, number: int, entries: list[Entry]) -> None:
        for place in range(len(entries), 0, -1):
            if _shows(entries[place - 1][1]):
                self._shown = number + place
                return


def _shows(chunk: StreamingChunk) -> bool:
    """Whether a chunk has something that readers see."""
    if chunk.content or chunk.done:
        return True
    parts = (chunk.reasoning, chunk.tool, chunk.said, chunk.step, chunk.event, chunk.media)
    return any(part is not None for part in (*parts, chunk.citations, chunk.final))
