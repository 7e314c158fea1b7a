"""The runs that are being created: one at a time in each conversation."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Starts:
    """Orders the starts of each conversation, so that each sees the runs before it.

    A journal that takes long delays the starts of one conversation, and no others.
    """

    def __init__(self) -> None:
        # The lock of a conversation exists as long as a start holds it or waits for it.
        self._locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @asynccontextmanager
    async def enter(self, principal: str, conversation_id: str) -> AsyncIterator[None]:
        """Wait for the earlier starts in a conversation; the block is one start."""
        lock = self._locks.setdefault((principal, conversation_id), asyncio.Lock())
        self._count += 1
        self._none.clear()
        try:
            async with lock:
                yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def none(self) -> None:
        """Wait until no start is under way."""
        await self._none.wait()
