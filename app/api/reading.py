"""Parts of every response that carries a run: its headers, and a watch for the client's leave."""

import asyncio
from types import TracebackType

from starlette.types import Receive

from ..core.log.follower import Follower
from ..core.log.journal import RunRecord
from ..core.waiting.flag import Flag
from .connection import Connection


def run_headers(record: RunRecord) -> dict[str, str]:
    """Return the response headers that identify a run: `X-Run-Id` and `X-Conversation-Id`."""
    return {"X-Run-Id": record.run_id, "X-Conversation-Id": record.conversation_id}


class Reading:
    """A context in which a follower is read for a client: its value is an event that is set when
    the client disconnects. At its end the follower is closed.

    When the event is set, the follower's `batch` also returns at once, so that nobody waits for new
    entries on behalf of a client that has left. A task waits for the disconnect, unless the
    `connection` reports it.
    """

    __slots__ = ("_direct", "_follower", "_gone", "_receive", "_watching")

    def __init__(
        self, follower: Follower, receive: Receive, connection: Connection | None = None
    ) -> None:
        self._follower = follower
        self._receive = receive
        self._direct = None if connection is None else connection.direct
        self._gone = Flag()
        self._watching: asyncio.Task[None] | None = None

    def _lost(self) -> None:
        self._gone.set()
        self._follower.poke()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._lost()

    async def __aenter__(self) -> Flag:
        if self._direct is None or not self._direct.watch(self._lost):
            self._watching = asyncio.create_task(self._watch())
        return self._gone

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._direct is not None:
            self._direct.watch(None)
        self._follower.close()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
