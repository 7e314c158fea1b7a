"""The fast reader of a provider's stream has exactly the results of Agno's stock class."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2
import openai
import pytest
from agno.models.base import MessageData
from agno.models.message import Message
from agno.models.openai import OpenAIChat
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.providers.endings import reporting
from app.core.providers.fast_openai import Events


def frame(delta: dict[str, Any], end: str = "\n\n", **fields: Any) -> bytes:
    """One chunk of a stream as providers write it."""
    choice = {"index": 0, "delta": delta, "finish_reason": fields.pop("finish_reason", None)}
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **fields,
    }
    return b"data: " + json.dumps(chunk).encode() + end.encode()


TEXT = [frame({"content": word}) for word in ("", "Hello ", "wörld ", "🙂 ", "\n", "data: x")]
START = frame({"role": "assistant", "content": ""}, system_fingerprint="fp")
STOP = frame({}, finish_reason="stop")
USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,'
    b'"completion_tokens_details":{"reasoning_tokens":2},'
    b'"prompt_tokens_details":{"cached_tokens":1}}}\n\n'
)
DONE = b"data: [DONE]\n\n"


def call(index: int, arguments: str, **head: Any) -> bytes:
    function = {"arguments": arguments, **({"name": head.pop("name")} if "name" in head else {})}
    return frame({"tool_calls": [{"index": index, **head, "function": function}]})


STREAMS: dict[str, list[bytes]] = {
    "text": [START, *TEXT, STOP, USAGE, DONE],
    "no usage": [START, *TEXT, STOP, DONE],
    "null content": [frame({"content": None}), *TEXT, STOP, DONE],
    "reasoning_content": [frame({"reasoning_content": "hm "}), *TEXT, STOP, DONE],
    "reasoning": [frame({"reasoning": "hm "}), frame({"reasoning": "so"}), *TEXT, STOP, DONE],
    "both at once": [frame({"reasoning_content": "a", "content": "b"}), STOP, DONE],
    "both names": [frame({"reasoning_content": "a", "reasoning": "b"}), STOP, DONE],
    "text with the finish reason": [*TEXT, frame({"content": "end"}, finish_reason="stop"), DONE],
    "text around a strange chunk": [*TEXT, frame({"content": "x"}, provider="p"), *TEXT, STOP],
    "length": [START, *TEXT, frame({}, finish_reason="length"), USAGE, DONE],
    "content filter": [START, frame({}, finish_reason="content_filter"), DONE],
    "refusal": [START, frame({"refusal": "I will not."}), STOP, DONE],
    "tool calls": [
        START,
        frame({"content": "Let me see."}),
        call(0, "", id="call_1", type="function", name="f"),
        call(0, '{"a":'),
        call(0, " 1}"),
        call(1, "{}", id="call_2", type="function", name="g"),
        frame({}, finish_reason="tool_calls"),
        USAGE,
        DONE,
    ],
    "annotations": [
        frame({"content": "see", "annotations": [{"url_citation": {"url": "u", "title": "t"}}]}),
        *TEXT,
        STOP,
        DONE,
    ],
    "obfuscation": [frame({"content": "a"}, obfuscation="xyz"), STOP, DONE],
    "logprobs": [frame({"content": "a"}, service_tier="default"), STOP, DONE],
    "comments": [b": ping\n\n", *TEXT, b":\n", b"event: x\n", *TEXT, b": ping\n\n", STOP],
    "no space": [b"data:" + TEXT[1][6:], STOP, DONE],
    "two data lines": [
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"a"}}]}\n\n',
        STOP,
    ],
    "crlf": [part.replace(b"\n", b"\r\n") for part in (START, *TEXT, STOP, USAGE, DONE)],
    "cr": [part.replace(b"\n", b"\r") for part in (START, *TEXT, STOP, USAGE, DONE)],
    "surrogates": [frame({"content": "a\ud83d"}), frame({"content": "\ude42b"}), STOP, DONE],
    "nothing": [],
    "done at once": [DONE],
    "cut": [START, *TEXT],
    "cut inside an event": [START, *TEXT, STOP[:20]],
    "after done": [START, *TEXT, STOP, DONE, TEXT[1]],
    "error frame": [START, *TEXT, b'data: {"error": {"message": "broke", "code": 5}}\n\n', *TEXT],
    "error text": [START, b'data: {"error": "broke"}\n\n'],
    "rubbish": [START, *TEXT, b"data: {not json\n\n", *TEXT],
    "invalid utf-8": [START, *TEXT, b'data: {"x": "\xff"}\n\n'],
    "a number": [START, b"data: 5\n\n"],
    "html": [b"<html>\n<body>no</body>\n</html>\n"],
}


class Body(httpx2.AsyncByteStream):
    """A response body that arrives in exactly these parts."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = list(parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


class Upstream(httpx2.AsyncBaseTransport):
    """Answers every request with a status and a body cut into parts."""

    def __init__(self, parts: Iterable[bytes], status: int) -> None:
        self._parts = list(parts)
        self._status = status

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        kind = "text/event-stream" if self._status == 200 else "application/json"
        headers = {"content-type": kind, "retry-after": "0"}
        return httpx2.Response(self._status, headers=headers, stream=Body(self._parts))


@dataclass
class Result:
    """The outcome of one request: text for readers, the message for Agno, and how it ended.

    `words` is the text of an error. It is compared only if it is the provider's: for invalid data
    it is Python's own, and depends on the code.
    """

    text: str
    reasoning: str
    message: dict[str, Any]
    calls: list[dict[str, Any]]
    usage: tuple[Any, ...]
    ending: str | None
    failure: str | None
    error: tuple[str, int] | None
    words: str = field(compare=False)


async def read_stream(parts: Iterable[bytes], *, fast: bool, status: int = 200) -> Result:
    client = openai.AsyncOpenAI(
        api_key="k",
        base_url="http://provider/v1",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=Upstream(parts, status)),
    )
    texts: list[str] = []
    thoughts: list[str] = []

    def sink(text: str | None, thought: str | None) -> None:
        texts.append(text or "")
        thoughts.append(thought or "")

    original = OpenAIChat(id="m", async_client=client)
    model: Any = reporting(original, sink=sink if fast else None)
    message, data = Message(role="assistant"), MessageData()
    model._ensure_message_metrics_initialized(message)
    error, words = None, ""
    try:
        async for delta in model.aprocess_response_stream(
            messages=[Message(role="user", content="?")],
            assistant_message=message,
            stream_data=data,
        ):
            if type(delta.content) is str:
                texts.append(delta.content)
            if type(delta.reasoning_content) is str:
                thoughts.append(delta.reasoning_content)
    except Exception as raised:  # whatever it is, both ways must raise it
        error = (type(raised).__name__, getattr(raised, "status_code", 0))
        words = str(raised)
    await client.close()
    metrics = data.response_metrics
    return Result(
        text="".join(texts),
        reasoning="".join(thoughts),
        message={
            name: getattr(message, name)
            for name in ("role", "content", "reasoning_content", "citations")
        },
        calls=[
            {**call, "id": call["id"] if call["id"].startswith("call_") else "made up by Agno"}
            for call in message.tool_calls or []
        ],
        usage=(metrics.input_tokens, metrics.output_tokens, metrics.reasoning_tokens)
        if metrics
        else (),
        ending=model.ending,
        failure=model.failure.code if model.failure else None,
        error=error,
        words=words,
    )


@pytest.mark.parametrize("name", STREAMS)
async def test_stream_reads_as_stock_class_does(name: str) -> None:
    """Text, reasoning, tool calls, usage, ending and errors are those of the stock class."""
    stream = STREAMS[name]
    assert await read_stream(stream, fast=False) == await read_stream(stream, fast=True)


@pytest.mark.parametrize("name", STREAMS)
async def test_stream_split_at_every_byte(name: str) -> None:
    """However the network splits a stream, the result is the same."""
    stream = b"".join(STREAMS[name])
    whole = await read_stream([stream], fast=True)
    assert whole == await read_stream([bytes([byte]) for byte in stream], fast=True)
    for cut in range(1, len(stream), 7):
        assert whole == await read_stream([stream[:cut], stream[cut:]], fast=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
async def test_http_errors_equal_stock_class(status: int) -> None:
    """An HTTP error has the same class, status and message as with the stock class."""
    body = [b'{"error": {"message": "no, because", "code": "c", "type": "t", "param": null}}']
    stock = await read_stream(body, fast=False, status=status)
    fast = await read_stream(body, fast=True, status=status)
    assert stock == fast
    assert stock.words == fast.words != ""


@pytest.mark.parametrize("name", ["error frame", "error text"])
async def test_error_frame_message_equals_stock_class(name: str) -> None:
    """An error within a stream has the provider's message."""
    stock = await read_stream(STREAMS[name], fast=False)
    fast = await read_stream(STREAMS[name], fast=True)
    assert stock.words == fast.words != ""


async def test_sse_ids_and_retry_are_ignored() -> None:
    """Ids, retry times and events without data, on which the SDK's decoder fails, are ignored."""
    ids = [b"retry: 5\n\n", b"id: 1\n" + TEXT[1], b": ping\n\n", b"id: 2\n" + STOP, b"id: 3\n\n"]
    result = await read_stream([*ids, DONE], fast=True)
    assert ("Hello ", "stop", None) == (result.text, result.ending, result.error)


PIECES = st.lists(
    st.sampled_from([part for stream in STREAMS.values() for part in stream]), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 2000), max_size=6))
async def test_random_streams_read_as_stock_class_does(
    pieces: list[bytes], cuts: list[int]
) -> None:
    """Random frames, split at random places, have the results of the stock class."""
    stream = b"".join(pieces)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    parts = [stream[a:b] for a, b in pairwise(places)]
    assert await read_stream(parts, fast=False) == await read_stream(parts, fast=True)


def test_sse_events_end_with_blank_lines() -> None:
    """An event is its data lines up to a blank line; an unfinished one is dropped."""
    got = list(Events().feed(b"data: a\ndata:b\n\n: c\n\nid: 1\n\ndata: d\n\r\ndata: e\n"))
    assert [b"a\nb", b"d"] == got
