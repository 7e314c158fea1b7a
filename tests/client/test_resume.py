"""A lost connection is made again: every token once, and the model is asked once."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agno_stream import (
    AnswerTimeout,
    Client,
    Config,
    ConnectionLost,
    Exchange,
    NotFound,
    ServerUnreachable,
)
from tests.client.proxy import Proxy
from tests.client.shells import Shell
from tests.command import Command
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

TEXT = "".join(f"word{n} 🙂 line\n" if n % 10 == 0 else f"w{n} " for n in range(400))
HEAD = 700  # bytes that surely hold the response's headers and the first event
CUTS = 40


def said(provider: Provider, tokens: int) -> None:
    """Wait until the model has said so much."""
    provider.wait_for(lambda: provider.requests and provider.requests[0].tokens_sent > tokens)


@contextmanager
def meanwhile(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Do some work in a thread, while and at the latest until the block ends."""
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    yield
    thread.join()


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "orderly"])
async def test_forty_cuts(server: Server, provider: Provider, shell: Shell, reset: bool) -> None:
    """Forty connections that break at any byte, in headers, ids, JSON and characters alike, make
    no difference to the text, and the model is asked once."""
    dice = random.Random(1)
    provider.script(Reply(TEXT))
    cuts = [HEAD, *(dice.randint(0, 1200) for _ in range(CUTS - 1))]
    with Proxy(server.port, cuts, reset=reset) as proxy:
        chunks = await shell.stream(Config(url=proxy.url, retries=CUTS), "Hello?")
    assert TEXT == "".join(chunk.text for chunk in chunks)
    assert list(range(1, len(chunks) + 1)) == [chunk.number for chunk in chunks]
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (None, "stop") == (chunks[-1].error, chunks[-1].finish_reason)
    assert 0 == proxy.left
    assert CUTS < proxy.connections
    assert 1 == provider.opened


async def test_each_connection_can_be_looked_at(server: Server, shell: Shell) -> None:
    """A program is told of each request and the head of its reply, without the key."""
    seen: list[Exchange] = []
    with Proxy(server.port, [HEAD]) as proxy:
        config = Config(url=proxy.url, api_key="secret")
        *_, last = await shell.stream(config, "Hello?", on_exchange=seen.append)
    asked, resumed = seen
    events = f"{proxy.url}/api/v1/runs/{last.run_id}/events?after="
    assert ("POST", f"{proxy.url}/api/v1/chat", 200) == (asked.method, asked.url, asked.status_code)
    assert ("GET", 200) == (resumed.method, resumed.status_code)
    assert resumed.url.startswith(events)
    assert "text/event-stream" == asked.sent["accept"]
    assert last.run_id == asked.received["x-run-id"]
    assert asked.at <= resumed.at <= time.time()
    assert "secret" not in repr(seen)


async def test_forty_cuts_of_a_live_stream(
    server: Server, provider: Provider, shell: Shell
) -> None:
    """The same while the answer is being made: the connection is killed again and again."""
    provider.script(Reply(TEXT, rate=100))
    killed = 0

    def kill(proxy: Proxy, over: threading.Event) -> None:
        nonlocal killed
        said(provider, 5)
        while killed < CUTS and not over.wait(0.03):
            if proxy.connections > killed:
                proxy.cut()
                killed += 1

    with Proxy(server.port) as proxy, meanwhile(kill, proxy, over := threading.Event()):
        chunks = await shell.stream(Config(url=proxy.url, retries=CUTS), "Hello?")
        over.set()
    assert TEXT == "".join(chunk.text for chunk in chunks)
    assert list(range(1, len(chunks) + 1)) == [chunk.number for chunk in chunks]
    assert 3 < killed
    assert 1 == provider.opened


async def test_refused_for_a_while(server: Server, provider: Provider, shell: Shell) -> None:
    """A server whose address refuses connections for a moment, as in a restart, is waited for."""
    provider.script(Reply(TEXT, rate=400))
    with Proxy(server.port) as proxy:

        def restart() -> None:
            said(provider, 20)
            proxy.refuse()
            time.sleep(0.5)
            proxy.accept()

        with meanwhile(restart):
            chunks = await shell.stream(Config(url=proxy.url), "Hello?")
    assert TEXT == "".join(chunk.text for chunk in chunks)
    assert 1 == provider.opened


async def test_giving_up(server: Server, provider: Provider, shell: Shell) -> None:
    """A connection that stays lost ends the answer with an error and what had come of it."""
    provider.script(Reply(TEXT, rate=200))
    with Proxy(server.port) as proxy:

        def leave() -> None:
            said(provider, 20)
            proxy.refuse()

        with meanwhile(leave):
            *before, last = await shell.stream(Config(url=proxy.url, retries=2), "Hello?")
    assert (True, "error") == (last.done, last.finish_reason)
    assert last.error is not None
    assert "The connection was lost, and 2 attempts did not bring it back." in last.error
    assert f"No server answers at {proxy.url}." in last.error
    assert isinstance(last.failure, ConnectionLost)
    assert isinstance(last.failure.__cause__, ServerUnreachable)
    text = "".join(chunk.text for chunk in before)
    assert text
    assert TEXT.startswith(text)
    assert text == last.failure.text
    assert (before[-1].run_id, before[-1].number) == (last.failure.run_id, last.failure.number)


async def test_a_server_that_forgot(tmp_path: Path, provider: Provider, shell: Shell) -> None:
    """A server that was started anew and keeps its runs in memory only cannot go on; that is
    what the error says, and the text so far is kept."""
    settings: dict[str, Any] = {
        "model": "openai:m",
        "openai_base_url": provider.url,
        "openai_api_key": "sk-test",
        "journal_url": "memory://",
        "data_dir": tmp_path,
    }
    provider.script(Reply(TEXT, rate=200))
    with Server(**settings) as other, Server(**settings) as first, Proxy(first.port) as proxy:

        def restart() -> None:
            said(provider, 20)
            proxy.lead_to(other.port)
            proxy.cut()

        with meanwhile(restart):
            *before, last = await shell.stream(Config(url=proxy.url), "Hello?")
    assert isinstance(last.failure, ConnectionLost)
    assert "the server no longer knows the answer" in str(last.error)
    assert last.failure.text == "".join(chunk.text for chunk in before)
    assert 0 < len(last.failure.text) < len(TEXT)
    assert 1 == provider.opened


async def test_a_killed_server(provider: Provider, shell: Shell, tmp_path: Path) -> None:
    """After a kill and a restart the answer ends as interrupted, whether the client had seen more
    than the journal or not; what had come is kept, and the model is not asked again."""
    provider.script(Reply(TEXT, rate=200))
    settings = {"MODEL": "openai:m", "OPENAI_BASE_URL": provider.url}
    with ExitStack() as servers:
        first = servers.enter_context(Command(tmp_path, **settings))
        proxy = servers.enter_context(Proxy(httpx2.URL(first.url).port or 0))

        def restart() -> None:
            said(provider, 50)
            first.process.kill()
            first.process.wait()
            second = servers.enter_context(Command(tmp_path, **settings))
            proxy.lead_to(httpx2.URL(second.url).port or 0)

        with meanwhile(restart):
            *before, last = await shell.stream(Config(url=proxy.url, retries=50), "Hello?")
    text = "".join(chunk.text for chunk in before)
    assert "interrupted" == last.finish_reason
    assert last.failure is not None
    assert text == last.failure.text
    assert 100 < len(text) < len(TEXT)
    assert TEXT.startswith(text)
    assert 1 == provider.opened


async def test_cut_before_the_answer(server: Server, provider: Provider, shell: Shell) -> None:
    """Cut before the run is known, the question is sent again, and answered once."""
    with Proxy(server.port, [10, 0, 40]) as proxy:
        *before, last = await shell.stream(Config(url=proxy.url), "Hello?")
    assert "Hello from the provider." == "".join(chunk.text for chunk in before)
    assert ("stop", None) == (last.finish_reason, last.error)
    assert 4 == proxy.connections
    assert 1 == provider.opened


async def test_never_an_answer(server: Server, shell: Shell) -> None:
    """Where each connection is cut before the run is known, the client gives up and says so."""
    with Proxy(server.port, [10] * 3) as proxy:
        (last,) = await shell.stream(Config(url=proxy.url, retries=2), "Hello?")
    assert isinstance(last.failure, ConnectionLost)
    assert "2 attempts" in str(last.error)
    assert 3 == proxy.connections


async def test_seeking(config: Config, shell: Shell, provider: Provider) -> None:
    """A run can be read again from any event, while it is kept; nothing is asked anew."""
    whole = await shell.stream(config, "Hello?")
    run_id = str(whole[0].run_id)
    for after in range(len(whole) - 1):
        rest = await shell.resume(config, run_id, after=after)
        assert whole[after:] == rest
    assert 1 == provider.opened


async def test_resuming_after_the_end(config: Config, shell: Shell) -> None:
    """Behind the last event there is only how the answer ended."""
    last = (await shell.stream(config, "Hello?"))[-1]
    (again,) = await shell.resume(config, str(last.run_id), after=last.number)
    assert (True, "", "stop", None) == (again.done, again.text, again.finish_reason, again.error)
    assert last.usage == again.usage


async def test_resuming_what_never_was(config: Config, shell: Shell) -> None:
    """A run that the server does not know is not found."""
    (last,) = await shell.resume(config, "no/such run")
    assert isinstance(last.failure, NotFound)
    assert "not found" in str(last.error).lower()


def test_leaving_and_coming_back(server: Server, provider: Provider) -> None:
    """Who breaks off an answer can go on with it later, from where they were."""
    provider.script(Reply(TEXT, rate=1000))
    with Client(url=server.url) as client:
        text, place = "", ("", 0)
        for chunk in client.generate_stream("Hello?"):
            text += chunk.text
            place = (str(chunk.run_id), chunk.number)
            if chunk.number == 50:
                break
        text += "".join(chunk.text for chunk in client.resume(*place))
    assert TEXT == text
    assert 1 == provider.opened


async def test_a_silent_connection(serve: Serve, provider: Provider, shell: Shell) -> None:
    """A connection that says nothing at all, signs of life included, ends by the client's clock."""
    provider.script(Reply(TEXT, rate=50))
    server = serve(heartbeat=0.2)
    with Proxy(server.port) as proxy:

        def hold() -> None:
            said(provider, 5)
            proxy.holds.set()

        with meanwhile(hold):
            config = Config(url=proxy.url, timeout_first=2, timeout_idle=1)
            began = time.monotonic()
            *before, last = await shell.stream(config, "Hello?")
            took = time.monotonic() - began
        proxy.holds.clear()
    assert isinstance(last.failure, AnswerTimeout)
    assert "timeout_idle" == last.finish_reason
    assert last.failure.text == "".join(chunk.text for chunk in before) != ""
    assert took < 15
