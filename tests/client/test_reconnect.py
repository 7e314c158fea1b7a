"""A lost connection is restored: every token arrives once, and the model gets one request."""

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
    Config,
    ConnectionLost,
    Exchange,
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
HEAD = 700  # bytes: more than the response's headers and its first event
CUTS = 40


def wait_for_tokens(provider: Provider, tokens: int) -> None:
    """Wait until the model has sent more than this number of tokens."""
    provider.wait_for(lambda: provider.requests and provider.requests[0].tokens_sent > tokens)


@contextmanager
def meanwhile(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run `work` in a thread beside the block; the end of the block waits for it."""
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    yield
    thread.join()


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "orderly"])
async def test_resume_after_forty_cuts(
    server: Server, provider: Provider, shell: Shell, reset: bool
) -> None:
    """Forty connections that break at any byte, in headers, ids, JSON and characters alike, do
    not change the text, and the model gets one request."""
    dice = random.Random(1)
    provider.script(Reply(TEXT))
    cuts = [HEAD, *(dice.randint(0, 1200) for _ in range(CUTS - 1))]
    with Proxy(server.port, cuts, reset=reset) as proxy:
        chunks = await shell.stream(Config(url=proxy.url, retries=CUTS), "Hello?")
    assert TEXT == "".join(chunk.text for chunk in chunks)
    assert list(range(1, len(chunks) + 1)) == [chunk.number for chunk in chunks]
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (None, "stop") == (chunks[-1].error, chunks[-1].finish_reason)
    assert 0 == proxy.unused_cuts
    assert CUTS < proxy.connections
    assert 1 == provider.opened


async def test_on_exchange_reports_each_request(server: Server, shell: Shell) -> None:
    """`on_exchange` gets each request and the head of its response, without the API key."""
    seen: list[Exchange] = []
    with Proxy(server.port, [HEAD]) as proxy:
        config = Config(url=proxy.url, api_key="secret")
        *_, last = await shell.stream(config, "Hello?", on_exchange=seen.append)
    first, resumed = seen
    events = f"{proxy.url}/api/v1/runs/{last.run_id}/events?after="
    assert ("POST", f"{proxy.url}/api/v1/chat", 200) == (first.method, first.url, first.status_code)
    assert ("GET", 200) == (resumed.method, resumed.status_code)
    assert resumed.url.startswith(events)
    assert "text/event-stream" == first.sent["accept"]
    assert last.run_id == first.received["x-run-id"]
    assert first.at <= resumed.at <= time.time()
    assert "secret" not in repr(seen)


async def test_resume_after_forty_cuts_of_a_live_stream(
    server: Server, provider: Provider, shell: Shell
) -> None:
    """An answer survives forty cuts while the model is still sending it."""
    provider.script(Reply(TEXT, rate=100))
    killed = 0

    def kill(proxy: Proxy, over: threading.Event) -> None:
        nonlocal killed
        wait_for_tokens(provider, 5)
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


async def test_reconnect_after_refused_connections(
    server: Server, provider: Provider, shell: Shell
) -> None:
    """A client reconnects to a server that refuses connections for a moment, as in a restart."""
    provider.script(Reply(TEXT, rate=400))
    with Proxy(server.port) as proxy:

        def restart() -> None:
            wait_for_tokens(provider, 20)
            proxy.refuse()
            time.sleep(0.5)
            proxy.accept()

        with meanwhile(restart):
            chunks = await shell.stream(Config(url=proxy.url), "Hello?")
    assert TEXT == "".join(chunk.text for chunk in chunks)
    assert 1 == provider.opened


async def test_retries_used_up(server: Server, provider: Provider, shell: Shell) -> None:
    """A connection that stays lost ends the answer with an error and the text so far."""
    provider.script(Reply(TEXT, rate=200))
    with Proxy(server.port) as proxy:

        def refuse() -> None:
            wait_for_tokens(provider, 20)
            proxy.refuse()

        with meanwhile(refuse):
            *before, last = await shell.stream(Config(url=proxy.url, retries=2), "Hello?")
    assert (True, "error") == (last.done, last.finish_reason)
    assert last.error is not None
    assert "The connection was lost, and 2 attempts to restore it failed." in last.error
    assert f"No server answers at {proxy.url}." in last.error
    assert isinstance(last.failure, ConnectionLost)
    assert isinstance(last.failure.__cause__, ServerUnreachable)
    text = "".join(chunk.text for chunk in before)
    assert text
    assert TEXT.startswith(text)
    assert text == last.failure.text
    assert (before[-1].run_id, before[-1].number) == (last.failure.run_id, last.failure.number)


async def test_run_unknown_after_restart(tmp_path: Path, provider: Provider, shell: Shell) -> None:
    """After a restart of a server that keeps its runs in memory, the error says that the run is
    unknown, and keeps the text so far."""
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
            wait_for_tokens(provider, 20)
            proxy.redirect_to(other.port)
            proxy.cut()

        with meanwhile(restart):
            *before, last = await shell.stream(Config(url=proxy.url), "Hello?")
    assert isinstance(last.failure, ConnectionLost)
    assert "the server no longer knows the answer" in str(last.error)
    assert last.failure.text == "".join(chunk.text for chunk in before)
    assert 0 < len(last.failure.text) < len(TEXT)
    assert 1 == provider.opened


async def test_killed_server_ends_the_answer_as_interrupted(
    provider: Provider, shell: Shell, tmp_path: Path
) -> None:
    """After a kill and a restart the answer ends as interrupted, with the text so far, whether the
    client had more events than the journal or not; the model gets one request."""
    provider.script(Reply(TEXT, rate=200))
    settings = {"MODEL": "openai:m", "OPENAI_BASE_URL": provider.url}
    with ExitStack() as servers:
        first = servers.enter_context(Command(tmp_path, **settings))
        proxy = servers.enter_context(Proxy(httpx2.URL(first.url).port or 0))

        def restart() -> None:
            wait_for_tokens(provider, 50)
            first.process.kill()
            first.process.wait()
            second = servers.enter_context(Command(tmp_path, **settings))
            proxy.redirect_to(httpx2.URL(second.url).port or 0)

        with meanwhile(restart):
            *before, last = await shell.stream(Config(url=proxy.url, retries=50), "Hello?")
    text = "".join(chunk.text for chunk in before)
    assert "interrupted" == last.finish_reason
    assert last.failure is not None
    assert text == last.failure.text
    assert 100 < len(text) < len(TEXT)
    assert TEXT.startswith(text)
    assert 1 == provider.opened


async def test_cut_before_the_run_is_known(
    server: Server, provider: Provider, shell: Shell
) -> None:
    """A question that is cut before its run is known is sent again, and answered once."""
    with Proxy(server.port, [10, 0, 40]) as proxy:
        *before, last = await shell.stream(Config(url=proxy.url), "Hello?")
    assert "Hello from the provider." == "".join(chunk.text for chunk in before)
    assert ("stop", None) == (last.finish_reason, last.error)
    assert 4 == proxy.connections
    assert 1 == provider.opened


async def test_retries_used_up_before_the_run_is_known(server: Server, shell: Shell) -> None:
    """If each connection is cut before the run is known, the answer ends as `ConnectionLost`."""
    with Proxy(server.port, [10] * 3) as proxy:
        (last,) = await shell.stream(Config(url=proxy.url, retries=2), "Hello?")
    assert isinstance(last.failure, ConnectionLost)
    assert "2 attempts" in str(last.error)
    assert 3 == proxy.connections


async def test_idle_timeout_on_a_silent_connection(
    serve: Serve, provider: Provider, shell: Shell
) -> None:
    """An answer on a connection without bytes, heartbeats included, ends by `timeout_idle`."""
    provider.script(Reply(TEXT, rate=50))
    server = serve(heartbeat=0.2)
    with Proxy(server.port) as proxy:

        def hold() -> None:
            wait_for_tokens(provider, 5)
            proxy.hold.set()

        with meanwhile(hold):
            config = Config(url=proxy.url, timeout_first=2, timeout_idle=1)
            began = time.monotonic()
            *before, last = await shell.stream(config, "Hello?")
            took = time.monotonic() - began
        proxy.hold.clear()
    assert isinstance(last.failure, AnswerTimeout)
    assert "timeout_idle" == last.finish_reason
    assert last.failure.text == "".join(chunk.text for chunk in before) != ""
    assert took < 15
