"""What came with a tool call goes back to the provider with it: from every place of a history.

Each test looks at the body that the provider receives.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import pytest
from agno.agent import Agent
from agno.models.base import Model
from agno.models.deepseek import DeepSeek
from agno.models.groq import Groq
from agno.models.openai import OpenAIChat
from agno.models.openai.like import OpenAILike
from agno.models.openrouter import OpenRouter

from tests.api.doors.agui import oracles as agui
from tests.core.providers.wire import streams
from tests.server import Server
from tests.upstream import Answer, ByteServer

MODELS: dict[str, Callable[[str], Model]] = {
    "OpenAIChat": lambda url: OpenAIChat(id="m", api_key="sk-test", base_url=url),
    "OpenAILike": lambda url: OpenAILike(id="m", api_key="sk-test", base_url=url),
    "OpenRouter": lambda url: OpenRouter(id="m", api_key="sk-test", base_url=url),
    "DeepSeek": lambda url: DeepSeek(id="m", api_key="sk-test", base_url=url),
    "Groq": lambda url: Groq(id="m", api_key="sk-test", base_url=url),
}

DETAILS = [{"type": "reasoning.text", "text": "hm", "signature": "SIG", "index": 0}]
SIGNED = {"google": {"thought_signature": "SIG"}}

#: What providers want back: fields of the message, and of its call.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DeepSeek, Kimi": ({"reasoning_content": "hm"}, {}),
    "OpenRouter": ({"reasoning": "hm", "reasoning_details": DETAILS}, {}),
    "Gemini's compatible endpoint": ({}, {"extra_content": SIGNED}),
    "gateways of Gemini": ({}, {"thought_signature": "U0lH"}),
    "both": ({"reasoning_content": "hm"}, {"extra_content": SIGNED}),
}

#: A tool of the client, and the results of its call.
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}


@dataclass(slots=True)
class House:
    """A server with an agent for each model class, all in front of one upstream."""

    upstream: ByteServer
    http: httpx.Client

    def message(self, number: int) -> dict[str, Any]:
        """The message with calls in the body of a request."""
        messages = self.upstream.requests[number].body["messages"]
        (found,) = [message for message in messages if message.get("tool_calls")]
        return dict(found)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ByteServer() as upstream:
        agents = [
            Agent(
                id=name,
                model=make(f"{upstream.url}/v1"),
                tools=[weather],
                add_history_to_context=True,
            )
            for name, make in MODELS.items()
        ]
        folder = tmp_path_factory.mktemp("data")
        with (
            Server(folder, agents=agents, circuit_failures=0) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield House(upstream, http)


def call_of(kind: str, name: str) -> dict[str, Any]:
    function = {"name": name, "arguments": '{"city": "Paris"}'}
    return {"id": "c1", "type": "function", "function": function, **KINDS[kind][1]}


def called(kind: str, name: str) -> Answer:
    """A stream of reasoning, and of a call with what belongs to it."""
    reasoning, _ = KINDS[kind]
    chunks = streams.chunk(reasoning) if reasoning else b""
    chunks += streams.chunk({"tool_calls": [{"index": 0, **call_of(kind, name)}]})
    return Answer(chunks + streams.chunk(end="tool_calls") + streams.DONE)


def expect(kind: str, message: dict[str, Any]) -> None:
    """The message has all that came with its call."""
    fields, extra = KINDS[kind]
    for name, value in fields.items():
        assert value == message.get(name), name
    for name, value in extra.items():
        assert value == message["tool_calls"][0].get(name), name


EVERY = pytest.mark.parametrize("model", MODELS)
EACH = pytest.mark.parametrize("kind", KINDS)


@EVERY
@EACH
def test_it_is_lost_within_a_run_or_a_conversation(house: House, model: str, kind: str) -> None:
    """It goes back in the next request of the run, and in the next turn of the conversation."""
    words = Answer(streams.words())
    house.upstream.script(called(kind, "weather"), words, words)
    first = house.http.post("/api/v1/chat", json={"message": "hi", "agent": model, "stream": False})
    conversation = first.json()["conversation_id"]
    body = {"message": "and now?", "agent": model, "conversation_id": conversation, "stream": False}
    assert 200 == house.http.post("/api/v1/chat", json=body).status_code
    for number in (1, 2):
        expect(kind, house.message(number))


def streamed_message(text: str) -> dict[str, Any]:
    """The message that OpenAI's SDKs make of a stream: objects are merged, texts are joined."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in text.split("\n\n"):
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    (part,) = value
                    if "id" in part:
                        message["tool_calls"] = [part]
                    else:
                        function = message["tool_calls"][0]["function"]
                        function["arguments"] += part["function"]["arguments"]
                elif isinstance(value, str) and name != "role":
                    message[name] = message.get(name, "") + value
                else:
                    message[name] = value
    return message


@EVERY
@EACH
@pytest.mark.parametrize("stream", [True, False])
def test_it_is_lost_with_a_tool_of_the_client(
    house: House,
    model: str,
    kind: str,
    stream: bool,
) -> None:
    """A client of the OpenAI door gets it with the call, and the provider what the client returns.

    The reasoning itself comes to the client as `reasoning_content`, whatever it was called.
    """
    house.upstream.script(called(kind, "lookup"), Answer(streams.words()))
    asked = [{"role": "user", "content": "hi"}]
    body: dict[str, Any] = {"model": model, "messages": asked, "tools": [TOOL], "stream": stream}
    reply = house.http.post("/v1/chat/completions", json=body)
    message = (
        streamed_message(reply.text) if stream else dict(reply.json()["choices"][0]["message"])
    )
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "42"}
    body["messages"] = [*asked, message, result]
    assert 200 == house.http.post("/v1/chat/completions", json=body).status_code
    sent = house.message(1)
    if "reasoning" in KINDS[kind][0]:
        assert "hm" == sent["reasoning_content"]
        sent["reasoning"] = sent["reasoning_content"]
    expect(kind, sent)


@EVERY
@EACH
@pytest.mark.parametrize("stream", [True, False])
def test_it_is_lost_at_the_anthropic_door(
    house: House, model: str, kind: str, stream: bool
) -> None:
    """A client of that door returns blocks as they are, and the provider gets all that it sent."""
    house.upstream.script(called(kind, "lookup"), Answer(streams.words()))
    asked: Any = [{"role": "user", "content": "hi"}]
    tool: Any = {"name": "lookup", "input_schema": {"type": "object"}}
    fields: dict[str, Any] = {"model": model, "tools": [tool], "max_tokens": 100}
    with anthropic.Anthropic(base_url=str(house.http.base_url), api_key="none") as client:
        if stream:
            with client.messages.stream(messages=asked, **fields) as events:
                message: Any = events.get_final_message()
        else:
            message = client.messages.create(messages=asked, **fields)
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "42"}
        answer: Any = {"role": "assistant", "content": message.content}
        more: Any = {"role": "user", "content": [result]}
        client.messages.create(messages=[*asked, answer, more], **fields)
    sent = house.message(1)
    if "reasoning" in KINDS[kind][0] and "reasoning" not in sent:
        sent["reasoning"] = sent["reasoning_content"]
    expect(kind, sent)


@EVERY
@EACH
def test_it_is_lost_at_the_ag_ui_door(house: House, model: str, kind: str) -> None:
    """A client of that door keeps the encrypted value of a call, and returns it with the call."""
    house.upstream.script(called(kind, "lookup"), Answer(streams.words()))
    tool = {"name": "lookup", "description": "", "parameters": {"type": "object"}}
    given = agui.body("hi", threadId=f"{model} {kind}", runId=f"{model} {kind} 1", tools=[tool])
    events = agui.run(house.http, given, f"/agui/{model}")
    result = {"id": "t", "role": "tool", "toolCallId": "c1", "content": "42"}
    messages = [*given["messages"], *agui.messages_of(events), result]
    given = {**given, "runId": f"{model} {kind} 2", "messages": messages}
    agui.run(house.http, given, f"/agui/{model}")
    sent = house.message(1)
    if "reasoning" in KINDS[kind][0] and "reasoning" not in sent:
        sent["reasoning"] = sent["reasoning_content"]
    expect(kind, sent)


@EVERY
@EACH
def test_it_is_lost_in_a_clients_history(house: House, model: str, kind: str) -> None:
    """It goes on as the client sends it, from any turn of its history."""
    message = {"role": "assistant", "content": None, "tool_calls": [call_of(kind, "lookup")]}
    history = [
        {"role": "user", "content": "hi"},
        {**message, **KINDS[kind][0]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "assistant", "content": "42", "reasoning_content": "not of a call"},
        {"role": "user", "content": "and now?"},
    ]
    house.upstream.script(Answer(streams.words()))
    reply = house.http.post("/v1/chat/completions", json={"model": model, "messages": history})
    assert 200 == reply.status_code
    expect(kind, house.message(0))
    assert "not of a call" not in json.dumps(house.upstream.requests[0].body)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": 5},
        {"reasoning_content": None, "reasoning_details": "text"},
        {"reasoning_details": [{"text": "\ud800"}]},
    ],
)
def test_an_odd_history_fails(house: House, fields: dict[str, Any]) -> None:
    """Whatever a client sends in these places fails no request here."""
    message = {"role": "assistant", "content": None, "tool_calls": [call_of("both", "lookup")]}
    history = [
        {"role": "user", "content": "hi"},
        {**message, **fields},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    house.upstream.script(Answer(streams.words()))
    content = json.dumps({"model": "OpenAIChat", "messages": history})
    reply = house.http.post("/v1/chat/completions", content=content)
    assert 200 == reply.status_code, reply.text
