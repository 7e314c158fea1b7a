"""Shares of the event loop: work that takes milliseconds is done one piece in each turn.

See docs/decisions/077-heavy-work-passes-one-by-one.md.
"""

import asyncio
from collections import deque
from weakref import WeakKeyDictionary


class Turnstile:
    """Lets the tasks that wait pass in their order, one in each turn of their event loop.

    Without it, fifty tasks that each work for 5 ms and yield then hold up all others for 250 ms.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait for a turn, of which the caller has the first milliseconds."""
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


_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, Turnstile] = WeakKeyDictionary()


async def next_turn() -> None:
    """Wait for a turn of the running loop in which no other heavy work is done."""
    loop = asyncio.get_running_loop()
    found = _turnstiles.get(loop)
    if found is None:
        found = _turnstiles[loop] = Turnstile()
    await found.wait()
