"""The Anthropic door, driven by Anthropic's own client as it is."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
from agno.agent import Agent
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import (
    CONTEXT_TOO_LONG,
    INVALID_KEY,
    RATE_LIMITED,
    SERVER_ERROR,
    Reply,
    numbered,
)
from tests.server import Server

KEY = "alice-key-0123456789"
ASKED: Any = [{"role": "user", "content": "Hello?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"name": "weather", "description": "The weather", "input_schema": SCHEMA}
PIXEL = base64.b64encode(bytes.fromhex("89504e470d0a1a0a")).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()
CHANGED = {"type": "redacted_thinking", "data": "agno-stream.e30="}
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=server.url, api_key="none", timeout=30) as client:
        yield client


async def ask(client: AsyncAnthropic, **fields: Any) -> Any:
    return await client.messages.create(
        **{"model": "general", "messages": ASKED, "max_tokens": 100, **fields}
    )


async def stream(client: AsyncAnthropic, **fields: Any) -> tuple[list[str], Message]:
    """The types of all events, each of them valid, and the message that the SDK makes of them."""
    fields = {"model": "general", "messages": ASKED, "max_tokens": 100, **fields}
    kinds = []
    async for event in await client.messages.create(**fields, stream=True):
        EVENT.validate_python(event.model_dump(), strict=True)
        kinds.append(event.type)
    async with client.messages.stream(**fields) as answer:
        return kinds, await answer.get_final_message()


async def collect(events: Any, seen: list[str]) -> None:
    """Add the texts of a stream to `seen` as they come."""
    async for event in events:
        if event.type == "content_block_delta":
            seen.append(event.delta.text)


async def test_a_stream_has_anthropics_events(client: AsyncAnthropic, provider: Provider) -> None:
    """Thinking and text are blocks after each other, and the last events tell how it ended."""
    provider.default = Reply("Hi 🙂", reasoning="Say hi.")
    kinds, message = await stream(client)
    block = ["content_block_start", "content_block_delta", "content_block_delta"]
    assert [
        *("message_start", *block, "content_block_delta", "content_block_stop"),
        *(*block, "content_block_stop", "message_delta", "message_stop"),
    ] == kinds
    thinking, text = message.content
    assert ("thinking", "Say hi.", "text", "Hi 🙂") == (
        thinking.type,
        getattr(thinking, "thinking", None),
        text.type,
        getattr(text, "text", None),
    )
    assert getattr(thinking, "signature", None)
    assert ("end_turn", None, "general") == (
        message.stop_reason,
        message.stop_sequence,
        message.model,
    )
    assert (1, 4) == (message.usage.input_tokens, message.usage.output_tokens)


async def test_an_answer_in_one_piece(client: AsyncAnthropic, provider: Provider) -> None:
    """Without `stream` the answer is one message, with the same blocks and counts."""
    provider.default = Reply("Hi 🙂", reasoning="Say hi.")
    answer = await ask(client)
    Message.model_validate(answer.model_dump(), strict=True)
    _, streamed = await stream(client)
    assert ("message", "assistant") == (answer.type, answer.role)
    for whole, piece in zip(answer.content, streamed.content, strict=True):
        left, right = whole.to_dict(), piece.to_dict()
        assert {**left, "signature": ""} == {**right, "signature": ""}
    assert streamed.usage.to_dict() == answer.usage.to_dict()
    assert answer._request_id


def test_the_synchronous_client(server: Server, provider: Provider) -> None:
    """The client that blocks is served alike."""
    provider.default = Reply("Hi there")
    with Anthropic(base_url=server.url, api_key="none") as client:
        fields: Any = {"model": "general", "messages": ASKED, "max_tokens": 9}
        with client.messages.stream(**fields) as answer:
            assert "Hi there" == "".join(answer.text_stream)
        assert "text" == client.messages.create(**fields).content[0].type


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("Hi"), "end_turn"),
        (Reply(""), "end_turn"),
        (Reply("Hi", finish_reason="length"), "max_tokens"),
        (Reply("Hi", finish_reason="content_filter"), "refusal"),
        (Reply("Hi", tool_calls=[("weather", "{}")]), "tool_use"),
    ],
    ids=["stop", "empty", "length", "filter", "tool"],
)
async def test_stop_reasons(
    client: AsyncAnthropic, provider: Provider, reply: Reply, reason: str
) -> None:
    """How an answer ended is told in Anthropic's words, in both forms."""
    provider.default = reply
    _, message = await stream(client, tools=[WEATHER])
    assert reason == message.stop_reason
    answer = await ask(client, tools=[WEATHER])
    assert reason == answer.stop_reason
    assert ("refusal" == reason) is (answer.stop_details is not None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"city": "Zürich"}', {"city": "Zürich"}),
        ("{}", {}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ('{"city": ', {"INVALID_JSON": '{"city": '}),
    ],
)
async def test_tools_of_the_client(
    client: AsyncAnthropic, provider: Provider, arguments: str, expected: dict[str, Any]
) -> None:
    """A call comes back as a block, also if the model wrote no JSON, and its result goes on."""
    reply = Reply("Wait.", tool_calls=[("weather", arguments)])
    provider.script(reply, reply, reply)
    _, message = await stream(client, tools=[WEATHER], tool_choice={"type": "any"})
    assert "required" == provider.requests[-1].body["tool_choice"]
    assert SCHEMA == provider.requests[-1].body["tools"][0]["function"]["parameters"]
    answer = await ask(client, tools=[WEATHER])
    both: list[Any] = [message, answer]
    for found in both:
        assert ["text", "tool_use"] == [block.type for block in found.content]
        assert ("weather", expected) == (found.content[1].name, found.content[1].input)
    call = answer.content[1]
    provider.script(Reply("Rain."))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    past = [*ASKED, {"role": "assistant", "content": answer.content}]
    last = await ask(
        client, tools=[WEATHER], messages=[*past, {"role": "user", "content": [result]}]
    )
    assert ("Rain.", "end_turn") == (last.content[0].text, last.stop_reason)
    sent = provider.requests[-1].body["messages"]
    assert ["user", "assistant", "tool"] == [message["role"] for message in sent]
    assert call.id == sent[-1]["tool_call_id"] == sent[-2]["tool_calls"][0]["id"]
    assert "rain" == sent[-1]["content"]


async def test_tools_of_the_server_are_left_out(serve: Serve, provider: Provider) -> None:
    """A client sees the text around them, in one piece, and no call that it could run."""

    def shout(text: str) -> str:
        """Say it louder."""
        return text.upper()

    server = serve(agents=[Agent(id="general", tools=[shout])])
    rounds = [Reply("Wait. ", tool_calls=[("shout", '{"text": "hé"}')]), Reply("HÉ.")]
    async with AsyncAnthropic(base_url=server.url, api_key="none") as client:
        provider.script(*rounds, *rounds)
        _, message = await stream(client)
        assert [("text", "Wait. HÉ.")] == [
            (b.type, getattr(b, "text", "")) for b in message.content
        ]
        assert "end_turn" == message.stop_reason


async def test_a_request_reaches_the_provider(client: AsyncAnthropic, provider: Provider) -> None:
    """System, options, pictures, documents and an earlier answer go to the model."""
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": source},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Note"},
        },
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        },
    ]
    earlier = [
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "text", "text": "I do."},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ]
    await ask(
        client,
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        messages=[
            {"role": "user", "content": "You know?"},
            {"role": "assistant", "content": earlier},
            {"role": "user", "content": parts},
        ],
        stop_sequences=["END"],
        metadata={"user_id": "u 1"},
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
        thinking={"type": "enabled", "budget_tokens": 1024},
        extra_body={"temperature": 0.5, "top_p": 0.9, "unknown": [1]},
    )
    body = provider.requests[-1].body
    assert (0.5, 0.9, ["END"]) == (body["temperature"], body["top_p"], body["stop"])
    assert 100 == body.get("max_tokens", body.get("max_completion_tokens"))
    assert "tools" not in body
    texts = json.dumps(body["messages"])
    for expected in (
        "Be brief.\\n\\nBe kind.",
        "I do.",
        "What is it?\\n\\nNote",
        PIXEL,
        PDF,
        "a.pdf",
    ):
        assert expected in texts
    assert "Hm." not in texts


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "blob"}]}]}, "blob"),
        ({"messages": [*ASKED, {"role": "assistant", "content": [CHANGED]}, *ASKED]}, "changed"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": "a\0b"}]}, "NUL"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
                    }
                ]
            },
            "'file'",
        ),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "bash_20250124"),
        ({"tool_choice": {"type": "tool", "name": "none"}}, "tool_choice"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"extra_body": {"temperature": "hot"}}, "temperature"),
    ],
)
async def test_what_is_not_read_is_refused_by_name(
    client: AsyncAnthropic, fields: dict[str, Any], problem: str
) -> None:
    """A wrong request is the SDK's `BadRequestError`, which names what is wrong."""
    with pytest.raises(anthropic.BadRequestError) as refused:
        await ask(client, **fields)
    assert problem in str(refused.value.api_message)
    assert "invalid_request_error" == refused.value.type


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "\ud800", "name": "\ud800", "input": {"a\ud800": "\ud800"}},
        {"type": "thinking", "thinking": "\ud800", "signature": 5},
        {"type": "redacted_thinking", "data": "of another server"},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "text", "text": "\ud800", "citations": [{"type": "x"}]},
    ],
    ids=lambda block: block["type"],
)
async def test_an_odd_history_is_answered(
    server: Server, provider: Provider, block: dict[str, Any]
) -> None:
    """Whatever an earlier answer holds fails no request here."""
    history = [*ASKED, {"role": "assistant", "content": [block]}]
    if block["type"] == "tool_use":
        result = {"type": "tool_result", "tool_use_id": block["id"], "content": "42"}
        history.append({"role": "user", "content": [result]})
    content = json.dumps({"model": "general", "max_tokens": 9, "messages": [*history, *ASKED]})
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        reply = await http.post("/v1/messages", content=content)
    assert 200 == reply.status_code, reply.text
    assert "Hello from the provider." in reply.text


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (RATE_LIMITED, anthropic.RateLimitError, "model_rate_limited"),
        (CONTEXT_TOO_LONG, anthropic.BadRequestError, "context_too_long"),
        (INVALID_KEY, anthropic.InternalServerError, "model_auth_failed"),
        (SERVER_ERROR, anthropic.APIStatusError, "model_unavailable"),
    ],
    ids=["429", "context", "key", "500"],
)
async def test_a_failure_before_the_first_byte_has_its_status(
    serve: Serve,
    provider: Provider,
    reply: Reply,
    error: type[anthropic.APIStatusError],
    code: str,
    streaming: bool,
) -> None:
    """Each failure is raised as the SDK's own exception, with this server's code."""
    provider.default = reply
    url = serve(upstream_retries=0).url
    async with AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        with pytest.raises(error) as failed:
            await ask(client, stream=streaming)
    assert code == failed.value.error_code
    assert failed.value.status_code >= 400


@pytest.mark.parametrize(
    "reply",
    [
        Reply("Hello you", cut_after=1),
        Reply("Hello there you", error_frame_after=2),
        Reply("Hello there", finish_reason=""),
    ],
    ids=["cut", "error frame", "truncated"],
)
async def test_a_failure_after_the_first_byte_is_raised(
    serve: Serve, provider: Provider, reply: Reply
) -> None:
    """What has begun ends with `event: error`, which the SDK raises after the text."""
    provider.default = reply
    seen: list[str] = []
    async with AsyncAnthropic(base_url=serve().url, api_key="none", max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            await collect(await ask(client, stream=True), seen)
    assert "".join(seen).startswith("Hello ")
    assert failed.value.error_code in ("upstream_cut", "model_bad_response", "model_unavailable")


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_client_that_leaves_ends_the_run(
    client: AsyncAnthropic, provider: Provider, streaming: bool
) -> None:
    """The request to the provider is aborted at once."""
    provider.script(Reply(numbered(1000), stall_after=3))
    if streaming:
        async with await ask(client, stream=True) as events:
            async for event in events:
                if event.type == "content_block_delta":
                    break
    else:
        with pytest.raises(anthropic.APITimeoutError):
            await ask(client.with_options(timeout=0.5, max_retries=0))
    left = time.monotonic()
    await provider.until(lambda: provider.aborted)
    assert time.monotonic() - left < 5


async def test_pings_bridge_a_silence(serve: Serve, provider: Provider) -> None:
    """While the provider is silent there are pings, which the SDK passes over."""
    provider.default = Reply("Hi there you", delay_first=0.5, stall_after=2, stall_seconds=0.5)
    url = serve(heartbeat=0.1).url
    async with AsyncAnthropic(base_url=url, api_key="none") as client:
        _, message = await stream(client)
    assert "Hi there you" == getattr(message.content[0], "text", None)
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        body = {"model": "general", "messages": ASKED, "stream": True}
        frames = (await http.post("/v1/messages", json=body)).text.split("\n\n")
    pings = [n for n, frame in enumerate(frames) if frame.startswith("event: ping\ndata: {")]
    assert 0 in pings
    assert any("Hi " in frame for frame in frames[: pings[-1]])


async def test_models_are_listed_in_their_shape(serve: Serve) -> None:
    """The same path serves both kinds of clients, and pages are followed to their end."""
    server = serve(models=["openai:test-model", "openai:org/name:7b"])
    names = ["general", "test-model", "org/name:7b"]
    async with AsyncAnthropic(base_url=server.url, api_key="none") as client:
        for limit in (1, 2, 20):
            assert names == [model.id async for model in client.models.list(limit=limit)]
        back = await client.models.list(before_id=names[2], limit=1)
        assert (["test-model"], True) == ([model.id for model in back.data], back.has_more)
        for name in names:
            found = await client.models.retrieve(name)
            assert ("model", name) == (found.type, found.id)
            assert found.created_at.tzinfo
        with pytest.raises(anthropic.NotFoundError) as unknown:
            await client.models.retrieve("org/none")
        assert "not_found_error" == unknown.value.type
        with pytest.raises(anthropic.NotFoundError) as unknown:
            await ask(client, model="nobody")
        assert ("not_found_error", "unknown_model") == (
            unknown.value.type,
            unknown.value.error_code,
        )
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert "list" == (await http.get("/v1/models")).json()["object"]
        assert (await http.head("/v1/models", headers={"anthropic-version": "x"})).is_success


async def test_tokens_are_estimated(client: AsyncAnthropic, provider: Provider) -> None:
    """More text is more tokens, and the model is not asked."""
    count = client.messages.count_tokens
    few = await count(model="general", messages=ASKED)
    many = await count(model="general", messages=ASKED, system="x" * 4000, tools=[WEATHER])
    assert 0 < few.input_tokens < 10
    assert 1000 < many.input_tokens < 1100
    assert not provider.requests


async def test_keys(serve: Serve) -> None:
    """The SDK's key is ours, as `x-api-key` and as a bearer; another is its error for that."""
    url = serve(api_keys=f"alice:{KEY}").url
    both: list[dict[str, Any]] = [{"api_key": KEY}, {"auth_token": KEY}]
    for keys in both:
        async with AsyncAnthropic(base_url=url, **keys) as client:
            assert (await ask(client)).content
            assert (await client.models.list()).data
    async with AsyncAnthropic(base_url=url, api_key="wrong-key-0123456789") as client:
        with pytest.raises(anthropic.AuthenticationError) as refused:
            await ask(client)
        assert "authentication_error" == refused.value.type
        with pytest.raises(anthropic.AuthenticationError):
            await client.models.list()


async def test_a_conversation_is_kept_if_named(server: Server, provider: Provider) -> None:
    """With `X-Conversation-Id` the server stores the turn, and knows the one before."""
    headers = {"X-Conversation-Id": "c"}
    async with AsyncAnthropic(
        base_url=server.url, api_key="none", default_headers=headers
    ) as client:
        await ask(client)
        await ask(client, messages=[{"role": "user", "content": "And now?"}])
    assert "Hello?" in json.dumps(provider.requests[-1].body["messages"])
