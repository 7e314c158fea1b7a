"""The delays of a replay with `pace=original`."""


class Pacer:
    """Computes the delays of a replay, so that entries are sent at the speed of the original run.

    Times count from the first entry of the response.
    """

    def __init__(self) -> None:
        self._epoch: float | None = None

    def delay(self, recorded: float, now: float) -> float:
        """Return the seconds until an entry must be sent; zero or less means that it must be sent
        now.

        `recorded` is the entry's time in the log, in seconds since the run's start; `now` is the
        current time of the event loop.
        """
        if self._epoch is None:
            self._epoch = now - recorded
        return self._epoch + recorded - now
