"""How the text of one run came: when the first piece, how many, and the delays between them.

See docs/decisions/012-measuring-costs-a-token-nothing.md.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import sub

from .journal import Entry

#: Seconds; the upper bounds of the counts of `Meter.delays`, which has one more for what is longer.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meter:
    """Reads a run's entries in order, many at a time: a token costs a share of a few list passes.

    `first` and `last` are seconds since the run was created; `tokens` counts pieces of text and
    of reasoning, most of which are one token of the provider's.
    """

    __slots__ = ("delays", "first", "last", "tokens", "total")

    def __init__(self) -> None:
        self.first: float | None = None
        self.last = 0.0
        self.tokens = 0
        self.delays = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def read(self, entries: Sequence[Entry]) -> None:
        times = [when for when, chunk in entries if chunk.content or chunk.reasoning]
        if not times:
            return
        self.tokens += len(times)
        if self.first is None:
            self.first = self.last = times[0]
            del times[0]
        self._count(sorted(map(sub, times, [self.last, *times])))
        if times:
            self.total += times[-1] - self.last
            self.last = times[-1]

    def _count(self, delays: list[float]) -> None:
        done = 0
        for place, bound in enumerate(BOUNDS):
            if done == len(delays):
                return
            up_to = bisect_right(delays, bound, done)
            self.delays[place] += up_to - done
            done = up_to
        self.delays[-1] += len(delays) - done
