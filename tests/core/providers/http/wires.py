"""A server that plays each response byte by byte, and both ways to it: our client's, the SDK's."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from agno.models.base import Model
from agno.models.message import Message
from agno.models.openai import OpenAIChat
from openai import AsyncOpenAI, DefaultAioHttpClient

from app.core.providers.http.clients import attach, close
from app.core.providers.tracked import TrackedModel
from app.core.text import AlreadySent
from tests.core.providers.wire.streams import words


class Step(Enum):
    """What a server does beside sending bytes."""

    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"  # until the client closes


#: Bytes to send, seconds to wait, or a step.
Play = Sequence[bytes | float | Step]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def sized(body: bytes, head: bytes = HEAD) -> bytes:
    """A response whose head has the length of its body."""
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(*parts: bytes, head: bytes = HEAD, end: bytes = b"0\r\n\r\n") -> bytes:
    """A response whose body comes in these chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + b"transfer-encoding: chunked\r\n\r\n" + body + end


def refusal(status: int, body: bytes, *fields: str, kind: str = "application/json") -> bytes:
    """A response with the status of an error."""
    lines = [f"HTTP/1.1 {status} No", f"content-type: {kind}", *fields, ""]
    return sized(body, "\r\n".join(lines).encode())


@dataclass(frozen=True, slots=True)
class Posted:
    """A request as it came, on the connection of this number."""

    connection: int
    first: str
    headers: list[tuple[str, str]]  # names in lower case, in their order
    body: bytes


class Wire:
    """A context manager: `plays` are for the next requests; then comes an answer of three words."""

    def __init__(self, tls: Any = None, host: str = "127.0.0.1") -> None:
        self.plays: deque[Play] = deque()
        self.posted: list[Posted] = []
        self.opened = self.closed = 0
        self._tls, self._host = tls, host
        self._one_closed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._begin, self._host, 0, ssl=self._tls, limit=2**26
        )
        self.port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{scheme}://{host}:{self.port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_closed(self, count: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.closed < count:
                self._one_closed.clear()
                await self._one_closed.wait()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.opened = self.opened, self.opened + 1
        try:
            while await self._answer(number, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            self._one_closed.set()
            writer.close()

    async def _answer(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        self.posted.append(await _posted(number, reader))
        for step in self.plays.popleft() if self.plays else (chunked(words()),):
            match step:
                case Step.CLOSE:
                    return False
                case Step.RESET:
                    writer.transport.abort()
                    return False
                case Step.SILENCE:
                    await reader.read()
                    return False
                case float():
                    await asyncio.sleep(step)
                case bytes():
                    writer.write(step)
                    await writer.drain()
        return True


async def _posted(number: int, reader: asyncio.StreamReader) -> Posted:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = [(n.lower(), v) for n, _, v in (line.partition(": ") for line in lines)]
    body = await reader.readexactly(int(dict(headers).get("content-length", 0)))
    return Posted(number, first, headers, body)


@dataclass(slots=True)
class Got:
    """What a run knows of an answer."""

    text: str = ""
    end: str | None = None
    code: str | None = None
    message: str = ""
    wait: float | None = None
    tokens: int = 0
    error: Any = field(default=None, compare=False)


async def ask(model: Model, *, content: Any = "hello", sink: Any = None, **more: Any) -> Got:
    """Ask once, as a run does; further arguments are those of the model's `ainvoke_stream`."""
    got = Got()

    def keep(text: str | None, thought: str | None) -> None:
        got.text += (text or "") + (thought or "")
        if sink is not None:
            sink(text, thought)

    tracked = TrackedModel(model, sink=keep)
    try:
        async for delta in tracked.model.ainvoke_stream(
            messages=[Message(role="user", content=content)],
            assistant_message=Message(role="assistant"),
            **more,
        ):
            if not isinstance(delta.content, AlreadySent):
                got.text += delta.content or ""
    except Exception as error:
        got.error = error
    got.end, got.tokens = tracked.finish_reason, tracked.usage.total_tokens
    if (failure := tracked.failure) is not None:
        got.code, got.message = failure.code, failure.message
        got.wait = getattr(failure, "wait", None)
    return got


@asynccontextmanager
async def model_of(
    url: str, *, directly: bool, family: type[Any] = OpenAIChat, retries: int = 0, **settings: Any
) -> AsyncIterator[Any]:
    """A model whose streams our client posts, or the SDK, whose client is its user's then."""
    if directly:
        of_client = {"base_url": url, "api_key": "sk-test", "max_retries": retries}
        model = family(id="m", **of_client, **settings)
        attach(model)
        assert hasattr(model.async_client.chat.completions.create, "posts_directly")
    else:
        names = ("timeout", "organization", "default_headers", "default_query")
        options = {name: settings[name] for name in names if name in settings}
        options |= settings.get("client_params", {})
        sdk = AsyncOpenAI(
            base_url=url,
            api_key="sk-test",
            max_retries=retries,
            http_client=DefaultAioHttpClient(),
            **options,
        )
        model = family(id="m", api_key="sk-test", async_client=sdk, **settings)
    yield model
    await close(model)


def full() -> list[socket.socket]:
    """A socket that listens, and accepts nothing more; it is the first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [listener]
    for _ in range(2):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    return waiting


def port_of(listener: Any) -> int:
    port: int = listener.getsockname()[1]
    return port
