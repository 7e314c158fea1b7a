"""The connections of our client to providers: opened, reused, given up, and closed."""

import asyncio
import ssl
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
from tests.core.providers.http.wires import (
    HEAD,
    Play,
    Step,
    Wire,
    ask,
    chunked,
    full,
    model_of,
    port_of,
    sized,
)
from tests.core.providers.wire.streams import chunk, words
from tests.provider import Provider

OK = sized(words())
TEXT = HEAD + b"\r\n" + chunk({"content": "one"})
pytestmark = pytest.mark.usefixtures("frozen", "quiet")
WAYS = pytest.mark.parametrize("directly", [True, False], ids=["ours", "the SDK's"])


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


async def test_an_old_clock_closes_a_connection() -> None:
    """A body that ends behind its last event leaves a connection for the next request, which has
    all its time."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        wire.plays.extend([(chunked(words(), end=b""), 0.05, b"0\r\n\r\n"), (0.4, OK)])
        await ask(model)
        await asyncio.sleep(0.1)
        assert ("stop", 1) == ((await ask(model)).end, wire.opened)


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
