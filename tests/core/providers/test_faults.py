"""Providers x faults: the stock models of Agno over the real SDKs, served by a real server.

docs/providers.md has the table of what is tried here.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.google import Gemini
from agno.models.groq import Groq
from agno.models.litellm import LiteLLM
from agno.models.mistral import MistralChat
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.openai.like import OpenAILike
from agno.models.openrouter import OpenRouter

from tests.core.providers.wire import streams
from tests.core.providers.wire.test_stock_models import WIRES, Wire
from tests.server import Server
from tests.upstream import Answer, ByteServer

KEY = "sk-a-key-of-the-table-0123456789"

#: Each model class as its users make it, for an upstream, with the protocol that it speaks.
MODELS: dict[str, tuple[str, Callable[[str], Model]]] = {
    "OpenAIChat": (
        "chat",
        lambda url: OpenAIChat(id="m", api_key=KEY, base_url=f"{url}/v1", max_retries=0),
    ),
    "OpenAIResponses": (
        "responses",
        lambda url: OpenAIResponses(id="m", api_key=KEY, base_url=f"{url}/v1", max_retries=0),
    ),
    "OpenRouter": (
        "chat",
        lambda url: OpenRouter(id="m", api_key=KEY, base_url=f"{url}/v1", max_retries=0),
    ),
    "OpenAILike": (
        "chat",
        lambda url: OpenAILike(id="m", api_key=KEY, base_url=f"{url}/v1", max_retries=0),
    ),
    "LiteLLM": (
        "chat",
        lambda url: LiteLLM(
            id="openai/m", api_key=KEY, api_base=f"{url}/v1", request_params={"max_retries": 0}
        ),
    ),
    "Claude": (
        "messages",
        lambda url: Claude(id="m", api_key=KEY, client_params={"base_url": url, "max_retries": 0}),
    ),
    "Groq": ("chat", lambda url: Groq(id="m", api_key=KEY, base_url=url, max_retries=0)),
    "MistralChat": ("chat", lambda url: MistralChat(id="m", api_key=KEY, endpoint=url)),
    "Ollama": ("ollama", lambda url: Ollama(id="m", host=url)),
    "Gemini": (
        "gemini",
        lambda url: Gemini(id="m", api_key=KEY, client_params={"http_options": {"base_url": url}}),
    ),
}

_CHAT_ENDS = {"length": streams.words(end="length"), "filter": streams.words(end="content_filter")}

#: Streams of each protocol that end otherwise, and its error in mid-stream.
OTHERS: dict[str, dict[str, bytes]] = {
    "chat": {
        **_CHAT_ENDS,
        "error": streams.words(end=None, done=b"")
        + streams.data({"error": {"message": "engine on fire", "code": 502}}),
    },
    "responses": {
        "length": streams.response_words()
        + streams.response_end(
            status="incomplete", incomplete_details={"reason": "max_output_tokens"}
        ),
        "filter": streams.response_words()
        + streams.response_end(
            status="incomplete", incomplete_details={"reason": "content_filter"}
        ),
        "error": streams.response_words()
        + streams.event("error", message="engine on fire", code="server_error", param=None),
    },
    "messages": {
        "length": streams.message_start()
        + streams.text_block()
        + streams.message_end("max_tokens"),
        "filter": streams.message_start() + streams.text_block() + streams.message_end("refusal"),
        "error": streams.message_start()
        + streams.text_block()
        + streams.event("error", error={"type": "api_error", "message": "engine on fire"}),
    },
    "ollama": {
        "length": streams.lines("length"),
        "error": streams.line({"content": "one two three"}) + b'{"error": "engine on fire"}\n',
    },
    "gemini": {
        "length": streams.candidates("MAX_TOKENS"),
        "filter": streams.candidates("SAFETY"),
        "error": streams.candidate({"text": "one two three"})
        + streams.data({"error": {"code": 503, "message": "engine on fire"}}),
    },
}


class Tools:
    """Two tools, and the calls that they were given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def weather(self, city: str) -> str:
        """The weather in a city."""
        self.calls.append(("weather", city))
        return "sunny"

    def clock(self, zone: str) -> str:
        """The time in a zone."""
        self.calls.append(("clock", zone))
        return "noon"


@dataclass(slots=True)
class House:
    """A server with an agent for each model class, all in front of one upstream."""

    upstream: ByteServer
    http: httpx.Client
    tools: Tools

    def ask(self, name: str, **fields: Any) -> dict[str, Any]:
        """The answer of an agent in the form of one object, which has the text, streamed or not."""
        reply = self.http.post("/api/v1/chat", json={"message": "hi", "agent": name, **fields})
        chunks = [json.loads(x[6:]) for x in reply.text.split("\n") if x.startswith("data: ")]
        return {
            "text": "".join(chunk["content"] for chunk in chunks),
            "end": chunks[-1]["finish_reason"],
            "error": chunks[-1].get("error", {}),
            "usage": chunks[-1].get("usage", {}),
        }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tools = Tools()
    with ByteServer() as upstream:
        agents = [
            Agent(
                id=name + suffix,
                model=make(upstream.url),
                tools=[tools.weather, tools.clock],
                output_schema=schema,
            )
            for name, (_, make) in MODELS.items()
            for suffix, schema in (("", None), ("-parsed", PARSED))
        ]
        folder = tmp_path_factory.mktemp("data")
        with (
            Server(folder, agents=agents, circuit_failures=0) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield House(upstream, http, tools)


#: A schema for which Agno does not stream.
PARSED: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "text",
        "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}

EVERY = pytest.mark.parametrize("name", MODELS)


def wire_of(name: str) -> Wire:
    return next(wire for wire in WIRES if wire.kind == MODELS[name][0])


def content_type(name: str) -> str:
    return "application/x-ndjson" if name == "Ollama" else "text/event-stream"


def played(name: str, body: bytes, **fields: Any) -> Answer:
    return Answer(body, content_type=content_type(name), **fields)


@EVERY
def test_a_provider_cannot_be_read(house: House, name: str) -> None:
    """An answer has its text, its end and its usage."""
    house.upstream.script(played(name, wire_of(name).words))
    got = house.ask(name)
    assert ("one two three", "stop", {}) == (got["text"], got["end"], got["error"])
    assert (10, 3) == (got["usage"]["input_tokens"], got["usage"]["output_tokens"])


@EVERY
def test_a_provider_cannot_call(house: House, name: str) -> None:
    """Its calls are made once each, and their results go back."""
    wire = wire_of(name)
    house.tools.calls.clear()
    house.upstream.script(played(name, wire.calls), played(name, wire.words))
    got = house.ask(name)
    assert ("one two three", "stop") == (got["text"], got["end"])
    assert [("clock", "CET"), ("weather", "Paris")] == sorted(house.tools.calls)
    assert "sunny" in json.dumps(house.upstream.requests[1].body)


@EVERY
@pytest.mark.parametrize(("case", "end"), [("length", "length"), ("filter", "content_filter")])
def test_an_end_is_another(house: House, name: str, case: str, end: str) -> None:
    """A limit and a filter are told."""
    body = OTHERS[MODELS[name][0]].get(case)
    if body is None:
        return  # Ollama has no filter
    house.upstream.script(played(name, body))
    got = house.ask(name)
    assert ("one two three", end) == (got["text"], got["end"])


@EVERY
@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "model_auth_failed"), (429, "model_rate_limited"), (503, "model_unavailable")],
)
def test_a_status_is_another(house: House, name: str, status: int, code: str) -> None:
    """A refusal has the code of its status, the provider's words, its `Retry-After`, no key."""
    body = json.dumps({"error": {"message": f"no, not with {KEY}", "code": status}}).encode()
    refused = Answer(body, status, "application/json", headers={"Retry-After": "8"})
    house.upstream.default = refused
    house.upstream.script()
    error = house.ask(name)["error"]
    house.upstream.default = None
    assert code == error["code"]
    assert KEY not in json.dumps(error)
    if status != 401:
        assert "no, not with" in error["message"]
        assert 8 == error["retry_after"]
    assert 1 == len(house.upstream.requests)


@EVERY
def test_an_error_is_an_answer(house: House, name: str) -> None:
    """An error in mid-stream fails the run, with the provider's words and the text before it."""
    house.upstream.script(played(name, OTHERS[MODELS[name][0]]["error"]))
    got = house.ask(name)
    assert ("one two three", "error") == (got["text"], got["end"])
    assert "model_bad_response" == got["error"]["code"]
    assert "engine on fire" in got["error"]["message"]


@EVERY
@pytest.mark.parametrize("then", ["end", "cut"])
def test_a_cut_is_an_answer(house: House, name: str, then: Any) -> None:
    """A stream that ends or breaks off before its end is `upstream_cut`."""
    house.upstream.script(played(name, wire_of(name).cut, then=then))
    got = house.ask(name)
    assert ("one two three", "upstream_cut") == (got["text"], got["end"])


@EVERY
def test_silence_is_endless(house: House, name: str) -> None:
    """Silence in mid-answer is the idle timeout, and closes the request."""
    house.upstream.script(played(name, wire_of(name).cut, then="silence"))
    got = house.ask(name, timeouts={"idle": 0.5})
    assert ("one two three", "timeout_idle") == (got["text"], got["end"])
    house.upstream.wait_for(lambda: house.upstream.requests[0].aborted)


@EVERY
def test_a_whole_answer_is_no_stream(house: House, name: str) -> None:
    """A whole answer where a stream was expected is the answer."""
    house.upstream.script(Answer(wire_of(name).whole, content_type="application/json"))
    got = house.ask(name)
    assert ("one two three", "stop") == (got["text"], got["end"])


@EVERY
def test_an_unstreamed_answer_cannot_be_read(house: House, name: str) -> None:
    """An agent that does not stream has its text and its usage, and its failures are told."""
    house.upstream.script(
        Answer(wire_of(name).whole, content_type="application/json"),
        Answer(wire_of(name).whole[:-20], content_type="application/json"),
    )
    got = house.ask(f"{name}-parsed")
    assert ("one two three", "stop") == (got["text"], got["end"])
    assert "stream" not in house.upstream.requests[0].path
    assert not house.upstream.requests[0].body.get("stream")
    assert (10, 3) == (got["usage"]["input_tokens"], got["usage"]["output_tokens"])
    assert "model_bad_response" == house.ask(f"{name}-parsed")["error"]["code"]
