"""The time in which a provider neither sends nor takes anything."""

import asyncio
from collections.abc import Callable

from ....waiting.wheel import wheel


class Silence:
    """Calls `expire` after so many seconds in which `heard`, the loop's time of the latest byte,
    stayed as it was, and so did the number of bytes that `unsent` returns."""

    __slots__ = ("_expire", "_loop", "_seconds", "_taken", "_timer", "_unsent", "heard")

    def __init__(
        self, seconds: float, unsent: Callable[[], int], expire: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._unsent = unsent
        self._expire = expire
        self._taken = 0
        self.heard = self._loop.time()
        self._timer = wheel().call_later(seconds, self._look)

    def cancel(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        unsent = self._unsent()
        if unsent != self._taken:  # the provider takes the request, if slowly
            self._taken = unsent
            self.heard = self._loop.time()
        left = self.heard + self._seconds - self._loop.time()
        if left > 0:
            self._timer = wheel().call_later(left, self._look)
        else:
            self._expire()
