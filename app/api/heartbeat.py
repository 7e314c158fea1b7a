"""The timer of a stream: heartbeats in silence, and a bound on the time of one write."""

import asyncio
from collections.abc import Callable

from ..core.waiting.wheel import wheel

#: Seconds of silence after which the first heartbeat is due, if the interval is longer.
FIRST_HEARTBEAT = 1.0

#: Seconds between two checks of a write that has not ended.
WRITE_CHECK = 1.0


class Heartbeat:
    """The timer of one response: calls `wake` after silence, and `expire` if a write does not end.

    `wake` is called when nothing was written for `silence` seconds: `first` until the first
    heartbeat was taken, then `interval`. `expire` is called when one write has lasted for
    `write_timeout` seconds. There is one timer for all writes, so that a write is cheap: each one
    only notes the time.
    """

    __slots__ = (
        *("_due", "_expire", "_interval", "_loop", "_timer", "_wake", "_wheel", "_write_timeout"),
        *("_writing", "last_write", "silence"),
    )

    def __init__(
        self,
        *,
        first: float,
        interval: float,
        write_timeout: float,
        wake: Callable[[], None],
        expire: Callable[[], None],
    ) -> None:
        self.silence = first
        self._interval = interval
        self._write_timeout = write_timeout
        self._wake = wake
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._due = False
        self._writing = False
        self.last_write = self._loop.time()
        self._wheel = wheel()
        self._timer = self._wheel.call_later(first, self._tick)

    def stop(self) -> None:
        self._timer.cancel()

    def write_began(self) -> None:
        self._writing = True

    def write_ended(self) -> None:
        self._writing = False
        self.last_write = self._loop.time()

    def take(self) -> bool:
        """Return True if a heartbeat is due, and mark it as sent; return False if none is due."""
        if not self._due:
            return False
        self._due = False
        self.silence = self._interval
        return True

    def _tick(self) -> None:
        now = self._loop.time()
        if self._writing:
            if now >= self.last_write + self._write_timeout:
                self._expire()
                return
            self._timer = self._wheel.call_later(WRITE_CHECK, self._tick)
            return
        if now >= self.last_write + self.silence:
            self._due = True
            self.last_write = now
            self._wake()
        self._timer = self._wheel.call_at(self.last_write + self.silence, self._tick)
