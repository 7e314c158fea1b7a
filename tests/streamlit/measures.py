"""Delays and rates, computed from the times of events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from tests.streamlit.events import Event


@dataclass(frozen=True, slots=True)
class Measures:
    """Times in seconds, rates in tokens a second; None if there are too few events.

    A token is an event with text or reasoning: most providers send each token by itself.
    `delays` are those before each token but the first.
    """

    tokens: int = 0
    first: float | None = None
    rate: float | None = None
    took: float | None = None
    delays: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return median(self.delays) if self.delays else None

    @property
    def longest(self) -> float | None:
        return max(self.delays, default=None)


def measure(began: float, events: Sequence[Event]) -> Measures:
    """The measures of an answer whose question was sent at `began`."""
    times = [event.at for event in events if event.chunk.text or event.chunk.reasoning]
    took = events[-1].at - began if events else None
    if not times:
        return Measures(took=took)
    span = times[-1] - times[0]
    return Measures(
        tokens=len(times),
        first=times[0] - began,
        rate=(len(times) - 1) / span if span > 0 else None,
        took=took,
        delays=[later - earlier for earlier, later in pairwise(times)],
    )
