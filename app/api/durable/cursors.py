"""Cursors: numbers that change with time, so that no cache repeats one response for ever."""

import random
import time

#: Seconds of one interval, and the Unix time of the first one: 2024-10-09 at 00:00 UTC.
INTERVAL, EPOCH = 20, 1728432000

#: Seconds that a cursor moves on at most, if the client's is not in the past.
MAX_JITTER = 3600


def next_cursor(sent: str | None) -> str:
    """Return the number of the current interval, or a higher one than the client has `sent`."""
    current = int((time.time() - EPOCH) // INTERVAL)
    if sent is None or not sent.isascii() or not sent.isdigit() or len(sent) > 15:
        return str(current)
    if int(sent) < current:
        return str(current)
    return str(int(sent) + random.randint(1, MAX_JITTER // INTERVAL))
