"""Parts of every response that carries a run: its headers, and a watch for the client's leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from ..core.log.follower import Follower
from ..core.log.journal import RunRecord


def run_headers(record: RunRecord) -> dict[str, str]:
    """Return the response headers that identify a run: `X-Run-Id` and `X-Conversation-Id`."""
    return {"X-Run-Id": record.run_id, "X-Conversation-Id": record.conversation_id}


@asynccontextmanager
async def reading(follower: Follower, receive: Receive) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set when the client disconnects, and close the follower at the end.

    When the event is set, the follower's `batch` also returns at once, so that nobody waits for new
    entries on behalf of a client that has left.
    """
    gone = asyncio.Event()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        follower.poke()

    watching = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        watching.cancel()
        follower.close()
        await asyncio.wait([watching])
