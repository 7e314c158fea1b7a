"""Turns that could not be stored, until they are: kept in the journal's outbox, tried again.

See docs/decisions/061-a-turn-is-stored-or-the-reader-is-told.md.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ...log.outage import is_of_store, words
from ...log.outbox import MemoryOutbox, Outbox, UnstoredTurn
from ...run_failures import ConversationsUnavailable
from .proxies.bounds import within
from .store import unavailable

logger = logging.getLogger(__name__)

#: Seconds for one call of the journal, and for the last ones at the end of the process.
JOURNAL_TIMEOUT, LAST_TIMEOUT = 0.5, 1.0

#: Seconds that a new run waits until the earlier turns of its conversation are stored.
CLEAR_TIMEOUT = 2.0

#: Seconds between two attempts while turns wait, and between two looks while none does.
RETRY_INTERVAL, IDLE_INTERVAL = 0.25, 1.0

#: Turns that are claimed at once.
BATCH = 20

#: Stores a turn; raises `ConversationsUnavailable` if that may succeed later.
StoreTurn = Callable[[UnstoredTurn], Awaitable[None]]


class Backlog:
    """The turns that wait for their store, of all processes that share the journal.

    What the journal does not take is kept in memory. `size` is how many there were at the last
    look, and those that came since.
    """

    def __init__(self, store_turn: StoreTurn, outbox: Outbox | None = None) -> None:
        self.outbox: Outbox = outbox or MemoryOutbox()
        self.size = 0
        self._store_turn = store_turn
        self._memory = MemoryOutbox()
        self._coming = self._kept = 0  # turns on their way into an outbox, and that are in one
        self._more = asyncio.Event()

    async def keep(self, turn: UnstoredTurn) -> None:
        """Keep a turn; takes `JOURNAL_TIMEOUT` seconds at most."""
        self.size += 1
        self._coming += 1
        self._more.set()
        try:
            await within(JOURNAL_TIMEOUT, self.outbox.keep(turn))
        except Exception as error:
            logger.error(
                "conversations: turn %s is kept in memory alone: %s",
                *(turn.key, words(error)),
                exc_info=None if is_of_store(error) else error,
            )
            await self._memory.keep(turn)
        finally:
            self._coming -= 1
            self._kept += 1

    async def clear(self, session: str, *, looked: bool = False) -> None:
        """Store the waiting turns of a session, before a newer one begins.

        If somebody has `looked` into the outbox, or will, this looks into memory alone. Raises
        `ConversationsUnavailable` if they cannot be stored now.
        """
        if looked and not await self._memory.count(session):
            return
        deadline = time.monotonic() + CLEAR_TIMEOUT
        while await self._count(session):
            for turn in await self._claim(session):
                await self._store(turn)
            if time.monotonic() > deadline:
                raise unavailable()
            if await self._count(session):
                await asyncio.sleep(RETRY_INTERVAL / 2)  # another process is at it

    async def drop(self, session: str) -> int:
        """Forget the waiting turns of a session that is deleted, and return their number; raises
        what the journal raises."""
        count = await self._count(session)
        await self._memory.drop(session)
        await self.outbox.drop(session)
        return count

    async def settle(self, key: str) -> None:
        """Forget a turn that is deleted; raises what the journal raises."""
        await self._memory.settle([key])
        await self.outbox.settle([key])

    async def look(self) -> None:
        """Store what waits, as far as possible now."""
        if not await self._counted():
            return
        refused: set[str] = set()
        try:
            for turn in await self._claim(None):
                if turn.session in refused:
                    continue  # its turns are stored in order
                try:
                    await self._store(turn)
                except ConversationsUnavailable:
                    refused.add(turn.session)
        finally:
            with suppress(Exception):  # claims end by themselves
                await within(JOURNAL_TIMEOUT, self.outbox.release())
        await self._counted()

    @asynccontextmanager
    async def opened(self, also: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Look now and then, until the exit; `also` is called at each look. At the exit the journal
        gets what is in memory alone."""
        looking = asyncio.create_task(self._keep_looking(also), name="conversations-backlog")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await self._empty_memory()

    async def _empty_memory(self) -> None:
        async def keep_all() -> None:
            for turn in await self._memory.claim(None, await self._memory.count()):
                await self.outbox.keep(turn)
                await self._memory.settle([turn.key])

        try:
            await within(LAST_TIMEOUT, keep_all())
        except Exception as error:
            lost = await self._memory.count()
            logger.error("conversations: %d turns are lost: %s", lost, words(error))

    async def _keep_looking(self, also: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await also()
                await self.look()
            except Exception:  # the next look may succeed
                logger.debug("conversations: the backlog cannot be read", exc_info=True)
            self._more.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_INTERVAL if self.size else IDLE_INTERVAL):
                    await self._more.wait()
                await asyncio.sleep(RETRY_INTERVAL)

    async def _counted(self) -> int:
        """`size`, counted anew unless a turn comes meanwhile, which may be missing in the count."""
        kept = self._kept
        count = await self._count(None)
        if not self._coming and kept == self._kept:
            self.size = count
        return self.size

    async def _count(self, session: str | None) -> int:
        here = await self._memory.count(session)
        try:
            # Every run does this, twice: a wait in this task, without another one, which `within`
            # makes for calls that do not let themselves be cancelled.
            async with asyncio.timeout(JOURNAL_TIMEOUT):
                return here + await self.outbox.count(session)
        except Exception:  # the journal fails, which the hub logs
            logger.debug("conversations: the outbox cannot be read", exc_info=True)
            return here

    async def _claim(self, session: str | None) -> list[UnstoredTurn]:
        found = await self._memory.claim(session, BATCH)
        try:
            found += await within(JOURNAL_TIMEOUT, self.outbox.claim(session, BATCH))
        except Exception:  # as above
            logger.debug("conversations: the outbox cannot be read", exc_info=True)
        return sorted(found, key=lambda turn: turn.created_at)

    async def _store(self, turn: UnstoredTurn) -> None:
        try:
            await self._store_turn(turn)
        except ConversationsUnavailable:
            raise
        except Exception:
            logger.exception("conversations: turn %s can never be stored; it is dropped", turn.key)
        else:
            logger.info("conversations: turn %s is stored now", turn.key)
        await self._memory.settle([turn.key])
        with suppress(Exception):  # then it is stored once more, with the same rows
            await within(JOURNAL_TIMEOUT, self.outbox.settle([turn.key]))
