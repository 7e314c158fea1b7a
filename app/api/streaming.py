"""The response that carries a run to one reader, in whichever protocol.

See docs/decisions/020-a-heartbeat-is-a-comment-without-a-blank-line.md.
See docs/decisions/023-a-status-waits-for-one-heartbeat.md.
See docs/decisions/028-no-sse-starlette-in-the-path-of-a-token.md.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..core.errors import Gap, failure_from
from ..core.log.follower import Follower
from ..core.log.journal import Entry, RunRecord
from ..models.chat import ChatResponse
from ..models.folding import fold
from .connection import Connection
from .door import Refusal
from .encoding import Encoder

#: Seconds of silence after which the first heartbeat goes out, however long the interval is.
FIRST_HEARTBEAT = 1.0

logger = logging.getLogger(__name__)


def run_headers(record: RunRecord) -> dict[str, str]:
    """The headers that name a run in every answer."""
    return {"X-Run-Id": record.run_id, "X-Conversation-Id": record.conversation_id}


@asynccontextmanager
async def reading(follower: Follower, receive: Receive) -> AsyncIterator[asyncio.Event]:
    """For as long as a client reads; the event is set, and the follower poked, when it leaves."""
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


class WholeAnswer(Response):
    """The answer in one piece; a failure has its own status and tells what was said before it."""

    def __init__(self, follower: Follower, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._follower = follower
        self._extra = {
            **run_headers(follower.record),
            **(headers or {}),
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        follower = self._follower
        async with reading(follower, receive) as gone:
            entries: list[Entry] = []
            while not follower.done and not gone.is_set():
                entries += await follower.batch()
        if not gone.is_set():
            response = self._response(entries)
            follower.traffic.bytes += len(response.body)
            await response(scope, receive, send)

    def _folded(self, entries: list[Entry]) -> ChatResponse:
        record = self._follower.record
        answer = ChatResponse(
            content="",
            model=record.model,
            run_id=record.run_id,
            conversation_id=record.conversation_id,
            agent=record.agent,
        )
        fold(answer, (chunk for _, chunk in entries))
        return answer

    def _response(self, entries: list[Entry]) -> Response:
        """The answer in the form of its door."""
        raise NotImplementedError


class RunStream(Response):
    """Follows a run and writes what is new: several events in one write when it is behind.

    One timer watches for silence and one task waits for the client to leave; a token costs
    neither. The run lives on when its reader is gone, or is cut off because a write took longer
    than the server allows (see `Connection`). `pace` sends the events with the delays that they
    had when they were recorded. `refusal` makes the response to a run that failed before anything
    was written, where the encoder `holds`.
    """

    _gone: asyncio.Event  # these are there while it is being carried
    _connection: Connection

    def __init__(
        self,
        follower: Follower,
        encoder: Encoder,
        *,
        refusal: Refusal,
        heartbeat: float,
        headers: Mapping[str, str] | None = None,
        pace: bool = False,
    ) -> None:
        super().__init__(
            media_type=encoder.media_type,
            headers={
                **run_headers(follower.record),
                **(headers or {}),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            },
        )
        del self.headers["content-length"]
        self._follower = follower
        self._encoder = encoder
        self._heartbeat = heartbeat
        self._pace = pace
        self._refusal = refusal
        self._started = False
        self._cut = False  # the body is to break off, not to end
        self._patience = heartbeat if encoder.holds else min(FIRST_HEARTBEAT, heartbeat)
        self._last_write = 0.0
        self._writing = False
        self._deadline = asyncio.timeout(None)
        self._zero: float | None = None
        self._beat_due = False
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        refusal = None
        self._connection = Connection.of(scope, send)
        traffic = self._follower.traffic
        async with reading(self._follower, receive) as self._gone:
            traffic.streams += 1
            self._last_write = loop.time()
            self._timer = loop.call_later(self._patience, self._tick)
            try:
                async with self._deadline:
                    if not self._encoder.holds:
                        await self._start(send)
                    refusal = await asyncio.create_task(self._carry(send))
            except TimeoutError:
                if not self._deadline.expired():
                    raise
                logger.info("run %s: a reader stopped reading", self._follower.record.run_id)
                self._cut = True
                self._connection.abort()
                await asyncio.sleep(0)  # the web server hears of it
            finally:
                traffic.streams -= 1
                self._timer.cancel()
        if refusal is not None:
            await refusal(scope, receive, send)
        elif not self._cut:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _carry(self, send: Send) -> Response | None:
        """Write the run to its end; or the response to give instead, while nothing is written."""
        follower = self._follower
        while not follower.done and not self._gone.is_set():
            if follower.redirected and (self._encoder.parting or not follower.live):
                self._cut = self._encoder.parting is None
                await self._write(send, self._encoder.parting or b"")
                return None
            number = follower.after
            try:
                entries = await follower.batch()
            except Gap as gap:
                self._cut = not self._encoder.tells_failures
                if not self._started:
                    return self._refusal(gap, self._own_headers())
                chunk = gap.last_chunk(follower.record.model)
                await self._write(send, self._encoder.encode(number, chunk))
                return None
            if not entries:
                await self._beat(send)
                continue
            error = entries[-1][1].error
            self._cut = error is not None and not self._encoder.tells_failures
            if error is not None and not self._started:
                await self._put(send, number, entries[:-1])
                if not self._started:
                    return self._refusal(failure_from(error), self._own_headers())
                number, entries = number + len(entries) - 1, entries[-1:]
            await self._put(send, number, entries)
        if not self._started:
            await self._start(send)
        return None

    def _own_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name[:2] == "x-"}

    async def _put(self, send: Send, number: int, entries: list[Entry]) -> None:
        if self._pace:
            await self._replay(send, number, entries)
        else:
            await self._write(send, self._bytes(number, entries))

    async def _replay(self, send: Send, number: int, entries: list[Entry]) -> None:
        """Write entries when it is their time, counted from the first one of this response."""
        loop = asyncio.get_running_loop()
        if self._zero is None:
            self._zero = loop.time() - entries[0][0]
        for offset, entry in enumerate(entries):
            while (pause := self._zero + entry[0] - loop.time()) > 0:
                try:
                    async with asyncio.timeout(min(pause, self._patience)):
                        await self._gone.wait()
                    return
                except TimeoutError:
                    await self._beat(send)
            await self._write(send, self._bytes(number + offset, [entry]))

    def _bytes(self, number: int, entries: list[Entry]) -> bytes:
        memo = self._follower.memo if self._encoder.shared else None
        if memo is None:
            return self._encoded(number, entries)
        kind = type(self._encoder)
        before, count, body = memo.get(kind, (-1, 0, b""))
        if (before, count) != (number, len(entries)):
            body = self._encoded(number, entries)
            memo[kind] = (number, len(entries), body)
        return body

    def _encoded(self, number: int, entries: list[Entry]) -> bytes:
        encode = self._encoder.encode
        if len(entries) == 1:
            return encode(number + 1, entries[0][1])
        return b"".join(encode(n, entry[1]) for n, entry in enumerate(entries, start=number + 1))

    async def _start(self, send: Send) -> None:
        self._started = True
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def _write(self, send: Send, body: bytes) -> None:
        if not body:
            return
        if not self._started:
            await self._start(send)
        self._writing = True
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._writing = False
        self._follower.traffic.bytes += len(body)
        self._last_write = asyncio.get_running_loop().time()

    async def _beat(self, send: Send) -> None:
        if self._beat_due and not self._gone.is_set():
            self._beat_due = False
            self._patience = self._heartbeat
            await self._write(send, self._encoder.heartbeat or b"")

    def _tick(self) -> None:
        """Wake the writer after a silence, and look again when there may be another."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._writing:
            if now >= self._last_write + self._connection.patience:
                self._deadline.reschedule(now)
                return
            self._timer = loop.call_later(FIRST_HEARTBEAT, self._tick)
            return
        if now >= self._last_write + self._patience:
            self._beat_due = True
            self._last_write = now
            self._follower.poke()
        self._timer = loop.call_at(self._last_write + self._patience, self._tick)
