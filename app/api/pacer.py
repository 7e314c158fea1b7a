"""The delays of a replay with `pace=original`."""


class Pacer:
    """Computes when recorded entries are due, counted from the first entry of a response."""

    def __init__(self) -> None:
        self._epoch: float | None = None

    def delay(self, recorded: float, now: float) -> float:
        """Seconds until an entry is due, not positive if it is due already.

        `recorded` is its time in the log in seconds, `now` the time of the event loop.
        """
        if self._epoch is None:
            self._epoch = now - recorded
        return self._epoch + recorded - now
