"""The text and the timing of one run: what came, when the first token did, how many, how late.

See docs/decisions/012-measuring-costs-a-token-nothing.md.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import sub

from ...models.growing import GrowingText
from .journal import Entry

#: Upper bounds in seconds of the buckets of `Meter.delays`, which has one more for longer delays.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meter:
    """Collects the text of one run, counts its tokens, and measures the delays between them.

    `first` and `last` are the times of the first and the last token, in seconds since the run was
    created; `total` is the sum of all delays. `tokens` counts chunks with text or reasoning, most
    of which are one token of the provider. Many entries are read at once, so that a token costs
    little.
    """

    __slots__ = ("_text", "delays", "first", "last", "tokens", "total")

    def __init__(self) -> None:
        self.first: float | None = None
        self.last = 0.0
        self.tokens = 0
        self.delays = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self._text = GrowingText()

    @property
    def text(self) -> str:
        return str(self._text)

    def take_text(self) -> str:
        """`text`, which is kept no longer."""
        text, self._text = self.text, GrowingText()
        return text

    def begin(self, text: str) -> None:
        """Let `text` be what was said so far: what stands of the text of a process that died."""
        self._text = GrowingText()
        self._text.append(text)

    def read(self, entries: Sequence[Entry]) -> None:
        """Take the next entries of the run, in the order of the log."""
        self._text.append("".join([chunk.content for _, chunk in entries]))
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
        for bucket, bound in enumerate(BOUNDS):
            if done == len(delays):
                return
            up_to = bisect_right(delays, bound, done)
            self.delays[bucket] += up_to - done
            done = up_to
        self.delays[-1] += len(delays) - done
