"""One table of runs goes through every door, and the text that comes out is the same.

A door is a row of `DOORS`: it sends one question as its own clients do, and returns their output.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import anthropic
import httpx
import mcp
import ollama
import openai
import pytest
from ag_ui.core import (
    Event,
    ReasoningMessageContentEvent,
    RunErrorEvent,
    TextMessageContentEvent,
)
from agno.agent import Agent
from httpx_sse import EventSource
from openai.types.responses import Response
from pydantic import TypeAdapter

from tests.api.doors.ai_sdk.page import read, said
from tests.applications.tools import shout
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import SERVER_ERROR, SPLIT_EMOJI, Reply
from tests.streaming.reader import ended

QUESTION = "Hello?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
AGUI: TypeAdapter[Any] = TypeAdapter(Event)
ANTHROPIC: Any = {"model": "general", "messages": MESSAGES, "max_tokens": 1000}


@dataclass
class Received:
    """What a client received; None is what its door cannot carry."""

    text: str | None = ""
    reasoning: str | None = ""
    failed: bool = False

    def say(self, text: str | None, reasoning: str | None = None) -> None:
        self.text = (self.text or "") + (text or "")
        self.reasoning = (self.reasoning or "") + (reasoning or "")


async def sse(http: httpx.AsyncClient) -> Received:
    async with http.stream("POST", "/api/v1/chat", json={"message": QUESTION}) as response:
        return await _events(response)


async def event_source(http: httpx.AsyncClient) -> Received:
    async with http.stream("GET", "/api/v1/chat", params={"message": QUESTION}) as response:
        return await _events(response)


async def replay(http: httpx.AsyncClient) -> Received:
    payload = {"message": QUESTION, "background": True}
    started = (await http.post("/api/v1/chat", json=payload)).json()
    await ended(http, started["run_id"])
    async with http.stream("GET", started["stream_url"]) as response:
        return await _events(response)


async def _events(response: httpx.Response) -> Received:
    received = Received()
    async for event in EventSource(response).aiter_sse():
        _chunk(received, json.loads(event.data))
    return received


def _chunk(received: Received, chunk: dict[str, Any]) -> None:
    received.say(chunk["content"], chunk.get("reasoning"))
    received.failed = "error" in chunk


async def ndjson(http: httpx.AsyncClient) -> Received:
    received = Received()
    headers = {"Accept": "application/x-ndjson"}
    reply = await http.post("/api/v1/chat", json={"message": QUESTION}, headers=headers)
    for line in reply.content.split(b"\n")[:-1]:
        _chunk(received, json.loads(line))
    return received


async def whole(http: httpx.AsyncClient) -> Received:
    reply = await http.post("/api/v1/chat", json={"message": QUESTION, "stream": False})
    answer = reply.json()
    if "error" in answer:
        return Received(answer["error"]["content"], None, failed=True)
    return Received(answer["content"], answer.get("reasoning", ""))


async def plain(http: httpx.AsyncClient) -> Received:
    received, body = Received(reasoning=None), bytearray()
    async with http.stream("POST", "/chat", json={"message": QUESTION}) as response:
        if response.status_code != 200:
            return Received("", None, failed=True)
        received.failed = True
        with suppress(httpx.RemoteProtocolError):  # that is how plain text tells a failure
            async for part in response.aiter_bytes():
                body += part
            received.failed = False
    received.text = body.decode()
    return received


async def openai_stream(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with _openai(http) as client:
        try:
            create = client.chat.completions.create
            async for chunk in await create(model="general", messages=MESSAGES, stream=True):
                delta = chunk.choices[0].delta
                received.say(delta.content, getattr(delta, "reasoning_content", None))
        except openai.APIError:
            received.failed = True
    return received


async def openai_whole(http: httpx.AsyncClient) -> Received:
    async with _openai(http) as client:
        try:
            answer = await client.chat.completions.create(model="general", messages=MESSAGES)
        except openai.APIError:
            return Received(None, None, failed=True)
    message = answer.choices[0].message
    return Received(message.content, getattr(message, "reasoning_content", ""))


async def responses_stream(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with _openai(http) as client:
        try:
            create = client.responses.create
            async for event in await create(model="general", input=QUESTION, stream=True):
                if event.type == "response.output_text.delta":
                    received.say(event.delta)
                elif event.type == "response.reasoning_summary_text.delta":
                    received.say("", event.delta)
                received.failed = event.type == "response.failed"
        except openai.APIError:
            received.failed = True
    return received


async def responses_whole(http: httpx.AsyncClient) -> Received:
    async with _openai(http) as client:
        try:
            answer = await client.responses.create(model="general", input=QUESTION)
        except openai.APIError:
            return Received(None, None, failed=True)
    return _whole_response(answer)


async def responses_background(http: httpx.AsyncClient) -> Received:
    async with _openai(http) as client:
        try:
            create = client.responses.create
            started = await create(model="general", input=QUESTION, background=True)
        except openai.APIError:  # the provider has failed so often that nobody asks it
            return Received(None, None, failed=True)
        await ended(http, started.id.removeprefix("resp_"))
        return _whole_response(await client.responses.retrieve(started.id))


def _whole_response(answer: Response) -> Received:
    thoughts = (item.summary for item in answer.output if item.type == "reasoning")
    reasoning = "".join(part.text for summary in thoughts for part in summary)
    return Received(answer.output_text, reasoning, failed=answer.status == "failed")


def _openai(http: httpx.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0)


async def anthropic_stream(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with _anthropic(http) as client:
        try:
            create = client.messages.create
            async for event in await create(**ANTHROPIC, stream=True):
                if event.type == "content_block_delta":
                    received.say(
                        getattr(event.delta, "text", ""), getattr(event.delta, "thinking", "")
                    )
        except anthropic.APIError:
            received.failed = True
    return received


async def anthropic_whole(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with _anthropic(http) as client:
        try:
            answer = await client.messages.create(**ANTHROPIC)
        except anthropic.APIError:
            return Received(None, None, failed=True)
    for block in answer.content:
        received.say(getattr(block, "text", ""), getattr(block, "thinking", ""))
    return received


async def ai_sdk(http: httpx.AsyncClient) -> Received:
    reply = await http.post("/ai/chat", json={"id": str(uuid4()), "messages": [said(QUESTION)]})
    if reply.status_code != 200:
        return Received("", "", failed=True)
    page = read(reply)
    return Received(page.text, page.reasoning, failed=page.error is not None)


async def mcp_tool(http: httpx.AsyncClient) -> Received:
    async with mcp.Client(f"{http.base_url}/mcp") as client:
        result = await client.call_tool("general", {"message": QUESTION})
    content: dict[str, Any] = result.structured_content
    return Received(content.get("content", ""), None, failed=result.is_error)


def _anthropic(http: httpx.AsyncClient) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=str(http.base_url), api_key="none", max_retries=0)


async def agui(http: httpx.AsyncClient) -> Received:
    """AG-UI has no client for Python: its types read the events."""
    names = {"threadId": uuid4().hex, "runId": uuid4().hex}
    asked = {**names, "messages": [{"id": "u", **MESSAGES[0]}]}
    async with http.stream("POST", "/agui", json=asked) as response:
        return await _agui(response)


async def agui_again(http: httpx.AsyncClient) -> Received:
    """The run of another door, as `GET /agui` shows it."""
    payload = {"message": QUESTION, "background": True}
    run_id = (await http.post("/api/v1/chat", json=payload)).json().get("run_id", "none")
    async with http.stream("GET", "/agui", params={"runId": run_id}) as response:
        return await _agui(response)


async def _agui(response: httpx.Response) -> Received:
    received = Received()
    if response.status_code != 200:  # the provider has failed so often that nobody asks it
        return Received(None, None, failed=True)
    async for frame in EventSource(response).aiter_sse():
        event = AGUI.validate_json(frame.data)
        if isinstance(event, TextMessageContentEvent):
            received.say(event.delta)
        elif isinstance(event, ReasoningMessageContentEvent):
            received.say("", event.delta)
        received.failed = isinstance(event, RunErrorEvent)
    return received


async def ollama_chat_stream(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with ollama.AsyncClient(str(http.base_url)) as client:
        try:
            async for part in await client.chat("general", MESSAGES, stream=True):
                received.say(part.message.content, part.message.thinking)
        except ollama.ResponseError:
            received.failed = True
    return received


async def ollama_chat(http: httpx.AsyncClient) -> Received:
    async with ollama.AsyncClient(str(http.base_url)) as client:
        try:
            answer = await client.chat("general", MESSAGES)
        except ollama.ResponseError:
            return Received(None, None, failed=True)
    return Received(answer.message.content, answer.message.thinking or "")


async def ollama_generate_stream(http: httpx.AsyncClient) -> Received:
    received = Received()
    async with ollama.AsyncClient(str(http.base_url)) as client:
        try:
            async for part in await client.generate("general", QUESTION, stream=True):
                received.say(part.response, part.thinking)
        except ollama.ResponseError:
            received.failed = True
    return received


async def ollama_generate(http: httpx.AsyncClient) -> Received:
    async with ollama.AsyncClient(str(http.base_url)) as client:
        try:
            answer = await client.generate("general", QUESTION)
        except ollama.ResponseError:
            return Received(None, None, failed=True)
    return Received(answer.response, answer.thinking or "")


Door = Callable[[httpx.AsyncClient], Awaitable[Received]]
DOORS: list[Door] = [
    sse,
    event_source,
    replay,
    ndjson,
    whole,
    plain,
    openai_stream,
    openai_whole,
    responses_stream,
    responses_whole,
    responses_background,
    anthropic_stream,
    anthropic_whole,
    agui,
    agui_again,
    ai_sdk,
    mcp_tool,
    ollama_chat_stream,
    ollama_chat,
    ollama_generate_stream,
    ollama_generate,
]


@dataclass
class Row:
    """A run, as a provider plays it, and what every client must receive of it."""

    replies: Sequence[Reply]
    text: str
    reasoning: str = ""
    failed: bool = False
    name: str = field(kw_only=True)


def says(name: str, *deltas: str) -> Row:
    return Row([Reply(deltas)], "".join(deltas), name=name)


RUNS = [
    says("plain", "Hello ", "there", ", you."),
    says("emoji", "Hi 🙂", " 👩‍👩‍👧", " e\u0301"),
    Row([SPLIT_EMOJI], "Hi 🙂!", name="split emoji"),
    says("cjk", "漢字", "かな ", "한글"),
    says("line ends", "a\r\n", "b\r", "\nc\n\n", "d\r\r", "\n"),
    says("unicode line ends", "a\u2028b", "\u2029", "\x85c\v\f\x1c\x1d\x1e"),
    says("nul", "a\0b", "\0"),
    says("byte order mark", "\ufeff", "a\ufeffb"),
    says("like a stream", "data: x\n\n", "data: [DONE]\n\n", "id: 7\n", ": x\n", "event: ping\n\n"),
    says("like json", '{"done": true}\n', '{"error": "x"}', '"\\'),
    says("white space", " ", "  \t", " a ", "\n"),
    says("empty"),
    Row(
        [Reply("The answer", reasoning="Let me\r\nthink 🙂.")],
        "The answer",
        "Let me\r\nthink 🙂.",
        name="reasoning",
    ),
    Row(
        [Reply("Wait. ", tool_calls=[("shout", '{"text": "hé"}')]), Reply("It said HÉ.")],
        "Wait. It said HÉ.",
        name="tool call",
    ),
    Row([SERVER_ERROR] * 3, "", failed=True, name="error"),
    Row(
        [Reply("Hello there you", error_frame_after=2)],
        "Hello there ",
        failed=True,
        name="error frame",
    ),
    Row([Reply("Hello you", cut_after=1)], "Hello ", failed=True, name="cut"),
    Row([Reply("Hello there", finish_reason="")], "Hello there", failed=True, name="truncated"),
    Row([Reply("Hello there", finish_reason="length")], "Hello there", name="length"),
]


@pytest.mark.parametrize("row", RUNS, ids=lambda row: row.name)
async def test_every_door(serve: Serve, provider: Provider, row: Row) -> None:
    """Every client receives the same text and reasoning, and notices every failure."""
    server = serve(agents=[Agent(id="general", tools=[shout])])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for door in DOORS:
            provider.script(*row.replies)
            received = await door(http)
            assert row.failed == received.failed, door.__name__
            assert received.text in (row.text, None), door.__name__
            assert received.reasoning in (row.reasoning, None), door.__name__
