"""A circuit breaker: after repeated failures, requests to a provider are refused for a while.

See docs/decisions/015-retries-fallback-and-circuit-are-ours.md.
"""

import time

from ..run_failures import ModelUnavailable


class Circuit:
    """Opens after `failures` failed requests in a row, for `seconds`; with 0 it never opens.

    Then one request, the trial, is admitted: if it succeeds, the circuit closes; if it fails, the
    circuit opens again. Each process has a circuit of its own.
    """

    def __init__(self, name: str, *, failures: int, seconds: float) -> None:
        self._name = name
        self._failures = failures
        self._seconds = seconds
        self._in_a_row = 0
        self._until = 0.0  # of time.monotonic()
        self._trial = False

    @property
    def open(self) -> bool:
        """Whether requests are refused now."""
        return self._tripped and (self._trial or time.monotonic() < self._until)

    @property
    def _tripped(self) -> bool:
        return 0 < self._failures <= self._in_a_row

    def check(self) -> None:
        """Raise `ModelUnavailable` while the circuit is open."""
        if self.open:
            raise ModelUnavailable(
                f"The model {self._name!r} has failed {self._in_a_row} times in a row. "
                "Retry in a moment.",
                retry_after=max(1.0, self._until - time.monotonic()),
            )

    def enter(self) -> None:
        """Begin a request, which must end with `leave`; raises `ModelUnavailable` like `check`."""
        self.check()
        self._trial = self._tripped

    def leave(self, *, well: bool | None) -> None:
        """End a request: whether the first token came, or None if the provider is not at fault."""
        self._trial = False
        if well is not None:
            self._in_a_row = 0 if well else self._in_a_row + 1
        if well is False and self._tripped:
            self._until = time.monotonic() + self._seconds
