"""Shares of the event loop: work that takes milliseconds is done one piece in each turn.

See docs/decisions/077-heavy-work-passes-one-by-one.md.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

T = TypeVar("T")

#: Seconds of heavy work in one turn. Each turn of a run costs a write to its readers, so that
#: shorter ones make a fast answer dearer.
PIECE = 0.004


class Turnstile:
    """Lets heavy work pass in small pieces: a few milliseconds of it in each turn of the loop.

    Without it, fifty tasks that each work for 5 ms and yield then hold up all others for 250 ms.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._spent = 0.0  # seconds of this turn
        self._held_until = 0.0  # of the loop's time
        self._freed = asyncio.Event()

    async def share(self) -> None:
        """Wait for a turn in which there is time left; `spend` takes it."""
        if self._waiting or self._spent >= PIECE:
            await self.wait()

    def spend(self, seconds: float) -> None:
        """Count work that was done in this turn."""
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._begin)
        self._spent += seconds

    def _begin(self) -> None:
        self._spent = 0.0

    async def wait(self) -> None:
        """Wait for the next turn, in the order of those who wait: one of them has it."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._open, loop)
        await turn

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting[0]
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                loop.call_soon(self._close, loop)
                return
            self._waiting.popleft()

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next turn, after the task that has passed has done its part of this one."""
        self._waiting.popleft()
        self._open(loop)

    async def released(self) -> None:
        """Wait while tasks that make entries of logs are held back."""
        loop = asyncio.get_running_loop()
        while (left := self._held_until - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._freed.wait()

    @contextmanager
    def hold(self) -> Iterator[Callable[[float], None]]:
        """Hold back those who wait for `released` during the block.

        Yields a function that is to be called with a number of seconds: they are held back for so
        long at most, until it is called again.
        """

        def until(seconds: float) -> None:
            self._held_until = asyncio.get_running_loop().time() + seconds

        self._freed.clear()
        try:
            yield until
        finally:
            self._held_until = 0.0
            self._freed.set()


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
        began = perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            stile.spend(perf_counter() - began)
