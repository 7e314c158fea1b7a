"""What readers write is read by the providers' own SDKs, under the stock models of Agno."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import anthropic
import groq
import httpx
import httpx2
import ollama
import openai
import pytest
from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.google import Gemini
from agno.models.groq import Groq
from agno.models.mistral import MistralChat
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.openrouter import OpenRouter
from agno.models.perplexity import Perplexity
from aiohttp import web
from google import genai
from google.genai.types import HttpOptions
from mistralai.client import Mistral

from tests.core.providers.wire.reading import READERS
from tests.core.providers.wire.streams import (
    CALLS,
    COUNTS,
    DONE,
    RESPONSE,
    candidate,
    candidates,
    chunk,
    line,
    lines,
    message_end,
    message_start,
    response_calls,
    response_end,
    response_words,
    text_block,
    tool_block,
    words,
)

USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
GROQ = {"id": "r", "usage": USAGE}
DELTAS = [
    {"index": n + 1, "id": f"a{n}", "function": {"name": name, "arguments": arguments}}
    for n, (name, arguments) in enumerate(CALLS)
]


@dataclass(slots=True)
class Wire:
    """The streams of one protocol, as a provider sends them."""

    kind: str
    words: bytes
    calls: bytes
    cut: bytes
    whole: bytes  # of an answer that is not streamed


def _document(message: dict[str, Any]) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": "STOP"}
    return json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": USAGE}).encode()


_CHAT = Wire(
    "chat",
    words(end="STOP", done=chunk(usage=USAGE, x_groq=GROQ) + DONE),
    b"".join(chunk({"tool_calls": [delta]}) for delta in DELTAS) + chunk(end="tool_calls") + DONE,
    words(end=None, done=b""),
    _document({"content": [{"type": "text", "text": "one two three"}]}),
)
WIRES = [
    _CHAT,
    Wire(
        "responses",
        response_words() + response_end(),
        response_calls() + response_end(),
        response_words(),
        json.dumps(
            {
                **RESPONSE,
                "status": "completed",
                "usage": COUNTS,
                "output": [
                    {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "status": "completed",
                        "content": [
                            {"type": "output_text", "text": "one two three", "annotations": []}
                        ],
                    }
                ],
            }
        ).encode(),
    ),
    Wire(
        "messages",
        message_start() + text_block() + message_end(),
        message_start()
        + b"".join(tool_block(n, *call) for n, call in enumerate(CALLS))
        + message_end("tool_use"),
        message_start() + text_block(),
        json.dumps(
            {
                "type": "message",
                "content": [{"type": "text", "text": "one two three"}],
                "stop_reason": "END_TURN",
                "usage": {"input_tokens": "10", "output_tokens": 3},
            }
        ).encode(),
    ),
    Wire(
        "ollama",
        lines(),
        line({"tool_calls": [{"function": {"name": n, "arguments": a}} for n, a in CALLS]})
        + line(done=True),
        lines().rpartition(b'{"model"')[0],
        line({"content": "one two three"}, done=True, prompt_eval_count=10, eval_count=3),
    ),
    Wire(
        "gemini",
        candidates(),
        candidate(*({"functionCall": {"name": n, "args": json.loads(a)}} for n, a in CALLS))
        + candidate(end="STOP"),
        candidate({"text": "one two three"}),
        candidate({"text": "one two three"}, end="stop").removeprefix(b"data: "),
    ),
]


@dataclass(slots=True)
class Upstream:
    """A server that answers each request with the next body."""

    url: str = ""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(await request.json())
        kind, body = self.bodies.pop(0)
        return web.Response(body=body, content_type=kind)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    app = web.Application()
    app.router.add_post("/{path:.*}", upstream.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    upstream.url = f"http://{host}:{port}"
    yield upstream
    await runner.cleanup()


@dataclass(slots=True)
class Clients:
    """The clients under the SDKs, which most of them do not close."""

    old: httpx.AsyncClient
    new: httpx2.AsyncClient
    ollama: ollama.AsyncClient

    def openai(self, url: str) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key="x", max_retries=0, http_client=self.new
        )


@pytest.fixture
async def clients(upstream: Upstream) -> AsyncIterator[Clients]:
    async with (
        httpx.AsyncClient() as old,
        httpx2.AsyncClient() as new,
        ollama.AsyncClient(host=upstream.url) as other,
    ):
        yield Clients(old, new, other)


def _groq(url: str, clients: Clients) -> Model:
    client = groq.AsyncGroq(base_url=url, api_key="x", max_retries=0, http_client=clients.old)
    return Groq(id="m", async_client=client)


def _mistral(url: str, clients: Clients) -> Model:
    client = Mistral(api_key="x", server_url=url, async_client=clients.new)
    return MistralChat(id="m", mistral_client=client)


def _claude(url: str, clients: Clients) -> Model:
    client = anthropic.AsyncAnthropic(
        base_url=url, api_key="x", max_retries=0, http_client=clients.new
    )
    return Claude(id="m", async_client=client)


def _gemini(url: str, clients: Clients) -> Model:
    options = HttpOptions(base_url=url, httpx_async_client=clients.old)
    return Gemini(id="m", client=genai.Client(api_key="x", http_options=options))


#: Each model class, with the protocol that it speaks.
MODELS: dict[str, tuple[str, Callable[[str, Clients], Model]]] = {
    "OpenAIChat": ("chat", lambda url, c: OpenAIChat(id="m", async_client=c.openai(url))),
    "OpenRouter": ("chat", lambda url, c: OpenRouter(id="m", async_client=c.openai(url))),
    "Perplexity": ("chat", lambda url, c: Perplexity(id="m", async_client=c.openai(url))),
    "Groq": ("chat", _groq),
    "MistralChat": ("chat", _mistral),
    "OpenAIResponses": (
        "responses",
        lambda url, c: OpenAIResponses(id="m", async_client=c.openai(url)),
    ),
    "Claude": ("messages", _claude),
    "Ollama": ("ollama", lambda _, c: Ollama(id="m", async_client=c.ollama)),
    "Gemini": ("gemini", _gemini),
}


def _streamed(kind: str, body: bytes) -> tuple[str, bytes]:
    reader = READERS[kind]()
    return reader.STREAM_TYPE, reader.feed(body) + reader.close()


@dataclass(slots=True)
class Run:
    """An agent's run against the upstream, with two tools."""

    content: str | None = None
    usage: tuple[int, int] | None = None
    error: str = ""
    called: list[tuple[str, str]] = field(default_factory=list)

    def weather(self, city: str) -> str:
        """The weather in a city."""
        self.called.append(("weather", city))
        return "sunny"

    def clock(self, zone: str) -> str:
        """The time in a zone."""
        self.called.append(("clock", zone))
        return "noon"

    async def stream(self, model: Model) -> None:
        agent = Agent(model=model, tools=[self.weather, self.clock], telemetry=False)
        events: AsyncIterator[Any] = agent.arun("hi", stream=True, stream_events=True)
        async for event in events:
            if event.event == "RunCompleted":
                self._completed(event)
            elif event.event == "RunError":
                self.error = str(event.content)

    async def once(self, model: Model) -> None:
        agent = Agent(model=model, tools=[self.weather, self.clock], telemetry=False)
        self._completed(await agent.arun("hi"))

    def _completed(self, output: Any) -> None:
        self.content = output.content
        self.usage = (output.metrics.input_tokens, output.metrics.output_tokens)


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_cannot_read_the_text(
    name: str, upstream: Upstream, clients: Clients
) -> None:
    """A stock model has the text and the usage of a stream that went through a reader."""
    kind, make = MODELS[name]
    wire = next(wire for wire in WIRES if wire.kind == kind)
    upstream.bodies = [_streamed(kind, wire.words)]
    run = Run()
    await run.stream(make(upstream.url, clients))
    assert ("one two three", (10, 3), "") == (run.content, run.usage, run.error)


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_cannot_read_the_calls(
    name: str, upstream: Upstream, clients: Clients
) -> None:
    """A stock model runs the calls of a stream, each once, and sends them back valid."""
    kind, make = MODELS[name]
    wire = next(wire for wire in WIRES if wire.kind == kind)
    upstream.bodies = [_streamed(kind, wire.calls), _streamed(kind, wire.words)]
    run = Run()
    await run.stream(make(upstream.url, clients))
    assert [("weather", "Paris"), ("clock", "CET")] == sorted(run.called, reverse=True)
    assert ("one two three", "") == (run.content, run.error)
    sent = json.dumps(upstream.requests[1])
    assert '"Paris' in sent.replace("\\", "")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("body", ["cut", "page", "error"])
async def test_a_failure_completes_a_run(
    name: str, body: str, upstream: Upstream, clients: Clients
) -> None:
    """A stream that was cut, a page or an error is an exception of the SDK's, never an answer."""
    kind, make = MODELS[name]
    wire = next(wire for wire in WIRES if wire.kind == kind)
    bodies = {"cut": wire.cut, "page": b"<html>Login", "error": b'{"error": "on fire"}'}
    upstream.bodies = [_streamed(kind, bodies[body])]
    run = Run()
    await run.stream(make(upstream.url, clients))
    assert run.content is None
    assert run.error


@pytest.mark.parametrize("name", MODELS)
async def test_a_whole_answer_is_no_stream(name: str, upstream: Upstream, clients: Clients) -> None:
    """A whole answer where a stream was expected is the answer."""
    kind, make = MODELS[name]
    wire = next(wire for wire in WIRES if wire.kind == kind)
    upstream.bodies = [_streamed(kind, wire.whole)]
    run = Run()
    await run.stream(make(upstream.url, clients))
    assert ("one two three", "") == (run.content, run.error)


@pytest.mark.parametrize("name", MODELS)
async def test_an_answer_that_is_not_streamed_cannot_be_read(
    name: str, upstream: Upstream, clients: Clients
) -> None:
    """A stock model has the text and the usage of an answer that went through a reader."""
    kind, make = MODELS[name]
    wire = next(wire for wire in WIRES if wire.kind == kind)
    upstream.bodies = [("application/json", READERS[kind]().read_json(wire.whole))]
    run = Run()
    await run.once(make(upstream.url, clients))
    assert ("one two three", (10, 3)) == (run.content, run.usage)
