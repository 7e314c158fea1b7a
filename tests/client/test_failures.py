"""Answers and calls that fail: of the model, by refusals, without a server, by timeouts."""

import time
from typing import Any

import pytest

from agno_stream import (
    AgnoStreamError,
    AnswerFailed,
    AnswerTimeout,
    Client,
    Config,
    ConnectionLost,
    ForeignServer,
    NotFound,
    RequestRefused,
    ServerUnreachable,
)
from tests.client.foreign import foreign
from tests.client.shells import Shell
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, RATE_LIMITED, Reply

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "


@pytest.mark.parametrize(
    ("reply", "reason", "kind", "words"),
    [
        (INVALID_KEY, "error", AnswerFailed, ""),
        (RATE_LIMITED, "error", AnswerFailed, ""),
        (Reply("one two three", cut_after=2), "upstream_cut", AnswerFailed, "one two "),
    ],
)
async def test_provider_failure_ends_the_stream_with_its_error(
    config: Config,
    shell: Shell,
    provider: Provider,
    reply: Reply,
    reason: str,
    kind: type[AgnoStreamError],
    words: str,
) -> None:
    """A provider failure ends the stream with an error and the text so far, and raises nothing."""
    provider.default = reply
    *_, last = await shell.stream(config, "Hello?")
    assert (reason, True) == (last.finish_reason, last.done)
    assert isinstance(last.failure, kind)
    assert words == last.failure.text
    for stream in (True, False):
        response = await shell.call(config, "generate", "Hello?", stream=stream)
        assert (False, words) == (response.success, response.text)
        assert str(last.failure) == response.error
        with pytest.raises(kind) as raised:
            await shell.call(config, "generate", "Hello?", stream=stream, raise_on_error=True)
        assert words == raised.value.text


async def test_raise_on_error_keeps_the_text_so_far(
    config: Config, shell: Shell, provider: Provider
) -> None:
    """With `raise_on_error` a failure is raised, and has the text so far."""
    provider.script(Reply("one two three", cut_after=2))
    with pytest.raises(AnswerFailed) as raised:
        await shell.stream(config, "Hello?", raise_on_error=True)
    assert ("upstream_cut", "one two ") == (raised.value.code, raised.value.text)


async def test_refusal_has_code_and_status(config: Config, shell: Shell) -> None:
    """A refusal has the code and status of the server."""
    (unknown,) = await shell.stream(config, "Hello?", model="gpt-none")
    (empty,) = await shell.stream(config, " ")
    assert isinstance(unknown.failure, NotFound)
    assert ("unknown_model", 404) == (unknown.failure.code, unknown.failure.status_code)
    assert str(unknown.error).startswith("Not found: There is no model 'gpt-none'.")
    assert isinstance(empty.failure, RequestRefused)
    assert ("invalid_field", 422) == (empty.failure.code, empty.failure.status_code)
    response = await shell.call(config, "generate", "Hello?", model="gpt-none")
    assert (False, 404) == (response.success, response.status_code)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "No server answers at http://127.0.0.1:1."),
        ("http://no-such-host.invalid", "No server answers at http://no-such-host.invalid."),
        ("localhost:8000", "'localhost:8000' is not the URL of a server"),
        ("http://[", "http://["),
    ],
)
async def test_unreachable_server(shell: Shell, url: str, words: str) -> None:
    """Without a server the error is `ServerUnreachable`, with a sentence."""
    config = Config(url=url)
    (last,) = await shell.stream(config, "Hello?")
    response = await shell.call(config, "generate", "Hello?")
    assert isinstance(last.failure, ServerUnreachable)
    assert words in str(last.error)
    assert (last.error, None) == (response.error, response.status_code)
    with pytest.raises(ServerUnreachable):
        await shell.call(config, "models")


@pytest.mark.parametrize(
    "reply",
    [
        HEAD + b"text/html\r\n\r\n<html>",
        HEAD + b"text/event-stream\r\n\r\ndata: [DONE]\n\n",
        HEAD + b"text/event-stream\r\n\r\nid: r:1\ndata: {}\n\n",
        HEAD + b'text/event-stream\r\n\r\nid: r:1\ndata: {"content":5,"done":false,"model":""}\n\n',
        HEAD + b"application/json\r\n\r\n[1]",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_reply_of_a_foreign_server(shell: Shell, reply: bytes) -> None:
    """A reply that is not of an agno-stream server is the error `ForeignServer`."""
    with foreign(reply) as url:
        (last,) = await shell.stream(Config(url=url), "Hello?")
        response = await shell.call(Config(url=url), "generate", "Hello?")
    assert isinstance(last.failure, ForeignServer)
    assert f"The server at {url} is not an agno-stream server." == last.error == response.error


async def test_reply_that_is_not_http(shell: Shell) -> None:
    """A reply in another protocol than HTTP is the error `ConnectionLost`."""
    with foreign(b"220 mail.example ESMTP\r\n") as url:
        (last,) = await shell.stream(Config(url=url), "Hello?")
    assert isinstance(last.failure, ConnectionLost)
    assert url in str(last.error)


@pytest.mark.parametrize(
    ("reply", "limits", "reason"),
    [
        (Reply("late", delay_first=9), {"timeout_first": 0.3}, "timeout_first_token"),
        (Reply("one two three", stall_after=2), {"timeout_idle": 0.3}, "timeout_idle"),
        (Reply(("a ",) * 99, rate=20), {"timeout_total": 0.5}, "timeout_total"),
    ],
)
async def test_timeout_ends_the_answer_and_cancels_the_run(
    serve: Serve,
    shell: Shell,
    provider: Provider,
    reply: Reply,
    limits: dict[str, Any],
    reason: str,
) -> None:
    """Each clock ends an answer in time, keeps the text so far, and cancels the run."""
    provider.script(reply)
    began = time.monotonic()
    *before, last = await shell.stream(Config(url=serve().url), "Hello?", **limits)
    assert time.monotonic() - began < 5
    assert reason == last.finish_reason
    assert isinstance(last.failure, AnswerTimeout)
    assert str(last.error).startswith("Timeout: ")
    assert last.failure.text == "".join(chunk.text for chunk in before)
    provider.wait_for(lambda: provider.aborted)


def test_slow_reader_does_not_time_out(serve: Serve, provider: Provider) -> None:
    """The time that the program spends between chunks does not count as silence."""
    provider.script(Reply("one two three four", rate=100))
    with Client(url=serve(heartbeat=0.05).url) as client:
        chunks = client.generate_stream("Hello?", timeout_idle=0.4, timeout_first=5)
        texts = []
        for chunk in chunks:
            texts.append(chunk.text)
            time.sleep(0.6 if len(texts) == 2 else 0)
    assert ("one two three four", None) == ("".join(texts), chunk.error)
