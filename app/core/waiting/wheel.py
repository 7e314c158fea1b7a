"""The timers of all streams and runs of an event loop, on one timer of the loop.

See docs/decisions/077-an-append-writes-to-the-socket.md.
"""

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from heapq import heappop, heappush
from weakref import WeakKeyDictionary

#: Seconds between two times at which timers are due: those of one step are due together.
STEP = 0.02

#: Timers that are due in more than `FAR` seconds are in every sixteenth step only.
FAR = 4.0


class Timer:
    """A call that is due once, unless `cancel` is called before."""

    __slots__ = ("_call", "_step")

    def __init__(self, call: Callable[[], object], step: set["Timer"]) -> None:
        self._call: Callable[[], object] | None = call
        self._step = step

    def cancel(self) -> None:
        self._call = None
        self._step.discard(self)

    def expire(self) -> None:
        if self._call is not None:
            self._call()


class Wheel:
    """Timers in steps of time: to set one is to put it into the set of its step, and to cancel one
    takes it out again. The loop's own timer waits for the first step.

    Times are those of the loop, in seconds. A timer is never early, and at most one `STEP` late; a
    distant one at most a twelfth of its seconds.
    """

    def __init__(self) -> None:
        self._steps: dict[int, set[Timer]] = {}
        self._order: list[int] = []  # a heap of the keys of `_steps`
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = 0  # its step
        self._context = Context()  # that of a run would keep what is in it until the first step

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call a function in so many seconds."""
        return self._add(asyncio.get_running_loop().time() + seconds, seconds > FAR, call)

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Call a function at a time of the loop."""
        return self._add(when, when > asyncio.get_running_loop().time() + FAR, call)

    def _add(self, when: float, far: bool, call: Callable[[], object]) -> Timer:
        number = math.ceil(when / STEP)
        if far:
            number += -number % 16
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = set()
            heappush(self._order, number)
        timer = Timer(call, step)
        step.add(timer)
        if self._armed is None or number < self._armed_for:
            self._arm(asyncio.get_running_loop())
        return timer

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        while self._order and not self._steps[self._order[0]]:
            del self._steps[heappop(self._order)]  # all of its timers were cancelled
        if self._order:
            self._armed_for = self._order[0]
            when = self._armed_for * STEP
            self._armed = loop.call_at(when, self._turn, context=self._context)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._order and self._order[0] * STEP <= now:
            step = self._steps.pop(heappop(self._order))
            for timer in step:
                loop.call_soon(timer.expire)  # so that none fails for another
            step.clear()
        self._armed = None
        self._arm(loop)


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, Wheel] = WeakKeyDictionary()


def wheel() -> Wheel:
    """Return the wheel of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _wheels.get(loop)
    if found is None:
        found = _wheels[loop] = Wheel()
    return found
