"""A circuit: after repeated failures of a provider it is not asked again for a while."""

import time

from ..errors import ModelUnavailable


class Circuit:
    """Opens after `failures` failed requests in a row, for `seconds`; 0 failures: it never opens.

    After that one request, the trial, is let through: if it goes well the circuit closes, else it
    opens for as long again. It belongs to this process: each finds out by itself.
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
        """Whether requests are refused for now."""
        return self._tripped and (self._trial or time.monotonic() < self._until)

    @property
    def _tripped(self) -> bool:
        return 0 < self._failures <= self._in_a_row

    def check(self) -> None:
        """Raise `ModelUnavailable` while it is open."""
        if self.open:
            raise ModelUnavailable(
                f"The model {self._name!r} has failed {self._in_a_row} times in a row; "
                "it is tried again in a moment.",
                retry_after=max(1.0, self._until - time.monotonic()),
            )

    def enter(self) -> None:
        """Begin a request; as `check`. Each one that is let through ends in `leave`."""
        self.check()
        self._trial = self._tripped

    def leave(self, *, well: bool | None) -> None:
        """How a request went, to its first token; None: it says nothing of the provider."""
        self._trial = False
        if well is not None:
            self._in_a_row = 0 if well else self._in_a_row + 1
        if well is False and self._tripped:
            self._until = time.monotonic() + self._seconds
