"""The pauses between attempts to reconnect."""

import random

#: Seconds before the first attempt to reconnect; twice as long before each further one.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Backoff:
    """Counts the attempts to reconnect since the last event, and makes the pauses between them
    longer.

    `pause` is the number of seconds to wait before the next attempt.
    """

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self.attempts = 0
        self.pause = 0.0

    def reset(self) -> None:
        """Count from zero again, because an event has arrived."""
        self.attempts = 0

    def skip(self) -> None:
        """Make the next attempt at once without counting it, because nothing has failed."""
        self.pause = 0.0

    def schedule(self, retry_after: float | None) -> bool:
        """Plan the next attempt and return True; return False if all retries are used up.

        `retry_after` is the shortest pause in seconds that the server has requested, None if it has
        not.
        """
        if self.attempts >= self._retries:
            return False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self.attempts)
        pause = min(LONGEST_PAUSE, max(pause, retry_after or 0.0))
        # Half of a pause is random, so that clients that lost their connections at the same moment
        # do not reconnect at the same moment.
        self.pause = pause * random.uniform(0.5, 1)
        self.attempts += 1
        return True
