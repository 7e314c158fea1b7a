"""Shares of the event loop: work that takes milliseconds is done one piece in each turn.

See docs/decisions/075-heavy-work-passes-one-by-one.md.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

T = TypeVar("T")

#: Does a piece of work; returns False if there is none.
Go = Callable[[], bool]

#: Seconds of heavy work in one turn. Each turn of a run costs a write to its readers, so that
#: shorter ones make a fast answer dearer.
PIECE = 0.004


class Turnstile:
    """Lets heavy work pass in small pieces: a few milliseconds of it in each turn of the loop.

    Without it, fifty tasks that each work for 5 ms and yield then hold up all others for 250 ms.
    Work that `makes` entries of logs has a queue of its own, which `hold` stops; else those who
    wait have their turns in their order, and the queues alternate.
    """

    def __init__(self) -> None:
        self._others = deque[Go]()
        self._makers = deque[Go]()
        self._makers_next = False
        self._scheduled = False
        self._spent = 0.0  # seconds of this turn
        self._held_until = 0.0  # of the loop's time
        self._loop = asyncio.get_running_loop()

    def crowded(self, *, makes: bool = False) -> bool:
        """True if work has to wait: there is no time left in this turn, or others wait."""
        if self._spent >= PIECE or (self._makers if makes else self._others):
            return True
        return makes and self._held

    def spend(self, seconds: float) -> None:
        """Count work that was done in this turn."""
        if not self._spent:
            self._loop.call_soon(self._begin)
        self._spent += seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time of the block, whose work does not wait, but others do for it."""
        began = perf_counter()
        try:
            yield
        finally:
            self.spend(perf_counter() - began)

    async def share(self, *, makes: bool = False) -> None:
        """Wait for a turn in which there is time left; `spend` takes it."""
        if self.crowded(makes=makes):
            await self.wait(makes=makes)

    async def wait(self, *, makes: bool = False) -> None:
        """Wait for a turn, of which the caller has the first milliseconds."""
        turn = self._loop.create_future()

        def go() -> bool:
            if turn.done():  # its task was cancelled
                return False
            turn.set_result(None)
            return True

        self.call(go, makes=makes)
        await turn

    def call(self, go: Go, *, makes: bool = False) -> None:
        """Call `go` in its turn; it returns False if it has no use for the turn."""
        (self._makers if makes else self._others).append(go)
        self._schedule()

    @contextmanager
    def hold(self) -> Iterator[Callable[[float], None]]:
        """Hold back work that makes entries, during the block.

        Yields a function that is to be called with a number of seconds: it is held back for so long
        at most, until the function is called again.
        """

        def until(seconds: float) -> None:
            self._held_until = self._loop.time() + seconds
            self._loop.call_at(self._held_until, self._schedule)

        try:
            yield until
        finally:
            self._held_until = 0.0
            self._schedule()

    @property
    def _held(self) -> bool:
        return self._held_until > 0 and self._held_until > self._loop.time()

    def _begin(self) -> None:
        self._spent = 0.0

    def _schedule(self) -> None:
        if not self._scheduled and (self._others or (self._makers and not self._held)):
            self._scheduled = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._scheduled = False
        queues = [self._others] if self._held else [self._others, self._makers]
        if self._makers_next:
            queues.reverse()
        for queue in queues:
            while queue:
                if queue.popleft()():
                    self._makers_next = queue is self._others
                    self._schedule()
                    return


_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, Turnstile] = WeakKeyDictionary()


def turnstile() -> Turnstile:
    """The turnstile of the running loop."""
    loop = asyncio.get_running_loop()
    found = _turnstiles.get(loop)
    if found is None:
        found = _turnstiles[loop] = Turnstile()
    return found


async def next_turn() -> None:
    """Wait for a turn of the running loop, of which the caller has the first milliseconds."""
    await turnstile().wait()


async def in_turns(steps: Generator[None, None, T]) -> T:
    """Return what a generator returns, whose steps are heavy work of a millisecond or so each."""
    stile = turnstile()
    while True:
        await stile.share()
        with stile.spending():
            try:
                next(steps)
            except StopIteration as end:
                return cast(T, end.value)
