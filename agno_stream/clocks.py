"""The three clocks of an answer: until its first token, between tokens, and in total.

See docs/decisions/037-clocks-without-threads.md.
"""

import time

from agno_stream.errors import AnswerTimeout
from agno_stream.requests import Limits

#: Seconds without a single byte after which a connection counts as lost. The server sends a
#: heartbeat at least every ten.
LOST_AFTER = 30.0

#: Seconds that a request waits for bytes at least, however short `timeout_idle` is. While a server
#: is alive its heartbeats arrive sooner, and the clocks are checked then.
SHORTEST_WAIT = 5.0


class Clocks:
    """Decides when an answer has taken too long, without a thread or a timer of its own.

    A client can check the timeouts only when bytes arrive or a read times out, so `read_timeout`
    limits how late an expired timeout is noticed.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._started = self._progressed = time.monotonic()
        self._has_token = False
        self._read_timeout = LOST_AFTER

    def token_received(self) -> None:
        """Restart the timeout of silence, because a token has arrived; from now on `timeout_idle`
        applies."""
        self._has_token = True
        self._progressed = time.monotonic()

    def read_timeout(self) -> float:
        """Return the number of seconds that the next request may wait for a byte."""
        limits = self._limits
        left = self._started + limits.total - time.monotonic()
        idle = max(limits.idle, SHORTEST_WAIT)
        self._read_timeout = min(LOST_AFTER, limits.first, idle, max(left, 0.05))
        return self._read_timeout

    @property
    def probes(self) -> bool:
        """True if the last request waited too briefly for its silence to prove that the connection
        is lost."""
        return self._read_timeout < LOST_AFTER

    def expired(self, status_code: int | None) -> AnswerTimeout | None:
        """Return the error of the first timeout that has expired, None if none has."""
        now = time.monotonic()
        limits = self._limits
        if now >= self._started + limits.total:
            code, message = "timeout_total", f"The answer took longer than {limits.total:g} s."
        elif now < self._progressed + (limits.idle if self._has_token else limits.first):
            return None
        elif self._has_token:
            code = "timeout_idle"
            message = f"No token came for {limits.idle:g} s in the middle of the answer."
        else:
            code, message = "timeout_first_token", f"No token came within {limits.first:g} s."
        return AnswerTimeout(message, code=code, status_code=status_code)
