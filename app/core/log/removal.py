"""The removal of a run before its retention is over."""

import asyncio

from .hub import Hub

#: Seconds to wait until the last entries of the run are in the journal.
TIMEOUT = 5.0

#: Seconds between two looks at that.
INTERVAL = 0.025


async def remove(hub: Hub, run_id: str) -> None:
    """Remove a run that has ended from the journal, once its last entries are written there.

    Raises `TimeoutError` if the journal cannot be written at the moment.
    """
    async with asyncio.timeout(TIMEOUT):
        # A later write would store the run again. A run that has ended leaves the hub with a flush.
        while hub.get(run_id) is not None:  # noqa: ASYNC110  # the hub has no event for it
            await asyncio.sleep(INTERVAL)
    await hub.journal.delete(run_id)
