"""The removal of runs: of one before its retention is over, and of those that are too many."""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from .journal import Log

if TYPE_CHECKING:
    from .hub import Hub

logger = logging.getLogger(__name__)

#: Seconds between two sweeps of the journal.
SWEEP_INTERVAL = 30.0

#: Seconds to wait until the last entries of the run are in the journal.
TIMEOUT = 5.0

#: Seconds between two looks at that.
INTERVAL = 0.025


async def remove(hub: "Hub", run_id: str) -> None:
    """Remove a run that has ended from the journal, once its last entries are written there.

    Raises `TimeoutError` if the journal cannot be written at the moment.
    """
    async with asyncio.timeout(TIMEOUT):
        # A later write would store the run again. A run that has ended leaves the hub with a flush.
        while hub.get(run_id) is not None:  # noqa: ASYNC110  # the hub has no event for it
            await asyncio.sleep(INTERVAL)
    await hub.journal.delete(run_id)


async def keep_sweeping(journal: Log, stop: asyncio.Event) -> None:
    """Remove from the journal what is too old or too much, until `stop` is set."""
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_INTERVAL):
                await stop.wait()
            return
        try:
            await journal.sweep()
        except Exception:  # `trouble` reports a journal that fails
            logger.debug("journal: it was not swept", exc_info=True)
