"""A provider that sends rubbish without a pause: the other streams of the process go on."""

import asyncio
import itertools
import socketserver
import threading
import time
from collections.abc import Callable, Coroutine, Iterator

import pytest
from agno.models.base import Model
from agno.models.message import Message
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat
from ollama import AsyncClient
from openai import AsyncOpenAI

from app.core.providers.http.clients import close
from app.core.providers.tracked import TrackedModel
from tests.core.providers.wire.streams import candidate, chunk, data
from tests.provider import Provider
from tests.provider_replies import Reply, numbered

BYTES = 2**20

#: What comes over and over again, until `BYTES` are sent.
RUBBISH = {
    "pings": b"data: ping\n\n",
    "comments": b":\n",
    "empty lines": b"\n",
    "lines of data": b"data:\n",
    "unknown fields": data({"x": 1}),
    "documents without blank lines": data({"choices": []}).removesuffix(b"\n"),
    "usage": data({"choices": [], "usage": {"x": 1}}),
    "texts": chunk({"content": "x"}),
    "large texts": chunk({"content": "\u4e2d" * 2**19}),
    "an endless line": b"x" * 2**16,
    "many objects": b'data: {"x":[' + b"{}," * 15_000 + b"{}]}\n\n",
    "parts of another protocol": candidate(*[{"text": "a"}] * 1000),
}

#: Seconds between two tokens that others may have to wait: a hundred times what it takes alone.
LONGEST = 2.0


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    rubbish = b""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        size = 0
        while line := self.rfile.readline().strip():
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        self.rfile.read(size)
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        part = self.server.rubbish * (2**18 // len(self.server.rubbish) + 1)
        sent = 0
        while sent < BYTES:
            try:
                self.wfile.write(part)
            except OSError:
                return  # the reader has given up
            sent += len(part)


@pytest.fixture
def flood() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def _openai(url: str) -> list[float]:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as client:
        return await _gaps(OpenAIChat(id="m", async_client=client))


async def _directly(url: str) -> list[float]:
    model = OpenAIChat(id="m", base_url=f"{url}/v1", api_key="sk-test", max_retries=0)
    try:
        return await _gaps(model)
    finally:
        await close(model)


async def _ollama(url: str) -> list[float]:
    async with AsyncClient(host=url) as client:
        return await _gaps(Ollama(id="m", async_client=client))


async def _gaps(model: Model) -> list[float]:
    """Seconds between the texts of an answer."""
    times: list[float] = []
    tracked = TrackedModel(model, sink=lambda *_: times.append(time.monotonic()))
    message, answer = Message(role="user", content="x"), Message(role="assistant")
    async for _ in tracked.model.ainvoke_stream([message], assistant_message=answer):
        pass
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.parametrize(
    "ways", [(_openai, _directly), (_ollama, _ollama)], ids=["openai", "ollama"]
)
@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_stops_the_other_streams(
    ways: tuple[Callable[[str], Coroutine[None, None, list[float]]], ...],
    rubbish: bytes,
    flood: _Server,
    provider: Provider,
) -> None:
    """While a provider sends rubbish, tokens of another come on time."""
    flood.rubbish = rubbish
    provider.default = Reply(numbered(40), rate=50)
    url = f"http://127.0.0.1:{flood.server_address[1]}"
    bad = [asyncio.create_task(read(url)) for read in ways]
    gaps = await _openai(provider.url.removesuffix("/v1"))
    await asyncio.wait(bad)
    assert len(gaps) > 30
    assert max(gaps) < LONGEST
    for ended in bad:
        assert ended.exception() is not None
