"""Streams whose tokens go from the log to the socket without ASGI's messages, and those that may
not: what the client receives is the same."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h11
import httpx
import pytest
import uvicorn
import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.doors.native.encoder import SseEncoder, TextEncoder
from app.api.doors.native.errors import error_response
from app.api.encoding import Encoder
from app.api.live import BURST
from app.api.secured import Secured
from app.api.streaming import RunStream
from app.core.log.follower import Follower
from app.core.log.hub import Hub
from app.core.log.journals.memory import MemoryJournal
from app.core.log.run_log import RunLog
from app.core.log.sources import source_of
from app.core.run_failures import AgentFailed
from app.main import create_app
from app.models.chat import StreamingChunk
from app.web import PROTOCOL
from tests.core.parts import ending, record, text_chunk, until
from tests.server import Bare, Served

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Broken(TextEncoder):
    """An encoder that fails at one of the tokens."""

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if chunk.content == "bad":
            raise ValueError("no bytes for this one")
        return super().encode(number, chunk)


class Side:
    """A server of one run: its log, and the messages that a middleware around the stream sees."""

    def __init__(self, encoder: Callable[[], Encoder], heartbeat: float) -> None:
        self.hub = Hub(MemoryJournal(), flush_interval=0.001)
        self.log: RunLog
        self.messages: list[Message] = []
        self.followers: list[Follower] = []
        self.ended = 0
        self._encoder = encoder
        self._heartbeat = heartbeat

    @property
    def bodies(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def seen(message: Message) -> Awaitable[None]:
            self.messages.append(message)
            return send(message)

        follower = Follower(record(), source_of(record(), self.hub.journal, self.hub.get("r1")), 0)
        self.followers.append(follower)
        try:
            await RunStream(
                follower, self._encoder(), refusal=error_response, heartbeat=self._heartbeat
            )(scope, receive, seen)
        finally:
            self.ended += 1


@asynccontextmanager
async def serving(
    *,
    encoder: Callable[[], Encoder] = lambda: SseEncoder("r1", "m"),
    heartbeat: float = 60.0,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: Secured(app, 30.0),
) -> AsyncIterator[tuple[Side, int]]:
    """Serve the run of a new log; the value is the server's side, and its port."""
    side = Side(encoder, heartbeat)
    await side.hub.open("me")
    side.log = await side.hub.create(record())
    config = uvicorn.Config(
        around(side),
        interface="asgi3",
        http=PROTOCOL,
        ws="none",
        port=0,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield side, server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()
        await side.hub.close()


async def body_of(reader: asyncio.StreamReader) -> bytes:
    """The body of a response that is complete; raises what h11 raises if it is not."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "localhost")]))
    client.send(h11.EndOfMessage())
    body: list[bytes] = []
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(await reader.read(1 << 20))
        elif isinstance(event, h11.Data):
            body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            return b"".join(body)


def in_each_loop(test: Callable[..., Awaitable[None]]) -> Any:
    """Run a test, a coroutine function, in both of the event loops that servers have."""

    @pytest.mark.parametrize("loop", LOOPS)
    def in_loop(loop: str) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(test())  # type: ignore[arg-type]

    in_loop.__doc__ = test.__doc__
    return in_loop


async def every_rhythm_arrives_whole() -> None:
    """Tokens in any rhythm arrive once and in order, and no middleware below ours sees them, but
    for those that came before the reader waited, and the end."""
    rhythm = random.Random(18)
    async with serving() as (side, port):
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in clients:
            writer.write(GET)
        await until(lambda: len(side.log.readers) == 3)
        await asyncio.sleep(0.01)
        kept: list[StreamingChunk] = []
        for n in range(400):
            kept.append(text_chunk(f"{n:04}" * rhythm.choice((1, 1, 50))))
            side.log.append(kept[-1])
            if rhythm.random() < 0.4:
                await asyncio.sleep(rhythm.choice((0, 0, BURST / 2, 2 * BURST)))
        kept.append(ending())
        side.log.append(kept[-1])
        bodies = await asyncio.gather(*(body_of(reader) for reader, _ in clients))
        encoder = SseEncoder("r1", "m")
        whole = b"".join(encoder.encode(n, chunk) for n, chunk in enumerate(kept, 1))
        assert [whole] * 3 == bodies
        assert len(side.bodies) < len(whole)
        for _, writer in clients:
            writer.close()


test_every_rhythm_arrives_whole = in_each_loop(every_rhythm_arrives_whole)


async def a_reader_that_is_slow_is_waited_for() -> None:
    """What a client does not read stays in the log, not in the connection, and comes later."""
    async with serving() as (side, port):
        with socket.socket() as conn:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            conn.connect(("127.0.0.1", port))
            conn.sendall(GET)
            await until(lambda: len(side.log.readers) == 1)
            kept = [text_chunk("x" * 10_000) for _ in range(1000)]
            for chunk in kept:
                side.log.append(chunk)
                await asyncio.sleep(0)
            assert side.followers[0].after < 900
            side.log.append(ending())
            conn.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=conn, limit=4 << 20)
            body = await body_of(reader)
            assert body.count(b"data:") == 1001
            assert body.count(b"x" * 10_000) == 1000
            writer.close()


test_a_reader_that_is_slow_is_waited_for = in_each_loop(a_reader_that_is_slow_is_waited_for)


async def a_client_that_leaves_ends_its_response() -> None:
    """A client that leaves a silent or a speaking run is noticed, and its response ends."""
    async with serving() as (side, port):
        for left, spoken in enumerate((False, True), 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await until(lambda: len(side.log.readers) == 1)
            if spoken:
                side.log.append(text_chunk("so"))
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            await until(lambda left=left: side.ended == left)  # type: ignore[misc]
            assert set() == side.log.readers
            side.log.append(text_chunk("nobody hears"))


test_a_client_that_leaves_ends_its_response = in_each_loop(a_client_that_leaves_ends_its_response)


async def silence_has_heartbeats_between_tokens() -> None:
    """Heartbeats come in silence, before, between and after tokens, each whole."""
    async with serving(heartbeat=0.02) as (side, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await until(lambda: len(side.log.readers) == 1)
        for n in range(4):
            await asyncio.sleep(0.1)
            side.log.append(text_chunk(f"{n:04}"))
        await asyncio.sleep(0.1)
        side.log.append(ending())
        body = await body_of(reader)
        parts = [part.count(b":\n") for part in body.split(b"data: ")]
        assert all(beats > 0 for beats in parts[:-1])
        assert [5, 0] == [body.count(b"data: "), parts[-1]]
        writer.close()


test_silence_has_heartbeats_between_tokens = in_each_loop(silence_has_heartbeats_between_tokens)


async def what_cannot_be_encoded_breaks_the_response_alone() -> None:
    """An encoder that fails breaks its response off, and neither the run nor another reader."""
    async with serving(encoder=lambda: Broken("r1", "m")) as (side, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await until(lambda: len(side.log.readers) == 1)
        for text in ("good", "so", "bad", "late"):
            side.log.append(text_chunk(text))
            await asyncio.sleep(0.01)
        received = await reader.read()
        assert b"so" in received
        assert b"late" not in received
        assert not received.endswith(b"0\r\n\r\n")
        assert [4, set()] == [side.log.last, side.log.readers]
        writer.close()


test_what_cannot_be_encoded_breaks_the_response_alone = in_each_loop(
    what_cannot_be_encoded_breaks_the_response_alone
)


async def a_failure_breaks_off_what_cannot_tell_it() -> None:
    """Plain text is broken off when the run fails after some tokens, and SSE says it."""
    for encoder, whole in ((SseEncoder, True), (TextEncoder, False)):
        async with serving(encoder=lambda encoder=encoder: encoder("r1", "m")) as (side, port):  # type: ignore[misc]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await until(lambda side=side: len(side.log.readers) == 1)  # type: ignore[misc]
            for text in ("one", "two", "three"):
                side.log.append(text_chunk(text))
                await asyncio.sleep(0.005)
            side.log.append(AgentFailed("no").last_chunk("m"))
            received = await reader.read()
            assert b"three" in received
            assert whole is received.endswith(b"0\r\n\r\n")
            writer.close()


test_a_failure_breaks_off_what_cannot_tell_it = in_each_loop(
    a_failure_breaks_off_what_cannot_tell_it
)


def loud(app: ASGIApp) -> ASGIApp:
    """Return the app with another middleware's change: texts in capitals."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def shout(message: Message) -> None:
            if "body" in message:
                message = {**message, "body": message["body"].upper()}
            await send(message)

        await app(scope, receive, shout)

    return changed


async def a_client_of_http_1_0_gets_no_chunks() -> None:
    """HTTP/1.0 has no chunks: the body comes as it is, and ends with the connection."""
    async with serving(encoder=lambda: TextEncoder("r1", "m")) as (side, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"1.1", b"1.0"))
        await until(lambda: len(side.log.readers) == 1)
        for text in ("one", "two", "three"):
            side.log.append(text_chunk(text))
            await asyncio.sleep(0.005)
        side.log.append(ending())
        received = await reader.read()
        assert received.endswith(b"\r\n\r\nonetwothree")
        writer.close()


test_a_client_of_http_1_0_gets_no_chunks = in_each_loop(a_client_of_http_1_0_gets_no_chunks)


def test_a_middleware_of_an_application_sees_each_part(tmp_path: Any) -> None:
    """A middleware that an application adds to the server, or puts around it, changes streams."""
    settings = Bare(data_dir=tmp_path, model="demo")

    class Loud:
        def __init__(self, app: ASGIApp) -> None:
            self._app = loud(app)

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self._app(scope, receive, send)

    added = create_app(settings)
    added.add_middleware(Loud)
    for app in (added, loud(create_app(settings))):
        with Served(app) as server:
            text = httpx.post(f"{server.url}/chat", json={"message": "hello"}, timeout=30).text
        assert text
        assert text == text.upper()
