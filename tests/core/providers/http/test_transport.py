"""The hooks of the HTTP clients: what they do with a response, and what they leave alone."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from app.core.providers.http.bounds import REFUSAL
from app.core.providers.http.exchange import Exchange, bound
from app.core.providers.wire.outcome import ProviderError
from app.core.providers.wire.parts.framing import LARGEST
from app.core.providers.wire.replay import Past, Replay, kept
from tests.core.providers.wire import streams
from tests.upstream import Answer, ByteServer

CHAT = "/v1/chat/completions"
SAID = json.dumps(
    {"choices": [{"index": 0, "message": {"content": "one two three"}, "finish_reason": "STOP"}]}
).encode()


class Sink:
    """Text and reasoning, as they came."""

    def __init__(self) -> None:
        self.text = self.reasoning = ""

    def __call__(self, text: str | None, reasoning: str | None) -> None:
        self.text += text or ""
        self.reasoning += reasoning or ""


async def stream(client: Any, exchange: Exchange, path: str = CHAT, body: Any = None) -> bytes:
    """What an SDK gets of a response that it streams."""
    with bound(exchange):
        request = client.build_request("POST", path, json=body or {})
        response = await client.send(request, stream=True)
    try:
        return b"".join([part async for part in response.aiter_bytes()])
    finally:
        await response.aclose()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, streams.words()),
        ("/v1/responses", streams.response_words() + streams.response_end()),
        ("/v1/messages", streams.message_start() + streams.text_block() + streams.message_end()),
        ("/api/chat", streams.lines()),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", streams.candidates()),
    ],
)
async def test_a_protocol_has_no_reader(
    client: Any, upstream: ByteServer, path: str, body: bytes
) -> None:
    """A stream of each protocol is read by its reader, known by the path of its request."""
    upstream.script(Answer(body, content_type="application/x-ndjson"))
    exchange = Exchange(streaming=True, sink=(sink := Sink()))
    seen = await stream(client, exchange, path)
    assert exchange.outcome is not None
    assert ("one two three", "stop") == (sink.text, exchange.outcome.finish_reason)
    assert seen
    assert exchange.sent


async def test_a_request_of_nobody_is_read(client: Any, upstream: ByteServer) -> None:
    """Without an exchange, request and response pass as they are."""
    upstream.script(Answer(streams.words()))
    response = await client.post(CHAT, json={})
    assert streams.words() == response.content
    assert "gzip" in upstream.requests[0].headers["accept-encoding"]


async def test_an_unknown_path_is_read(client: Any, upstream: ByteServer) -> None:
    """A path that no reader knows passes, and has no outcome."""
    upstream.script(Answer(streams.words()))
    exchange = Exchange(streaming=True, sink=(sink := Sink()), headers={"traceparent": "00-1-2-3"})
    assert streams.words() == await stream(client, exchange, "/v1/embeddings")
    assert (None, "", True) == (exchange.outcome, sink.text, exchange.sent)
    assert "00-1-2-3" == upstream.requests[0].headers["traceparent"]


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_a_status_is_read_as_an_answer(
    client: Any, upstream: ByteServer, status: int
) -> None:
    """The SDK gets a response with the status of an error as it came; the outcome has its words."""
    headers = {"Retry-After": "8"}
    upstream.script(Answer(b'{"error": "no"}', status, "application/json", headers))
    exchange = Exchange(streaming=True)
    assert b'{"error": "no"}' == await stream(client, exchange)
    assert exchange.outcome is not None
    assert ProviderError("no", None, status, "8") == exchange.outcome.error


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html><h1>Bad gateway</h1>", "text/html", "text/html"),
        (b"busy", "text/plain", "busy"),
        (b"", "text/plain", "no words"),
        (b'[{"error": {"code": 503, "message": "busy"}}]', "application/json", "busy"),
        (b'{"detail": [{"msg": "busy"}]}', "application/json", "busy"),
        (b'{"type": "error", "error": {"message": "busy"}}', "application/json", "busy"),
    ],
)
async def test_a_refusal_is_a_representation(
    client: Any, upstream: ByteServer, body: bytes, kind: str, words: str
) -> None:
    """The words of a refusal are the provider's, whatever shape they have."""
    upstream.script(Answer(body, 503, kind))
    exchange = Exchange(streaming=True)
    await stream(client, exchange)
    assert exchange.outcome is not None
    assert exchange.outcome.error is not None
    assert words in exchange.outcome.error.message
    assert "{" not in exchange.outcome.error.message


async def test_a_refusal_without_end_is_read(client: Any, upstream: ByteServer) -> None:
    """A refusal is read up to a bound."""
    upstream.script(Answer(b"x" * (2 * REFUSAL), 500, then="pings", ping=b"x" * 9999))
    exchange = Exchange(streaming=True)
    async with asyncio.timeout(10):
        assert len(await stream(client, exchange)) < 2 * REFUSAL


async def test_a_compressed_answer_is_garbled(client: Any, upstream: ByteServer) -> None:
    """Uncompressed is what is asked for; a server that compresses anyway is left to the SDK."""
    headers = {"Content-Encoding": "gzip"}
    upstream.script(Answer(gzip.compress(streams.words()), headers=headers))
    exchange = Exchange(streaming=True)
    assert streams.words() == await stream(client, exchange)
    assert "identity" == upstream.requests[0].headers["accept-encoding"]
    assert exchange.outcome is None


async def test_a_retry_keeps_the_outcome_before_it(client: Any, upstream: ByteServer) -> None:
    """A further request of the same exchange forgets what came of the one before."""
    upstream.script(Answer(b"", 500), Answer(b"", 204))
    exchange = Exchange(streaming=True)
    await stream(client, exchange)
    assert exchange.outcome is not None
    await stream(client, exchange)
    assert exchange.outcome is None


async def test_a_whole_answer_is_unread(client: Any, upstream: ByteServer) -> None:
    """A response that is not streamed has an outcome, too, and its length is that of its body."""
    upstream.script(Answer(SAID, content_type="application/json"))
    exchange = Exchange(streaming=False)
    with bound(exchange):
        response = await client.post(CHAT, json={})
    assert "one two three" == response.json()["choices"][0]["message"]["content"]
    assert exchange.outcome is not None
    assert "stop" == exchange.outcome.finish_reason


async def test_a_body_without_end_is_kept(client: Any, upstream: ByteServer) -> None:
    """A whole answer that is larger than the bound is an error, and is not collected."""
    upstream.script(Answer(b" " * (LARGEST + 1), content_type="application/json"))
    exchange = Exchange(streaming=False)
    with bound(exchange):
        response = await client.post(CHAT, json={})
    assert len(response.content) < 1000
    assert exchange.outcome is not None
    assert exchange.outcome.error is not None
    assert "more than" in exchange.outcome.error.message


@pytest.mark.parametrize("then", ["silence", "pings"])
@pytest.mark.parametrize("end", [b"", streams.DONE])
async def test_an_answer_that_is_over_goes_on(
    client: Any, upstream: ByteServer, then: Any, end: bytes
) -> None:
    """An upstream that keeps its connection open behind the finish reason is left after a grace."""
    upstream.script(Answer(streams.words(done=end), then=then))
    exchange = Exchange(streaming=True)
    async with asyncio.timeout(10):
        seen = await stream(client, exchange)
    assert exchange.outcome is not None
    assert "stop" == exchange.outcome.finish_reason
    assert seen.endswith(streams.DONE)


async def test_usage_behind_the_end_is_lost(client: Any, upstream: ByteServer) -> None:
    """What comes within the grace behind the finish reason counts."""
    usage = streams.data({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}})
    upstream.script(Answer(streams.words(done=b""), then="pings", ping=usage))
    exchange = Exchange(streaming=True)
    await stream(client, exchange)
    assert exchange.outcome is not None
    assert exchange.outcome.usage is not None
    assert 13 == exchange.outcome.usage.total_tokens


async def test_pings_are_signs_of_life(client: Any, upstream: ByteServer) -> None:
    """Pings do not restart the idle clock; parts of a tool call, which make no chunk, do."""
    alive = 0

    def on_alive() -> None:
        nonlocal alive
        alive += 1

    exchange = Exchange(streaming=True, on_alive=on_alive)
    upstream.script(Answer(streams.chunk({"role": "assistant"}), then="pings", every=0.01))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await stream(client, exchange)
    assert 0 == alive
    call = streams.chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})
    upstream.script(Answer(call, then="pings", ping=call, every=0.01))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await stream(client, exchange)
    assert alive > 1


async def test_a_connection_is_left_behind(client: Any, upstream: ByteServer) -> None:
    """An answer that was read to its end leaves a connection for the next one."""
    upstream.script(*[Answer(streams.words())] * 3)
    for _ in range(3):
        await stream(client, Exchange(streaming=True))
    assert 1 == len({request.peer for request in upstream.requests})


async def test_a_reader_that_leaves_keeps_the_connection(client: Any, upstream: ByteServer) -> None:
    """An SDK that closes its response in mid-stream closes the upstream connection."""
    upstream.script(Answer(streams.chunk({"content": "one"}), then="silence"))
    with bound(Exchange(streaming=True)):
        request = client.build_request("POST", CHAT, json={})
        response = await client.send(request, stream=True)
    parts = response.aiter_bytes()
    assert b"one" in await anext(parts)
    await response.aclose()
    await asyncio.to_thread(upstream.wait_for, lambda: upstream.requests[0].aborted)


async def test_what_goes_with_a_call_is_dropped(client: Any, upstream: ByteServer) -> None:
    """Fields that came with a call are put into the history of the next request, and its length
    is right."""
    extra = {"extra_content": {"google": {"thought_signature": "SIG=="}}}
    found = kept({"reasoning_content": "I must look. é"}, [extra])
    exchange = Exchange(streaming=True, replay=Replay([Past(["weather"], found)]))
    upstream.script(Answer(streams.words()))
    function = {"name": "weather", "arguments": "{}"}
    sent = {"id": "c1", "type": "function", "function": function}
    await stream(client, exchange, body={"messages": [{"role": "assistant", "tool_calls": [sent]}]})
    message = upstream.requests[0].body["messages"][0]
    assert "I must look. é" == message["reasoning_content"]
    assert [{**sent, **extra}] == message["tool_calls"]
