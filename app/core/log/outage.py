"""What the writer of a journal does while the journal fails: smaller calls, with longer pauses.

See docs/decisions/006-streams-go-on-while-the-journal-fails.md.
"""

import logging
import time

logger = logging.getLogger(__name__)

#: Bytes that one call writes at most, and at least after calls that failed: over a slow link a
#: smaller one may succeed where a larger one takes too long.
MAX_FLUSH_BYTES, MIN_FLUSH_BYTES = 1 << 20, 64 << 10

#: Seconds until a write that failed is retried: first, and at most (they double each time).
FIRST_RETRY_DELAY, MAX_RETRY_DELAY = 0.1, 2.0

#: The packages of the stores, whose errors say that one is away, full or late.
STORES = frozenset({"redis", "sqlite3"})


def is_of_store(error: Exception) -> bool:
    """True for an error of a store or of the way to it, which says all there is to know; False for
    one of the server's own, whose traceback is needed."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in STORES


def words(error: Exception) -> str:
    """An error in one line: its name, and what it says."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")


class Outage:
    """Whether the journal can be written, and how the next write is bounded.

    `pause` is the time in seconds before the next write, `interval` that while the journal works;
    `flush_bytes` is the size of its calls. `trouble` is the Unix time and the reason of the first
    failure, None while the journal works; `failures` counts failed calls.
    """

    def __init__(self, interval: float) -> None:
        self.trouble: tuple[float, str] | None = None
        self.failures = 0
        self.flush_bytes = MAX_FLUSH_BYTES
        self.pause = interval
        self._interval = interval

    def failed(self, error: Exception) -> None:
        """Count a failed call of the journal, log the first of an outage, and double the pause."""
        self.failures += 1
        self.flush_bytes = max(self.flush_bytes // 2, MIN_FLUSH_BYTES)
        if self.trouble is None:
            self.trouble = (time.time(), type(error).__name__)
            logger.error(
                "journal: cannot be written; streams go on from memory: %s",
                words(error),
                exc_info=None if is_of_store(error) else error,
            )
            self.pause = FIRST_RETRY_DELAY
        else:
            self.pause = min(2 * self.pause, MAX_RETRY_DELAY)

    def progressed(self) -> None:
        """Shorten the pause, because a part of a backlog was written."""
        self.pause = min(self.pause, FIRST_RETRY_DELAY)

    def recovered(self) -> None:
        """End the outage, if there is one, because all was written."""
        if self.trouble is not None:
            seconds = time.time() - self.trouble[0]
            logger.warning("journal: is written again, after %.1f s", seconds)
            self.trouble = None
            self.flush_bytes = MAX_FLUSH_BYTES
            self.pause = self._interval
