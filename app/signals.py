"""Stop signals: runs drain before the web server closes.

See docs/decisions/030-the-signal-is-heard-before-uvicorn.md.
See docs/decisions/031-draining-sends-readers-elsewhere.md.
See docs/decisions/071-a-server-that-stops-answers-what-was-sent.md.
"""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .core.runs.service import Runs
from .web import Connections, close_listeners, server_of

logger = logging.getLogger(__name__)


def describe_stop(live: int, seconds: float) -> str:
    """What the server waits for, or stops, before it ends."""
    if not live:
        return ": no run is active"
    one = live == 1
    if seconds:
        return f": {live} {'run has' if one else 'runs have'} up to {seconds:g} s to end"
    return f": {live} active {'run is' if one else 'runs are'} interrupted"


@contextmanager
def graceful_shutdown(runs: Runs, grace: float, connections: Connections) -> Iterator[None]:
    """While the context is open, let runs end on SIGTERM before uvicorn closes its sockets.

    Runs have `grace` seconds to end, none on SIGINT; only when all have ended does uvicorn receive
    the signal, because it waits for open streams only shortly. Until then connections are accepted
    and answered; each response closes its connection, so that clients go elsewhere. At the second
    signal it does not wait.
    """
    loop = asyncio.get_running_loop()
    previous: dict[int, Any] = {}
    draining: set[asyncio.Task[None]] = set()

    def pass_on(number: int, frame: FrameType | None = None) -> None:
        if callable(handler := previous.get(number)):
            handler(number, frame)

    async def drain(number: int, seconds: float) -> None:
        logger.info("stopping%s", describe_stop(runs.live, seconds))
        connections.leaving = True
        try:
            await runs.drain(seconds)
            if (server := server_of(previous.get(number))) is not None:
                await close_listeners(server)
        finally:  # whatever happens, the server ends
            pass_on(number)

    def receive(number: int) -> None:
        if not draining:
            seconds = grace if number == signal.SIGTERM else 0.0
            draining.add(loop.create_task(drain(number, seconds), name="drain"))
        else:
            runs.interrupt_all()
            pass_on(number)

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(receive, number)  # unlike a direct call it wakes the loop

    try:
        numbers: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            previous[number] = signal.signal(number, stop)
    except ValueError:
        previous.clear()  # not in the main thread: the lifespan's end stops the runs there
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
