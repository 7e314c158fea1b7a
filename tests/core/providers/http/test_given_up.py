"""Requests that are given up close their connection, and nothing keeps what is over."""

import asyncio
import gc
import tracemalloc
import weakref

import pytest
from openai import AsyncStream

from app.core.providers.http.exchange import Exchange, bound
from tests.core.providers.http.wires import (
    HEAD,
    Play,
    Step,
    Wire,
    ask,
    full,
    model_of,
    port_of,
    refusal,
    sized,
)
from tests.core.providers.wire.streams import chunk, words

pytestmark = pytest.mark.usefixtures("frozen", "quiet")

OK = sized(words())
TEXT = HEAD + b"\r\n" + chunk({"content": "one"})

#: Where a request is when its run is cancelled.
STOPPED: dict[str, Play] = {
    "before the head": (Step.SILENCE,),
    "in the head": (b"HTTP/1.1 200", Step.SILENCE),
    "in the body": (TEXT, Step.SILENCE),
    "in a refusal": (b"HTTP/1.1 500 No\r\n\r\nx", Step.SILENCE),
    "behind the finish reason": (HEAD + b"\r\n" + words(done=b""), Step.SILENCE),
    "in a redirect": (b"HTTP/1.1 307 X\r\nlocation: /\r\ncontent-length: 9\r\n\r\n", Step.SILENCE),
    "in a body that nobody reads": (TEXT.replace(b"200", b"201"), Step.SILENCE),
}


@pytest.mark.parametrize("play", STOPPED.values(), ids=STOPPED)
async def test_a_request_goes_on_without_its_run(play: Play) -> None:
    """A run that is cancelled closes its connection at once, wherever its request is."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.append(play)
        asking = asyncio.create_task(ask(model))
        while not wire.posted:  # noqa: ASYNC110 - it is a turn or two
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        await wire.until_closed()
        assert ("one two three", 2) == ((await ask(model)).text, wire.opened)


async def test_a_stream_that_nobody_reads_stays_open() -> None:
    """A stream that is dropped, before its first chunk or behind it, closes its connection."""
    for read in (0, 1):
        async with Wire() as wire, model_of(wire.url, directly=True) as model:
            wire.plays.append((TEXT, Step.SILENCE))
            create = model.async_client.chat.completions.create
            with bound(Exchange(streaming=True)):
                stream = await create(model="m", messages=[], stream=True)
            assert isinstance(stream, AsyncStream)
            assert 200 == stream.response.status_code
            if read:
                assert "one" == (await anext(stream)).choices[0].delta.content
            del stream
            await wire.until_closed()


async def test_a_slow_user_fills_the_memory() -> None:
    """A provider waits for a user of the SDK who reads more slowly than it sends."""
    play = [HEAD + b"\r\n", *[chunk({"content": "x" * 20_000})] * 1000]
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.append([*play, words(), Step.CLOSE])
        create = model.async_client.chat.completions.create
        with bound(Exchange(streaming=True)):
            stream = await create(model="m", messages=[], stream=True)
        await asyncio.sleep(1.0)
        assert 0 == wire.closed  # it has not been able to send all
        size = 0
        async for part in stream:
            size += len(part.choices[0].delta.content or "")
        assert 1000 * 20_000 + len("one two three") == size


async def test_a_stream_is_closed_in_vain() -> None:
    """A stream that its user closes, in either way that the SDK's have, closes its connection."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.extend([(TEXT, Step.SILENCE)] * 2)
        create = model.async_client.chat.completions.create
        with bound(Exchange(streaming=True)):
            async with await create(model="m", messages=[], stream=True) as stream:
                assert "one" == (await anext(aiter(stream))).choices[0].delta.content
            await wire.until_closed(1)
            stream = await create(model="m", messages=[], stream=True)
            await stream.close()
            await wire.until_closed(2)


async def test_a_refusal_is_lost_behind_its_request() -> None:
    """A provider that refuses a large request before it has read it is heard, and gets no other
    behind the rest of it."""
    peers = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal(413, b'{"error": {"message": "too much"}}'))
        await asyncio.sleep(0.1)
        await reader.read()
        writer.close()

    async with (
        await asyncio.start_server(refuse, "127.0.0.1", 0) as server,
        model_of(f"http://127.0.0.1:{port_of(server.sockets[0])}/v1", directly=True) as model,
    ):
        for _ in range(2):
            got = await ask(model, content="x" * 8_000_000)
            assert ("model_refused_request", True) == (got.code, "too much" in got.message)
        assert 2 == len(peers)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_connecting_goes_on_without_its_run(scheme: str) -> None:
    """So does one that is cancelled while it connects."""
    waiting = full()
    async with Wire() as silent:
        port = silent.port if scheme == "https" else port_of(waiting[0])
        async with model_of(f"{scheme}://127.0.0.1:{port}/v1", directly=True) as model:
            asking = asyncio.create_task(ask(model))
            await asyncio.sleep(0.1)
            while scheme == "https" and not silent.opened:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            if scheme == "https":
                await silent.until_closed()
    for each in waiting:
        each.close()


async def test_a_sink_that_raises_is_taken_for_the_provider() -> None:
    """What a run's own sink raises is raised in its task, and closes the connection."""

    def sink(text: str | None, thought: str | None) -> None:
        raise KeyError("no place")

    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.append((TEXT, Step.SILENCE))
        got = await ask(model, sink=sink)
        assert isinstance(got.error.__cause__, KeyError)
        await wire.until_closed()
        assert "one two three" == (await ask(model)).text


class Kept:
    """A sink that can be looked for when it should be gone."""

    def __call__(self, text: str | None, thought: str | None) -> None:
        """Keep nothing."""


@pytest.mark.parametrize(
    "play", [(OK,), (TEXT, Step.CLOSE), (b"HTTP/1.1 500 X\r\n\r\n", Step.CLOSE)]
)
async def test_a_run_is_kept_by_its_connection(play: Play) -> None:
    """Nothing of a run that has ended is kept by a connection, or by a clock of its requests."""
    async with Wire() as wire, model_of(wire.url, directly=True, timeout=600) as model:
        wire.plays.append(play)
        sink = Kept()
        gone = weakref.ref(sink)
        await asyncio.create_task(ask(model, sink=sink))
        del sink
        for _ in range(3):  # an error that has been raised has cycles, and generators in them
            gc.collect()
            await asyncio.sleep(0.01)
        assert gone() is None


async def test_a_stream_keeps_its_request() -> None:
    """What waits for a silent provider holds no copy of a long question that is sent."""
    question = "x" * 3_000_000
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        await ask(model)
        wire.plays.append((TEXT, Step.SILENCE))
        tracemalloc.start()
        asking = asyncio.create_task(ask(model, content=question))
        while len(wire.posted) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        wire.posted.clear()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        asking.cancel()
        await asyncio.wait([asking])
        assert held < 1_000_000
