"""Polls the journal for readers of runs that other processes drive, once for all of them."""

import asyncio
import logging
import time
from collections.abc import Callable

from .journal import FOLLOWED_TTL, Reach, SharedJournal

logger = logging.getLogger(__name__)

#: Seconds between two polls of the journal, while there are readers.
POLL_INTERVAL = 0.05


class Tail:
    """Wakes readers in this process when runs that other processes drive have new entries.

    One poll of the journal serves all readers.
    """

    def __init__(self, journal: SharedJournal) -> None:
        self._journal = journal
        self._readers: dict[str, set[Callable[[], None]]] = {}
        self._reached: dict[str, Reach | None] = {}
        self._polling: asyncio.Task[None] | None = None
        self._marked_at = 0.0

    def join(self, run_id: str, wake: Callable[[], None]) -> None:
        """Call `wake` each time a run has new entries, has ended, or is no longer kept, until
        `leave`."""
        self._readers.setdefault(run_id, set()).add(wake)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="tail")

    def leave(self, run_id: str, wake: Callable[[], None]) -> None:
        readers = self._readers.get(run_id, set())
        readers.discard(wake)
        if not readers:
            self._readers.pop(run_id, None)
            self._reached.pop(run_id, None)

    async def close(self) -> None:
        """Stop polling the journal."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _poll(self) -> None:
        while self._readers:
            followed = list(self._readers)
            try:
                if time.monotonic() - self._marked_at > FOLLOWED_TTL / 3 or any(
                    run_id not in self._reached for run_id in followed
                ):
                    self._marked_at = time.monotonic()
                    await self._journal.mark_followed(followed)
                reached = await self._journal.reached(followed)
            except Exception:
                # Readers wait; the hub logs that the journal fails.
                logger.debug("tail: the journal cannot be read", exc_info=True)
                await asyncio.sleep(1)
                continue
            for run_id in followed:
                if run_id not in self._reached or self._reached[run_id] != reached.get(run_id):
                    self._reached[run_id] = reached.get(run_id)
                    for wake in list(self._readers.get(run_id, ())):
                        wake()
            await asyncio.sleep(POLL_INTERVAL)
