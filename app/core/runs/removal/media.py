"""Removes the media of runs that are no longer kept."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from ...errors import UnknownRun
from ...media import MediaStore
from ..service import Runs

logger = logging.getLogger(__name__)

#: Seconds between two sweeps.
INTERVAL = 30.0

#: Sweeps after which the bytes of all media are counted anew.
MEASURED = 20


@asynccontextmanager
async def sweeping(store: MediaStore, runs: Runs, retention: float) -> AsyncIterator[None]:
    """Sweep every so often, for as long as the context is open."""

    async def repeat() -> None:
        for number in count():
            try:
                await sweep(store, runs, retention)
                if number % MEASURED == 0:
                    await store.measure()
            except Exception:
                logger.exception("media: old files are not removed")
            await asyncio.sleep(min(INTERVAL, retention))

    task = asyncio.create_task(repeat(), name="media-sweep")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sweep(store: MediaStore, runs: Runs, retention: float) -> None:
    """Remove the media that no conversation keeps, and whose run the journal has removed.

    Raises `JournalUnavailable` and `OSError`.
    """
    for run_id, principal in await store.passing(retention):
        try:
            await runs.record(run_id, principal)
        except UnknownRun:
            await store.remove(run_id)
