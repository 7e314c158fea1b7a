"""The stream as Server-Sent Events: `data` with chunks, then `control` with the position."""

import asyncio
from typing import ClassVar

import msgspec
from starlette.responses import Response

from ...core.errors import Gap, JournalUnavailable
from ...core.log.follower import Follower
from ...core.waiting.flag import Flag
from ...models.chat import StreamingChunk
from ..connection import Direct
from ..doors.native.errors import error_response
from ..encoding import line_encoder
from ..heartbeat import Heartbeat
from ..pump import Pump
from ..streaming import RunStream
from ..writer import StreamWriter
from .offsets import Offset
from .pages import Page, read

#: Seconds after which a response ends, so that caches can join readers; each one reconnects.
LIFETIME = 60.0


class EventsEncoder:
    """The format of the events, for `RunStream`; `EventsPump` writes whole pages in it."""

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = False
    reconnect_hint: ClassVar[bytes | None] = b":\n"
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = False
    heartbeat: bytes | None = b":\n"

    def __init__(self) -> None:
        self._line = line_encoder()

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        return b"event: data\ndata: [%b]\n\n" % self._line(chunk)


def events_of(page: Page, cursor: str) -> bytes:
    """Return a page as its events: `data`, unless it is empty, and `control`."""
    control: dict[str, str | bool] = {"streamNextOffset": str(page.offset)}
    if page.closed:
        control["streamClosed"] = True
    else:
        control["streamCursor"] = cursor
    if page.up_to_date:
        control["upToDate"] = True
    data = b"event: data\ndata: %b\n\n" % page.body if page.entries else b""
    return b"%bevent: control\ndata: %b\n\n" % (data, msgspec.json.encode(control))


class EventsStream(RunStream):
    """The response that streams a run from `offset` on, for at most `lifetime` seconds."""

    def __init__(
        self,
        follower: Follower,
        offset: Offset,
        cursor: str,
        *,
        heartbeat: float,
        lifetime: float = LIFETIME,
    ) -> None:
        super().__init__(follower, EventsEncoder(), refusal=error_response, heartbeat=heartbeat)
        self._offset = offset
        self._cursor = cursor
        self._lifetime = lifetime

    def _pump(
        self,
        writer: StreamWriter,
        heartbeat: Heartbeat,
        gone: Flag,
        direct: Direct | None,
    ) -> Pump:
        pump = EventsPump(
            self._follower,
            self._encoder,
            writer,
            heartbeat,
            gone,
            pacer=None,
            refusal=self._refused,
        )
        pump.begin(self._offset, self._cursor, self._lifetime)
        return pump


class EventsPump(Pump):
    """Writes a run as events, page by page, until it ends or the response has lasted long enough.

    The last `control` has the reader's position, so it continues there with another request, also
    after a `Gap`, which that request reports by its status.
    """

    def begin(self, offset: Offset, cursor: str, lifetime: float) -> None:
        """Set where to begin, and for how many seconds to write from now on."""
        self._offset = offset
        self._cursor = cursor
        self._over = False
        self._timer = asyncio.get_running_loop().call_later(lifetime, self._expire)

    def _expire(self) -> None:
        self._over = True
        self._follower.poke()

    async def run(self) -> Response | None:
        """Write the events; the result is always None, since every failure has its place here."""
        try:
            await self._write_pages()
        except (Gap, JournalUnavailable):
            return None
        finally:
            self._timer.cancel()
        return None

    async def _write_pages(self) -> None:
        follower = self._follower
        entries = await read(follower)
        await self._write_page(await Page.behind(self._offset, follower, entries))
        while not (follower.done or follower.redirected or self._over or self._gone.is_set()):
            entries = await follower.batch()
            if entries or follower.done:
                await self._write_page(await Page.behind(self._offset, follower, entries))
            else:
                await self._beat()

    async def _write_page(self, page: Page) -> None:
        self._offset = page.offset
        await self._writer.write(events_of(page, self._cursor))
