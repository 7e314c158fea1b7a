"""Answers and how they end, and the other calls of the client."""

import asyncio
import json
import threading
import time
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from agno_stream import (
    AnswerStopped,
    AsyncClient,
    Client,
    Config,
    NotFound,
)
from tests.client.shells import Shell
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

TEXT = "Hello from the provider."


async def test_stream_text_numbers_and_usage(config: Config, shell: Shell) -> None:
    """A stream has its text, event numbers, its model, and one last chunk with the usage."""
    opening, *middle, last = await shell.stream(config, "Hello?", agent="general")
    assert (1, "", "general", "test-model") == (
        opening.number,
        opening.text,
        opening.agent,
        opening.model,
    )
    assert ["Hello ", "from ", "the ", "provider."] == [chunk.text for chunk in middle]
    assert {opening.run_id} == {chunk.run_id for chunk in middle}
    assert (True, None, "stop") == (last.done, last.error, last.finish_reason)
    assert last.usage is not None
    assert last.usage["total_tokens"] > 0
    assert {"content": "from ", "done": False, "model": "test-model"} == middle[1].raw


@pytest.mark.parametrize("stream", [True, False])
async def test_generate_returns_the_complete_answer(
    config: Config, shell: Shell, stream: bool
) -> None:
    """`generate` returns the same complete answer with and without streaming."""
    response = await shell.call(config, "generate", "Hello?", stream=stream)
    assert (TEXT, True, None, 200, True) == (
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


async def test_options_and_history_reach_the_model(
    config: Config, shell: Shell, provider: Provider
) -> None:
    """Options and a history reach the model; reasoning is separate from the text."""
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


def test_unknown_argument_raises_type_error(config: Config) -> None:
    """An unknown argument raises TypeError at the call, with its name."""
    with Client(config) as client, pytest.raises(TypeError, match="modle"):
        client.generate_stream("Hello?", modle="x")  # type: ignore[call-arg]


async def test_conversation_is_remembered_listed_and_deleted(
    config: Config, shell: Shell, provider: Provider
) -> None:
    """The model gets the earlier messages of a chat; they can be read and deleted."""
    first, second = await shell.turns(config, "My name is Ada.", "Who am I?")
    assert first.conversation_id == second.conversation_id
    contents = [message["content"] for message in provider.requests[1].body["messages"]]
    assert ["My name is Ada.", TEXT, "Who am I?"] == contents[-3:]
    listed = await shell.call(config, "conversations")
    assert [first.conversation_id] == [one.conversation_id for one in listed]
    found = await shell.call(config, "conversation", first.conversation_id)
    assert ["user", "assistant"] * 2 == [message.role for message in found.messages]
    await shell.call(config, "delete_conversation", first.conversation_id)
    with pytest.raises(NotFound):
        await shell.call(config, "conversation", first.conversation_id)


async def test_models_and_agents_are_listed(config: Config, shell: Shell) -> None:
    """The models and agents of the server can be listed."""
    models = await shell.call(config, "models")
    agents = await shell.call(config, "agents")
    assert [("test-model", True)] == [(one.id, one.default) for one in models]
    assert [("general", "test-model")] == [(one.id, one.model) for one in agents]


def test_cancel_keeps_the_text_so_far(server: Server, provider: Provider) -> None:
    """A cancelled answer ends as `cancelled` with the text so far, in the stream and in the run."""
    provider.script(Reply("one two three", stall_after=2))
    with Client(url=server.url) as client:
        chunks = client.generate_stream("Hello?")
        run_id, text = "", ""
        while text != "one two ":
            chunk = next(chunks)
            run_id, text = str(chunk.run_id), text + chunk.text
        state = client.cancel(run_id)
        *_, last = chunks
        assert "cancelled" == client.run(run_id).status
    assert isinstance(last.failure, AnswerStopped)
    assert ("cancelled", "one two ") == (last.finish_reason, last.failure.text)
    assert ("cancelled", "one two ", True) == (state.finish_reason, state.text, state.done)


async def test_cancel_while_another_coroutine_reads(config: Config, provider: Provider) -> None:
    """One coroutine can cancel an answer while another reads it."""
    provider.script(Reply("one two three", stall_after=2))
    async with AsyncClient(config) as client, aclosing(client.generate_stream("Hello?")) as chunks:
        run_id = str((await anext(chunks)).run_id)
        reading = asyncio.create_task(client.cancel(run_id))
        ends = [chunk.finish_reason async for chunk in chunks]
        assert "cancelled" == ends[-1] == (await reading).finish_reason


class Recorder(BaseHTTPRequestHandler):
    """Answers with one event, and notes the port and the key of each request."""

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


def test_api_key_is_sent_and_connection_is_reused() -> None:
    """The key is sent as a bearer token, and later questions use the connection of earlier ones."""
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with Client(Config(url=url, api_key="secret")) as client:
            for _ in range(3):
                for chunk in client.generate_stream("Hello?"):
                    time.sleep(0.1)  # in which the end of the body arrives
                    assert chunk.done
            assert "secret" not in repr(client.config)
        server.shutdown()
        serving.join()
    ports, keys = zip(*Recorder.seen, strict=True)
    assert ("Bearer secret",) * 3 == keys
    assert 1 == len(set(ports))
