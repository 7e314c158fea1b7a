"""News of the runs that other processes drive, for those who read them here."""

import asyncio
import logging
import time
from collections.abc import Callable

from .journal import FOLLOWED_TTL, Reach, SharedJournal

logger = logging.getLogger(__name__)

#: Seconds between two looks into the journal, while there is anybody to look for.
INTERVAL = 0.05


class Tail:
    """Looks, once for all readers of this process, how far their runs have come."""

    def __init__(self, journal: SharedJournal) -> None:
        self._journal = journal
        self._readers: dict[str, set[Callable[[], None]]] = {}
        self._reached: dict[str, Reach | None] = {}
        self._looking: asyncio.Task[None] | None = None
        self._noted = 0.0

    def join(self, run_id: str, wake: Callable[[], None]) -> None:
        """Have `wake` called each time that the run has gone on or ended, or is no longer kept."""
        self._readers.setdefault(run_id, set()).add(wake)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="tail")

    def leave(self, run_id: str, wake: Callable[[], None]) -> None:
        readers = self._readers.get(run_id, set())
        readers.discard(wake)
        if not readers:
            self._readers.pop(run_id, None)
            self._reached.pop(run_id, None)

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        while self._readers:
            followed = list(self._readers)
            try:
                if time.monotonic() - self._noted > FOLLOWED_TTL / 3 or any(
                    run_id not in self._reached for run_id in followed
                ):
                    self._noted = time.monotonic()
                    await self._journal.mark_followed(followed)
                reached = await self._journal.reached(followed)
            except Exception:
                # Readers wait; the hub tells of a journal that fails.
                logger.debug("tail: the journal cannot be read", exc_info=True)
                await asyncio.sleep(1)
                continue
            for run_id in followed:
                if run_id not in self._reached or self._reached[run_id] != reached.get(run_id):
                    self._reached[run_id] = reached.get(run_id)
                    for wake in list(self._readers.get(run_id, ())):
                        wake()
            await asyncio.sleep(INTERVAL)
