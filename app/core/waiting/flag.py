"""An event for tasks that wait, which takes little memory while none does."""

import asyncio


class Flag:
    """An `asyncio.Event` in 48 bytes: that one has a queue of 700 from its beginning."""

    __slots__ = ("_on", "_waiters")

    def __init__(self) -> None:
        self._on = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        return self._on

    def set(self) -> None:
        """Set the flag, and wake all tasks that wait for it."""
        self._on = True
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        self._on = False

    async def wait(self) -> bool:
        """Wait until the flag is set; the result is always True, as that of an event."""
        if self._on:
            return True
        waiter = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)
            if not self._waiters:
                self._waiters = None
        return True
