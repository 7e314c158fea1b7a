"""The connections of our client to providers: opened, reused, given up, and closed."""

import asyncio
import gc
import socket
import ssl
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from agno.models.openai import OpenAIChat

from app.core.providers.http.clients import close
from app.core.providers.http.direct.connection import Headers
from app.core.providers.http.direct.heads import Target
from app.core.providers.http.direct.pool import Pool
from tests.core.providers.http.certificate import certificate
from tests.core.providers.http.wires import HEAD, Play, Step, Wire, ask, model_of, sized
from tests.core.providers.wire.streams import chunk, words
from tests.provider import Provider

OK = sized(words())
TEXT = HEAD + b"\r\n" + chunk({"content": "one"})
WAYS = pytest.mark.parametrize("directly", [True, False], ids=["ours", "the SDK's"])


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[None]:
    """What is loaded before these tests is not looked through for each of them."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
async def quiet() -> AsyncIterator[None]:
    """Nothing that fails behind the back of a test is left unread."""
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    yield
    gc.collect()
    await asyncio.sleep(0)
    assert not failed


def full() -> list[socket.socket]:
    """A socket that listens, and accepts nothing more; it is the first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [listener]
    for _ in range(2):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    return waiting


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


async def failure(url: str, *, directly: bool) -> tuple[str | None, str]:
    """The code of the failure of a request, and the name of the SDK's error."""
    async with model_of(url, directly=directly, timeout=0.3) as model:
        got = await ask(model)
    return got.code, type(got.error.__cause__).__name__


NOBODY = ["127.0.0.1:1", "[::1]:1", "no-such-host.invalid", "a..b", "x" * 70]


@pytest.mark.parametrize("host", NOBODY)
async def test_a_host_that_is_not_there_fails_otherwise(host: str) -> None:
    """Nobody at a port, and names that nobody has, or can have, are a provider that is away."""
    expected = ("model_unavailable", "APIConnectionError")
    assert expected == await failure(f"http://{host}/v1", directly=True)


@WAYS
async def test_a_server_that_accepts_nothing_is_waited_for(directly: bool) -> None:
    """Connecting ends with the time of the client."""
    waiting = full()
    found = await failure(f"http://127.0.0.1:{port_of(waiting[0])}/v1", directly=directly)
    assert ("model_unavailable", "APITimeoutError") == found
    for each in waiting:
        each.close()


@WAYS
async def test_a_certificate_is_not_looked_at(
    directly: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that nobody vouches for is refused, until the environment names its issuer."""
    pem = certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    async with Wire(tls=context) as wire:
        url = wire.url.replace("127.0.0.1", "localhost")
        assert "model_unavailable" == (await failure(url, directly=directly))[0]
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        async with model_of(url, directly=directly) as model:
            for _ in range(2):
                assert ("one two three", "stop") == ((got := await ask(model)).text, got.end)
        assert 1 == len({posted.connection for posted in wire.posted})
        async with model_of(wire.url, directly=directly) as model:  # another name than its
            assert "model_unavailable" == (await ask(model)).code


async def test_a_handshake_is_waited_for() -> None:
    """A server that accepts, and says nothing of TLS, ends with the time of the client, too."""
    async with Wire() as wire:
        found = await failure(wire.url.replace("http", "https"), directly=True)
        assert ("model_unavailable", "APITimeoutError") == found
        await wire.until_closed()


@WAYS
async def test_a_connection_is_opened_for_each_request(directly: bool) -> None:
    """Requests one after another have one connection; those at once have each their own."""
    async with Wire() as wire, model_of(wire.url, directly=directly) as model:
        for _ in range(5):
            await ask(model)
        assert 1 == wire.opened
        got = await asyncio.gather(*(ask(model) for _ in range(20)))
        assert {("one two three", "stop")} == {(each.text, each.end) for each in got}
        assert wire.opened <= 20
        opened = wire.opened
        await ask(model)
        assert opened == wire.opened


#: What happens to a second request on a connection: the code, and how many requests there are.
SECOND: dict[str, tuple[Play, str | None, int]] = {
    "closed": ((Step.CLOSE,), None, 3),
    "reset": ((Step.RESET,), None, 3),
    "closed in the head": ((b"HTTP/1.1 2", Step.CLOSE), "model_unavailable", 2),
    "closed behind a 100": ((b"HTTP/1.1 100 X\r\n\r\n", Step.CLOSE), "model_unavailable", 2),
    "closed in the body": ((TEXT, Step.RESET), "upstream_cut", 2),
    "no HTTP": ((b"what?\r\n\r\n", Step.CLOSE), "model_unavailable", 2),
    "silent": ((Step.SILENCE,), "model_unavailable", 2),
}


@pytest.mark.parametrize(("play", "code", "requests"), SECOND.values(), ids=SECOND)
async def test_a_request_is_sent_twice(play: Play, code: str | None, requests: int) -> None:
    """A request on a connection that its provider has left is sent again, once, unless anything
    has come."""
    async with Wire() as wire, model_of(wire.url, directly=True, timeout=0.3) as model:
        wire.plays.extend([(OK,), play])
        await ask(model)
        got = await ask(model)
        assert (code, requests) == (got.code, len(wire.posted))


async def test_a_dead_provider_is_asked_for_ever() -> None:
    """A provider that closes each connection gets a request twice."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.extend([(OK,), *[(Step.CLOSE,)] * 5])
        await ask(model)
        assert ("model_unavailable", 3) == ((await ask(model)).code, len(wire.posted))


async def test_a_connection_that_was_closed_is_used() -> None:
    """A connection that its provider has closed between two requests is not tried."""
    for idle in ((OK, Step.CLOSE), (OK, b"HTTP/1.1 408 Slow\r\n\r\n", Step.CLOSE)):
        async with Wire() as wire, model_of(wire.url, directly=True) as model:
            wire.plays.append(idle)
            await ask(model)
            await wire.until_closed()
            await asyncio.sleep(0.02)
            assert (None, 2) == ((await ask(model)).code, len(wire.posted))


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


RUN: ContextVar[int] = ContextVar("run", default=0)


async def test_a_run_has_the_variables_of_another() -> None:
    """Text comes with the variables of its run, on a connection that another has opened, too."""
    seen: dict[int, set[int]] = {n: set() for n in range(1, 9)}

    async def run(model: Any, number: int) -> None:
        RUN.set(number)
        await ask(model, sink=lambda *_: seen[number].add(RUN.get()))

    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        for numbers in (range(1, 5), range(5, 9)):
            async with asyncio.TaskGroup() as group:
                for number in numbers:
                    group.create_task(run(model, number))
        assert {number: {number} for number in seen} == seen
        assert 4 == wire.opened


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


async def test_closing_a_model_cuts_an_answer() -> None:
    """A model that is closed keeps no connection; what is under way comes to its end first."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        await asyncio.gather(ask(model), ask(model))
        wire.plays.append((TEXT, 0.1, words(), Step.CLOSE))
        asking = asyncio.create_task(ask(model))
        while len(wire.posted) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await close(model)
        assert ("oneone two three", "stop") == ((got := await asking).text, got.end)
        await wire.until_closed(wire.opened)


class _Ends:
    """A receiver that waits for the end of a response."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def head(self, status: int, headers: Headers) -> None: ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None:
        self.ended.set()

    def broke(self, error: Exception) -> None: ...


async def test_an_idle_connection_stays_open() -> None:
    """A connection that has had no request for a while is closed, and one that has one is not."""
    async with Wire() as wire:
        pool = Pool(Target("http", "127.0.0.1", wire.port, "x", "/"), idle=0.1)
        idle, busy = [await pool.open(1) for _ in range(2)]
        wire.plays.extend([(OK,), (OK,), (Step.SILENCE,)])
        for connection in (idle, busy):
            ends = _Ends()
            connection.send(b"POST / HTTP/1.1\r\n\r\n", ends)
            await ends.ended.wait()
        assert busy is pool.take()
        busy.send(b"POST / HTTP/1.1\r\n\r\n", _Ends())
        await wire.until_closed(1)
        await asyncio.sleep(0.15)
        assert (True, False, 1) == (idle.lost, busy.lost, wire.closed)
        busy.abort()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the first loop
def test_a_model_belongs_to_an_event_loop(provider: Provider) -> None:
    """A model may be used in one event loop after another, without being closed in between."""
    model: Any = OpenAIChat(id="m", base_url=provider.url, api_key="k", max_retries=0)

    async def twice(*, last: bool) -> list[str | None]:
        found = [await ask(model), await ask(model)]
        assert hasattr(model.async_client.chat.completions.create, "posts_directly")
        if last:
            await close(model)
        return [got.end for got in found]

    assert ["stop"] * 2 == asyncio.run(twice(last=False))
    assert ["stop"] * 2 == asyncio.run(twice(last=True))
