"""A circuit breaker: after repeated failures, requests to a provider are refused for a while.

See docs/decisions/015-retries-fallback-and-circuit-are-ours.md.
"""

import time
from collections import OrderedDict

from ..run_failures import ModelUnavailable

#: Principals whose failures are remembered, the latest ones; those of others are forgotten.
PRINCIPALS = 1000


class _Streak:
    """Failures in a row, and until when they keep the circuit open."""

    __slots__ = ("count", "trial", "until", "whose")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0  # of time.monotonic()
        self.trial = False  # one request is under way to find out whether the provider is back
        self.whose: set[str] = set()

    def add(self, principal: str) -> None:
        self.count += 1
        self.whose.add(principal)


class Circuit:
    """Opens after `failures` failed requests in a row, for `seconds`; with 0 it never opens.

    One principal's failures open it for that principal alone, since its questions may be the cause:
    it opens for all when the failures in a row are those of several, and nobody's request succeeded
    among them. Then one request, the trial, is admitted: if it succeeds, the circuit closes; if it
    fails, the circuit opens again. Each process has a circuit of its own.
    """

    def __init__(self, name: str, *, failures: int, seconds: float) -> None:
        self._name = name
        self._failures = failures
        self._seconds = seconds
        self._all = _Streak()
        self._each: OrderedDict[str, _Streak] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether requests are refused now, to all principals or to the only one there is."""
        streaks = [self._all, *self._each.values()]
        alone = len(self._each) == 1
        return any(self._refuses(streak) for streak in (streaks if alone else streaks[:1]))

    def refuses(self, principal: str) -> bool:
        """Whether requests of this principal are refused now."""
        return self._refuses(self._all) or self._refuses(self._each.get(principal))

    def check(self, principal: str = "") -> None:
        """Raise `ModelUnavailable` while requests of this principal are refused."""
        for streak in (self._all, self._each.get(principal)):
            if streak is not None and self._refuses(streak):
                raise ModelUnavailable(
                    f"The model {self._name!r} has failed {streak.count} times in a row. "
                    "Retry in a moment.",
                    retry_after=max(1.0, streak.until - time.monotonic()),
                )

    def enter(self, principal: str = "") -> None:
        """Begin a request, which must end with `leave`; raises `ModelUnavailable` like `check`."""
        self.check(principal)
        for streak in (self._all, self._each.get(principal)):
            if streak is not None:
                streak.trial = self._tripped(streak)

    def leave(self, principal: str = "", *, well: bool | None) -> None:
        """End a request: whether the first token came, or None if the provider is not at fault."""
        mine = self._each.get(principal)
        for streak in (self._all, mine):
            if streak is not None:
                streak.trial = False
        if well:
            self._all = _Streak()
            self._each.pop(principal, None)
        elif well is False:
            if mine is None:
                mine = self._each[principal] = _Streak()
            self._each.move_to_end(principal)
            if len(self._each) > PRINCIPALS:
                self._each.popitem(last=False)
            for streak in (self._all, mine):
                streak.add(principal)
                if self._tripped(streak):
                    streak.until = time.monotonic() + self._seconds

    def _tripped(self, streak: _Streak) -> bool:
        if streak is self._all and len(streak.whose) < 2:
            return False
        return 0 < self._failures <= streak.count

    def _refuses(self, streak: _Streak | None) -> bool:
        if streak is None or not self._tripped(streak):
            return False
        return streak.trial or time.monotonic() < streak.until
