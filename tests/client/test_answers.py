"""Answers, how they end, and all that else can be asked of a server."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from agno_stream import (
    AgnoStreamError,
    AnswerFailed,
    AnswerStopped,
    AnswerTimeout,
    AsyncClient,
    Client,
    Config,
    ConnectionLost,
    ForeignServer,
    NotFound,
    RequestRefused,
    ServerUnreachable,
)
from tests.client.shells import Shell
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, RATE_LIMITED, Reply
from tests.server import Server

SAID = "Hello from the provider."


async def test_streaming(config: Config, shell: Shell) -> None:
    """A stream has its text, its places, its model, and one last chunk with the usage."""
    opening, *said, last = await shell.stream(config, "Hello?", agent="general")
    assert (1, "", "general", "test-model") == (
        opening.number,
        opening.text,
        opening.agent,
        opening.model,
    )
    assert ["Hello ", "from ", "the ", "provider."] == [chunk.text for chunk in said]
    assert {opening.run_id} == {chunk.run_id for chunk in said}
    assert (True, None, "stop") == (last.done, last.error, last.finish_reason)
    assert last.usage is not None
    assert last.usage["total_tokens"] > 0
    assert {"content": "from ", "done": False, "model": "test-model"} == said[1].raw


@pytest.mark.parametrize("stream", [True, False])
async def test_whole_answers(config: Config, shell: Shell, stream: bool) -> None:
    """Collected or asked for in one piece, a whole answer says the same."""
    response = await shell.call(config, "generate", "Hello?", stream=stream)
    assert (SAID, True, None, 200, True) == (
        response.text,
        response.success,
        response.error,
        response.status_code,
        response.done,
    )
    assert ("test-model", "general", "stop") == (
        response.model,
        response.agent,
        response.finish_reason,
    )
    assert response.run_id
    assert response.conversation_id
    assert response.usage["total_tokens"] > 0


async def test_reasoning_and_what_was_asked(
    config: Config, shell: Shell, provider: Provider
) -> None:
    """Options and a history of one's own reach the model; thoughts come apart from the text."""
    provider.script(Reply("so", reasoning="well then"))
    chunks = await shell.stream(
        config,
        "And now?",
        options={"temperature": 0.5, "max_tokens": 9},
        messages=[{"role": "user", "content": "Before"}],
    )
    assert "well then" == "".join(chunk.reasoning or "" for chunk in chunks)
    assert "so" == "".join(chunk.text for chunk in chunks)
    body = provider.requests[0].body
    assert 0.5 == body["temperature"]
    assert ["Before", "And now?"] == [message["content"] for message in body["messages"][-2:]]


def test_a_misspelt_word(config: Config) -> None:
    """A word that nobody knows is an error of the program, and told where it is."""
    with Client(config) as client, pytest.raises(TypeError, match="modle"):
        client.generate_stream("Hello?", modle="x")  # type: ignore[call-arg]


async def test_a_conversation(config: Config, shell: Shell, provider: Provider) -> None:
    """The turns of a chat are told to the model again, and can be read and forgotten."""
    first, second = await shell.turns(config, "My name is Ada.", "Who am I?")
    assert first.conversation_id == second.conversation_id
    contents = [message["content"] for message in provider.requests[1].body["messages"]]
    assert ["My name is Ada.", SAID, "Who am I?"] == contents[-3:]
    listed = await shell.call(config, "conversations")
    assert [first.conversation_id] == [one.conversation_id for one in listed]
    found = await shell.call(config, "conversation", first.conversation_id)
    assert ["user", "assistant"] * 2 == [message.role for message in found.messages]
    await shell.call(config, "delete_conversation", first.conversation_id)
    with pytest.raises(NotFound):
        await shell.call(config, "conversation", first.conversation_id)


async def test_the_catalog(config: Config, shell: Shell) -> None:
    """What can be asked for can be listed."""
    models = await shell.call(config, "models")
    agents = await shell.call(config, "agents")
    assert [("test-model", True)] == [(one.id, one.default) for one in models]
    assert [("general", "test-model")] == [(one.id, one.model) for one in agents]


def test_cancelling(server: Server, provider: Provider) -> None:
    """A cancelled answer ends as that, with what had come; so says the run."""
    provider.script(Reply("one two three", stall_after=2))
    with Client(url=server.url) as client:
        chunks = client.generate_stream("Hello?")
        run_id, heard = "", ""
        while heard != "one two ":
            chunk = next(chunks)
            run_id, heard = str(chunk.run_id), heard + chunk.text
        state = client.cancel(run_id)
        *_, last = chunks
        assert "cancelled" == client.run(run_id).status
    assert isinstance(last.failure, AnswerStopped)
    assert ("cancelled", "one two ") == (last.finish_reason, last.failure.text)
    assert ("cancelled", "one two ", True) == (state.finish_reason, state.text, state.done)


async def test_cancelling_and_waiting(config: Config, provider: Provider) -> None:
    """The same for coroutines: one reads, another cancels."""
    provider.script(Reply("one two three", stall_after=2))
    async with AsyncClient(config) as client, aclosing(client.generate_stream("Hello?")) as chunks:
        run_id = str((await anext(chunks)).run_id)
        reading = asyncio.create_task(client.cancel(run_id))
        ends = [chunk.finish_reason async for chunk in chunks]
        assert "cancelled" == ends[-1] == (await reading).finish_reason


@pytest.mark.parametrize(
    ("reply", "reason", "kind", "words"),
    [
        (INVALID_KEY, "error", AnswerFailed, ""),
        (RATE_LIMITED, "error", AnswerFailed, ""),
        (Reply("one two three", cut_after=2), "upstream_cut", AnswerFailed, "one two "),
    ],
)
async def test_failures_of_the_model(
    config: Config,
    shell: Shell,
    provider: Provider,
    reply: Reply,
    reason: str,
    kind: type[AgnoStreamError],
    words: str,
) -> None:
    """A model that fails ends the stream with an error; nothing is raised, nothing is lost."""
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


async def test_raising(config: Config, shell: Shell, provider: Provider) -> None:
    """Only who asks for it gets exceptions, and they know what had come."""
    provider.script(Reply("one two three", cut_after=2))
    with pytest.raises(AnswerFailed) as raised:
        await shell.stream(config, "Hello?", raise_on_error=True)
    assert ("upstream_cut", "one two ") == (raised.value.code, raised.value.text)


async def test_refusals(config: Config, shell: Shell) -> None:
    """What the server refuses is told with its code and status."""
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
        ("localhost:8000", "'localhost:8000' is no address of a server"),
        ("http://[", "http://["),
    ],
)
async def test_no_server(shell: Shell, url: str, words: str) -> None:
    """Where no server is, a sentence says so."""
    config = Config(url=url)
    (last,) = await shell.stream(config, "Hello?")
    response = await shell.call(config, "generate", "Hello?")
    assert isinstance(last.failure, ServerUnreachable)
    assert words in str(last.error)
    assert (last.error, None) == (response.error, response.status_code)
    with pytest.raises(ServerUnreachable):
        await shell.call(config, "models")


@contextmanager
def foreign(reply: bytes) -> Iterator[str]:
    """A server that says the same to everybody."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(reply)
                client.shutdown(socket.SHUT_WR)
                # Closed with a part of the request unread, the connection would be reset, and the
                # reply lost.
                client.settimeout(5)
                with suppress(OSError):
                    while client.recv(65536):
                        pass

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "


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
async def test_another_server(shell: Shell, reply: bytes) -> None:
    """A server that is not ours is told from ours, and is no traceback."""
    with foreign(reply) as url:
        (last,) = await shell.stream(Config(url=url), "Hello?")
        response = await shell.call(Config(url=url), "generate", "Hello?")
    assert isinstance(last.failure, ForeignServer)
    assert f"What answers at {url} is another server." == last.error == response.error


async def test_what_speaks_no_http(shell: Shell) -> None:
    """Neither is what speaks another protocol."""
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
async def test_timeouts(
    serve: Serve,
    shell: Shell,
    provider: Provider,
    reply: Reply,
    limits: dict[str, Any],
    reason: str,
) -> None:
    """Each clock ends an answer in time, keeps what had come, and has the server stop the run."""
    provider.script(reply)
    began = time.monotonic()
    *said, last = await shell.stream(Config(url=serve().url), "Hello?", **limits)
    assert time.monotonic() - began < 5
    assert reason == last.finish_reason
    assert isinstance(last.failure, AnswerTimeout)
    assert str(last.error).startswith("Timeout: ")
    assert last.failure.text == "".join(chunk.text for chunk in said)
    provider.wait_for(lambda: provider.aborted)


def test_a_slow_reader_is_no_silence(serve: Serve, provider: Provider) -> None:
    """The time that the program itself takes between chunks is not the model's silence."""
    provider.script(Reply("one two three four", rate=100))
    with Client(url=serve(heartbeat=0.05).url) as client:
        chunks = client.generate_stream("Hello?", timeout_idle=0.4, timeout_first=5)
        texts = []
        for chunk in chunks:
            texts.append(chunk.text)
            time.sleep(0.6 if len(texts) == 2 else 0)
    assert ("one two three four", None) == ("".join(texts), chunk.error)


class Recorder(BaseHTTPRequestHandler):
    """Answers with one event, and notes who asked, and with which key."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[int, str | None]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.client_address[1], self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        event = {"content": "", "done": True, "model": "m", "finish_reason": "stop"}
        body = f"id: r:1\ndata: {json.dumps(event)}\n\n"
        self.wfile.write(f"{len(body):x}\r\n{body}\r\n".encode())
        time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *_: object) -> None:
        pass


def test_the_key_and_the_pool() -> None:
    """The key goes along as a bearer, and later questions use the connections of earlier ones."""
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with Client(Config(url=url, api_key="secret")) as client:
            for _ in range(3):
                for chunk in client.generate_stream("Hello?"):
                    time.sleep(0.1)  # in which the end of the body comes, too
                    assert chunk.done
            assert "secret" not in repr(client.config)
        server.shutdown()
        serving.join()
    ports, keys = zip(*Recorder.seen, strict=True)
    assert ("Bearer secret",) * 3 == keys
    assert 1 == len(set(ports))
