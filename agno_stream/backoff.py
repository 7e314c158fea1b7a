"""The pauses between attempts to reconnect."""

import random

#: Seconds before the first attempt to reconnect; twice as long before each further one.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Backoff:
    """Counts the attempts to reconnect since the last progress, and spaces them.

    `pause` is how long to wait before the next attempt, in seconds.
    """

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self.attempts = 0
        self.pause = 0.0

    def reset(self) -> None:
        """Count from zero again, because an event has arrived."""
        self.attempts = 0

    def skip(self) -> None:
        """Make the next attempt at once, and do not count it: nothing has failed."""
        self.pause = 0.0

    def schedule(self, retry_after: float | None) -> bool:
        """Plan the next attempt, at the earliest after `retry_after` seconds if the server sent
        that; False if all retries are used up."""
        if self.attempts >= self._retries:
            return False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self.attempts)
        pause = min(LONGEST_PAUSE, max(pause, retry_after or 0.0))
        # Half of a pause is random, so that clients that lost their connections at the same moment
        # do not reconnect at the same moment.
        self.pause = pause * random.uniform(0.5, 1)
        self.attempts += 1
        return True
