"""The doors as rows: each asks one question of one application, and reads its answer."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from anthropic.types import Message
from httpx_sse import EventSource
from openai.types.responses import Response

from tests.api.doors.ai_sdk.page import read, said

PAST = "Do you remember the blue whale?"
HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": PAST},
    {"role": "assistant", "content": "I do."},
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; `conversation` is its id on doors where the server keeps them."""

    agent: str
    question: str
    conversation: str
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got; `ending` is the finish reason in the door's own words, `fields` are the
    names of those of all native chunks."""

    content: str
    ending: str | None
    failed: bool
    status: int = 200
    code: str | None = None
    fields: frozenset[str] = frozenset()


Ask = Callable[[httpx.AsyncClient, Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Door:
    """`history`: the client sends one along; `keeps`: the server keeps the conversation;
    `final`: the door can replace text that was streamed already; `links`: it shows pictures as
    links in the text."""

    name: str
    ask: Ask
    history: bool = False
    keeps: bool = False
    final: bool = False
    links: bool = False


def _native(asked: Asked, **fields: Any) -> dict[str, Any]:
    pictures = [base64.b64encode(content).decode() for content in asked.pictures]
    body = {"message": asked.question, "agent": asked.agent, "images": pictures}
    return {"conversation_id": asked.conversation, **body, **fields}


async def _sse(http: httpx.AsyncClient, asked: Asked, **fields: Any) -> Answer:
    body = _native(asked, **fields)
    async with http.stream("POST", "/api/v1/chat", json=body) as response:
        if response.status_code != 200:
            return _refused(response.status_code, json.loads(await response.aread()))
        events = [json.loads(event.data) async for event in EventSource(response).aiter_sse()]
    last = events[-1]
    content = last.get("final")
    if content is None:
        content = "".join(chunk["content"] for chunk in events)
    code = (last.get("error") or {}).get("code")
    names = frozenset(name for chunk in events for name in chunk)
    return Answer(content, last.get("finish_reason"), "error" in last, code=code, fields=names)


async def _json(http: httpx.AsyncClient, asked: Asked) -> Answer:
    response = await http.post("/api/v1/chat", json=_native(asked, stream=False))
    body = response.json()
    if response.status_code != 200:
        return _refused(response.status_code, body)
    content = body.get("final") or body["content"]
    return Answer(content, body.get("finish_reason"), "error" in body)


async def _sse_history(http: httpx.AsyncClient, asked: Asked) -> Answer:
    return await _sse(http, asked, messages=HISTORY)


def _openai(asked: Asked, past: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    content: Any = asked.question
    if asked.pictures:
        addresses = [base64.b64encode(content).decode() for content in asked.pictures]
        urls = [{"url": f"data:image/png;base64,{address}"} for address in addresses]
        parts = [{"type": "image_url", "image_url": url} for url in urls]
        content = [{"type": "text", "text": asked.question}, *parts]
    messages = [*past, {"role": "user", "content": content}]
    return {"model": asked.agent, "messages": messages, **fields}


async def _openai_stream(http: httpx.AsyncClient, asked: Asked) -> Answer:
    body = _openai(asked, HISTORY, stream=True)
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code != 200:
            return _refused(response.status_code, json.loads(await response.aread()))
        data = [event.data async for event in EventSource(response).aiter_sse()]
    events = [json.loads(line) for line in data if line != "[DONE]"]
    choices = [choice for event in events for choice in event.get("choices") or []]
    content = "".join(choice["delta"].get("content") or "" for choice in choices)
    endings = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    errors = [event["error"] for event in events if "error" in event]
    code = errors[-1].get("code") if errors else None
    return Answer(content, endings[-1] if endings else None, bool(errors), code=code)


async def _openai_whole(http: httpx.AsyncClient, asked: Asked) -> Answer:
    """A whole answer, without a history."""
    response = await http.post("/v1/chat/completions", json=_openai(asked, []))
    body = response.json()
    if response.status_code != 200:
        return _refused(response.status_code, body)
    choice = body["choices"][0]
    return Answer(choice["message"]["content"] or "", choice["finish_reason"], "error" in body)


async def _responses(http: httpx.AsyncClient, asked: Asked) -> Answer:
    """A stream of events, whose last one has the whole answer; a history precedes the question."""
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": asked.question}]
    for picture in asked.pictures:
        address = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        parts.append({"type": "input_image", "image_url": address})
    items = [*HISTORY, {"role": "user", "content": parts}]
    body = {
        "model": asked.agent,
        "input": items,
        "stream": True,
        "conversation": asked.conversation,
    }
    async with http.stream("POST", "/v1/responses", json=body) as streamed:
        if streamed.status_code != 200:
            return _refused(streamed.status_code, json.loads(await streamed.aread()))
        data = [event.data async for event in EventSource(streamed).aiter_sse()]
    response = Response.model_validate(json.loads(data[-2])["response"])
    limit = response.incomplete_details
    reached = limit is not None and limit.reason == "max_output_tokens"
    error = response.error
    return Answer(
        response.output_text,
        "length" if reached else "stop" if response.status == "completed" else "error",
        error is not None,
        code=(error.type or error.code) if error else None,
    )


async def _anthropic(http: httpx.AsyncClient, asked: Asked) -> Answer:
    """A whole message, with a history before the question."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": asked.question}]
    for picture in asked.pictures:
        data = base64.b64encode(picture).decode()
        source = {"type": "base64", "media_type": "image/png", "data": data}
        parts.append({"type": "image", "source": source})
    messages = [*HISTORY, {"role": "user", "content": parts}]
    body = {"model": asked.agent, "messages": messages, "max_tokens": 1000}
    response = await http.post("/v1/messages", json=body)
    if response.status_code != 200:
        error = response.json()["error"]
        return Answer("", "error", True, response.status_code, error["details"]["error_code"])
    message = Message.model_validate(response.json())
    text = "".join(block.text for block in message.content if block.type == "text")
    endings = {"end_turn": "stop", "max_tokens": "length"}
    return Answer(text, endings.get(message.stop_reason or ""), False)


async def _agui(http: httpx.AsyncClient, asked: Asked) -> Answer:
    """A stream of events, with a history before the question; a snapshot replaces the messages."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": asked.question}]
    for picture in asked.pictures:
        data = base64.b64encode(picture).decode()
        source = {"type": "data", "value": data, "mimeType": "image/png"}
        parts.append({"type": "image", "source": source})
    past = [{"id": f"m{n}", **message} for n, message in enumerate(HISTORY)]
    messages = [*past, {"id": "question", "role": "user", "content": parts}]
    body = {"threadId": asked.conversation, "runId": uuid4().hex, "messages": messages}
    async with http.stream("POST", f"/agui/{asked.agent}", json=body) as response:
        if response.status_code != 200:
            error = json.loads(await response.aread())
            return Answer("", "error", True, response.status_code, error["code"])
        events = [json.loads(event.data) async for event in EventSource(response).aiter_sse()]
    own = [event for event in events if "subagentRunId" not in event]
    content = "".join(e["delta"] for e in own if e["type"] == "TEXT_MESSAGE_CONTENT")
    for event in own:
        if event["type"] == "MESSAGES_SNAPSHOT":
            answered = event["messages"][len(messages) :]
            texts = [m.get("content") for m in answered if m["role"] == "assistant"]
            content = "".join(text for text in texts if text)
    last = events[-1]
    if last["type"] == "RUN_ERROR":
        return Answer(content, "error", True, code=last.get("code"))
    ending = last.get("metadata", {}).get("agno-stream", {}).get("finish_reason", "stop")
    return Answer(content, ending, False)


async def _ai_sdk(http: httpx.AsyncClient, asked: Asked) -> Answer:
    """A message of the AI SDK, for a question without a history: the server keeps it."""
    files = [
        {
            "type": "file",
            "mediaType": "image/png",
            "url": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        }
        for picture in asked.pictures
    ]
    message = said(asked.question)
    message["parts"] += files
    body = {"id": asked.conversation, "model": asked.agent, "messages": [message]}
    response = await http.post("/ai/chat", json=body)
    if response.status_code != 200:
        code = response.headers["x-error-code"]
        return Answer("", "error", True, response.status_code, code)
    page = read(response)
    content = [*page.data("final"), page.text][0]
    error = page.metadata.get("error") or {}
    ending = page.metadata["finishReason"]
    return Answer(content, ending, bool(error), code=error.get("code"))


def _ollama(asked: Asked, past: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user", "content": asked.question}
    if asked.pictures:
        message["images"] = [base64.b64encode(content).decode() for content in asked.pictures]
    return {"model": asked.agent, "messages": [*past, message]}


async def _ollama_stream(http: httpx.AsyncClient, asked: Asked) -> Answer:
    async with http.stream("POST", "/api/chat", json=_ollama(asked, HISTORY)) as response:
        if response.status_code != 200:
            return _refused(response.status_code, json.loads(await response.aread()))
        lines = [json.loads(line) async for line in response.aiter_lines()]
    content = "".join(line.get("message", {}).get("content") or "" for line in lines)
    failed = any("error" in line for line in lines)
    return Answer(content, lines[-1].get("done_reason"), failed)


def _refused(status: int, body: Any) -> Answer:
    """An answer that came with a status; what text it has is not compared."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return Answer("", "error", True, status, code)


SSE = Door("sse", _sse, keeps=True, final=True)
JSON = Door("json", _json, keeps=True, final=True)
SSE_HISTORY = Door("sse-history", _sse_history, history=True, final=True)
OPENAI = Door("openai", _openai_stream, history=True, links=True)
OPENAI_WHOLE = Door("openai-whole", _openai_whole, final=True, links=True)
RESPONSES = Door("responses", _responses, history=True, keeps=True, final=True, links=True)
ANTHROPIC = Door("anthropic", _anthropic, history=True, final=True, links=True)
AGUI = Door("agui", _agui, history=True, final=True, links=True)
AI_SDK = Door("ai-sdk", _ai_sdk, keeps=True, final=True)
OLLAMA = Door("ollama", _ollama_stream, history=True)

ALL = (SSE, JSON, SSE_HISTORY, OPENAI, OPENAI_WHOLE, RESPONSES, ANTHROPIC, AI_SDK, OLLAMA)
