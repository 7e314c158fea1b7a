"""Signals that stop the server, heard before the web server hears them."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.core.runs import Runs

logger = logging.getLogger(__name__)


@contextmanager
def heeded(runs: Runs, grace: float) -> Iterator[None]:
    """Give runs their time when the server is to stop; the web server waits for open streams.

    On SIGTERM runs may go on for `grace` seconds, and only then the web server is told, which
    closes its doors. On SIGINT, or at the second signal, all of them end at once.
    """
    loop = asyncio.get_running_loop()
    previous: dict[int, Any] = {}
    draining: set[asyncio.Task[None]] = set()

    def pass_on(number: int, frame: FrameType | None = None) -> None:
        if callable(handler := previous.get(number)):
            handler(number, frame)

    async def drain() -> None:
        logger.info("stopping: %d runs have up to %g s to end", runs.live, grace)
        await runs.drain(grace)
        pass_on(signal.SIGTERM)

    def heard(number: int) -> None:
        if number == signal.SIGTERM and not draining:
            draining.add(loop.create_task(drain(), name="drain"))
        else:
            runs.stop_soon()
            pass_on(number)

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(heard, number)  # wakes the loop, too

    try:
        numbers: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            previous[number] = signal.signal(number, stop)
    except ValueError:
        previous.clear()  # not in the main thread: whoever runs us there ends us by the lifespan
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
