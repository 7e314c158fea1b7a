"""The OpenAI door, driven by OpenAI's own client as it is."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import (
    CONTEXT_TOO_LONG,
    INVALID_KEY,
    RATE_LIMITED,
    SERVER_ERROR,
    Reply,
    numbered,
    refusal,
)
from tests.server import Server
from tests.streaming.reader import ended

MODEL = "test-model"
ASKED: Any = [{"role": "user", "content": "Hello?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": PARAMETERS},
}
PIXEL = base64.b64encode(bytes.fromhex("89504e470d0a1a0a")).decode()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=30) as client:
        yield client


@pytest.fixture
def sync_client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=30) as client:
        yield client


async def stream(client: AsyncOpenAI, **fields: Any) -> list[ChatCompletionChunk]:
    """All chunks of a streamed answer."""
    fields = {"model": MODEL, "messages": ASKED, **fields}
    return [chunk async for chunk in await client.chat.completions.create(stream=True, **fields)]


async def ask(client: AsyncOpenAI, **fields: Any) -> Any:
    """A whole answer."""
    return await client.chat.completions.create(**{"model": MODEL, "messages": ASKED, **fields})


async def collect(answer: Any, chunks: list[ChatCompletionChunk]) -> None:
    async for chunk in answer:
        chunks.append(chunk)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def test_models_are_listed(client: AsyncOpenAI) -> None:
    """Agents and models are listed, and each can be looked up by its name."""
    listed = [model async for model in client.models.list()]
    assert [("general", "agno-stream"), (MODEL, "openai")] == [(m.id, m.owned_by) for m in listed]
    for model in listed:
        assert model == await client.models.retrieve(model.id)
    assert "openai:test-model" == (await client.models.retrieve("openai:test-model")).id
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.models.retrieve("org/none:7b")
    assert ("model_not_found", "model") == (unknown.value.code, unknown.value.param)


async def test_names_with_slashes_and_colons(serve: Serve, provider: Provider) -> None:
    """A model's name may hold `/` and `:`, here as with its provider."""
    url = serve(models=["openai:org/name:7b"]).url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        assert "org/name:7b" == (await client.models.retrieve("org/name:7b")).id
        await ask(client, model="org/name:7b")
    assert "org/name:7b" == provider.requests[-1].body["model"]


@pytest.mark.parametrize("name", ["general", MODEL, "openai:test-model"])
async def test_chunks_of_a_stream(client: AsyncOpenAI, provider: Provider, name: str) -> None:
    """One id, one `created`, the role first, then the text, and one finish reason at the end."""
    provider.script(Reply("Hi there, 🙂"))
    chunks = await stream(client, model=name)
    assert 1 == len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks})
    assert name == chunks[0].model
    assert ["assistant", *[None] * (len(chunks) - 1)] == [c.choices[0].delta.role for c in chunks]
    assert "" == chunks[0].choices[0].delta.content
    assert "Hi there, 🙂" == text_of(chunks)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert [*[None] * (len(chunks) - 1), "stop"] == reasons
    assert all(chunk.usage is None for chunk in chunks)


async def test_an_answer_in_one_piece(client: AsyncOpenAI, provider: Provider) -> None:
    """Without `stream` the answer is one object, with its usage."""
    provider.script(Reply("Hi there, 🙂", reasoning="Say hi."))
    answer = await ask(client)
    assert ("chat.completion", MODEL) == (answer.object, answer.model)
    message = answer.choices[0].message
    assert ("assistant", "Hi there, 🙂", "Say hi.", None) == (
        message.role,
        message.content,
        message.reasoning_content,
        message.tool_calls,
    )
    assert "stop" == answer.choices[0].finish_reason
    assert 1 == answer.usage.prompt_tokens
    assert answer.usage.total_tokens == 1 + answer.usage.completion_tokens
    assert 2 == answer.usage.completion_tokens_details.reasoning_tokens


def test_the_synchronous_client(sync_client: OpenAI, provider: Provider) -> None:
    """The client that blocks is served alike."""
    provider.script(Reply("Hi there"), Reply("Hi there"))
    chunks = sync_client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)
    assert "Hi there" == text_of(list(chunks))
    answer = sync_client.chat.completions.create(model=MODEL, messages=ASKED)
    assert "Hi there" == answer.choices[0].message.content


async def test_usage_is_sent_if_wanted(client: AsyncOpenAI, provider: Provider) -> None:
    """With `include_usage` one more chunk has the counts, and no choice."""
    provider.script(Reply("Hi there", reasoning="Well."))
    chunks = await stream(client, stream_options={"include_usage": True})
    usage = chunks[-1].usage
    assert usage is not None
    assert [] == chunks[-1].choices
    assert (1, 3, 4) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    assert all(chunk.usage is None for chunk in chunks[:-1])
    thoughts = [getattr(c.choices[0].delta, "reasoning_content", None) for c in chunks[:-1]]
    assert ["Well."] == [thought for thought in thoughts if thought]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_finish_reasons(client: AsyncOpenAI, provider: Provider, reason: str) -> None:
    """Why the model stopped is reported unchanged."""
    provider.script(Reply("Hi", finish_reason=reason), Reply("Hi", finish_reason=reason))
    assert reason == (await stream(client))[-1].choices[0].finish_reason
    assert reason == (await ask(client)).choices[0].finish_reason


async def test_a_tool_of_the_clients(client: AsyncOpenAI, provider: Provider) -> None:
    """A call comes back to the client, letter by letter; its result is answered."""
    arguments = '{"city":  "Zürich", "days": 1.0}'
    provider.script(Reply("Let me see. ", tool_calls=[("weather", arguments)] * 2), Reply("Snow."))
    chunks = await stream(client, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True)
    assert "tool_calls" == chunks[-1].choices[0].finish_reason
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for piece in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"arguments": ""})
            assert piece.function is not None
            if piece.id:
                call |= {"id": piece.id, "name": piece.function.name or ""}
            call["arguments"] += piece.function.arguments or ""
    assert [("weather", arguments)] * 2 == [(c["name"], c["arguments"]) for c in calls.values()]
    assert 2 == len({call["id"] for call in calls.values()})
    assert [WEATHER] == provider.requests[0].body["tools"]

    function = {"name": "weather", "arguments": arguments}
    made = [{"id": c["id"], "type": "function", "function": function} for c in calls.values()]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "Snow"} for call in made]
    history = [*ASKED, {"role": "assistant", "content": None, "tool_calls": made}, *results]
    answer = await ask(client, messages=history, tools=[WEATHER])
    assert "Snow." == answer.choices[0].message.content
    sent = provider.requests[1].body["messages"]
    assert made == sent[1]["tool_calls"]
    assert [call["id"] for call in made] == [message["tool_call_id"] for message in sent[2:]]


async def test_a_call_in_one_piece(client: AsyncOpenAI, provider: Provider) -> None:
    """Without `stream` the calls are in the message, and even what is no JSON is handed on."""
    provider.script(Reply(tool_calls=[("weather", "{oops")]))
    choice = (await ask(client, tools=[WEATHER])).choices[0]
    assert ("tool_calls", None) == (choice.finish_reason, choice.message.content)
    assert ["{oops"] == [call.function.arguments for call in choice.message.tool_calls]


async def test_the_agents_own_tools_are_not_shown(serve: Serve) -> None:
    """An agent's own tool runs on the server: the client receives the answer alone."""
    url = serve(model="demo").url
    messages = [{"role": "user", "content": "What time is it?"}]
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        chunks = await stream(client, model="general", messages=messages)
        answer = await ask(client, model="general", messages=messages)
    async with httpx.AsyncClient(base_url=url) as http:
        run_id = answer.id.removeprefix("chatcmpl-")
        run = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert ["completed"] == [tool["status"] for tool in run["tools"]]
    assert "The tool `current_time` answered" in text_of(chunks)
    assert all(not chunk.choices[0].delta.tool_calls for chunk in chunks)
    assert answer.choices[0].message.tool_calls is None
    assert ("stop", "stop") == (
        chunks[-1].choices[0].finish_reason,
        answer.choices[0].finish_reason,
    )


class City(BaseModel):
    name: str
    people: int


async def test_structured_output(client: AsyncOpenAI, provider: Provider) -> None:
    """`.parse` gets its model back, and the provider the schema as the SDK made it."""
    provider.script(Reply('{"name": "Oslo", "people": 700000}'))
    answer = await client.chat.completions.parse(model=MODEL, messages=ASKED, response_format=City)
    assert City(name="Oslo", people=700000) == answer.choices[0].message.parsed
    form = provider.requests[0].body["response_format"]
    assert ("json_schema", "City", True) == (
        form["type"],
        form["json_schema"]["name"],
        form["json_schema"]["strict"],
    )
    assert {"name", "people"} == set(form["json_schema"]["schema"]["properties"])


async def test_options_reach_the_provider(client: AsyncOpenAI, provider: Provider) -> None:
    """Every option reaches the provider unchanged; what nobody knows is passed over."""
    options: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.25,
        "seed": 7,
        "stop": ["END", "."],
        "presence_penalty": -1,
        "frequency_penalty": 1.5,
        "logit_bias": {"50256": -100},
        "reasoning_effort": "low",
        "user": "u1",
        "metadata": {"a": "b"},
        "response_format": {"type": "json_object"},
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
    }
    unknown = {"ignore_eos": True, "stream_options": {"continuous_usage_stats": True}}
    await stream(client, **options, max_completion_tokens=9, n=1, extra_body=unknown)
    body = provider.requests[0].body
    rest = {"model", "messages", "stream", "stream_options"}
    assert {**options, "max_tokens": 9} == {k: v for k, v in body.items() if k not in rest}
    assert ASKED == body["messages"]
    await ask(client, max_tokens=3, stop="END")
    assert (3, ["END"]) == tuple(provider.requests[1].body[name] for name in ("max_tokens", "stop"))


async def test_parts_and_images(client: AsyncOpenAI, provider: Provider) -> None:
    """Content may come in parts, with images in any message."""
    data = f"data:image/png;base64,{PIXEL}"
    image = {"type": "image_url", "image_url": {"url": data, "detail": "low"}}
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}, image]
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "A pixel."},
        {"role": "user", "content": [*parts[:2], image | {"image_url": {"url": data}}]},
    ]
    await ask(client, messages=messages)
    system, first, _, last = provider.requests[0].body["messages"]
    assert ("system", "Be brief.") == (system["role"], system["content"])
    assert [{"type": "text", "text": "What is this?"}, image] == first["content"]
    assert data == last["content"][1]["image_url"]["url"]


async def test_lone_surrogates_in_a_history_are_replaced(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Half a character in a history, and NUL, do not stop a client that only repeats what it
    received."""
    content = '{"role": "assistant", "content": "a\\ud83d\\u0000b"}'
    body = f'{{"model": "general", "messages": [{content}, {{"role": "user", "content": "x"}}]}}'
    reply = await http.post("/v1/chat/completions", content=body)
    assert 200 == reply.status_code
    assert "a\ufffd\0b" == provider.requests[0].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"response_format": {"type": "poem"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"metadata": {"Team.A": 5}}, "metadata.Team.A"),
        ({"logit_bias": {"Aa": "x"}}, "logit_bias.Aa"),
    ],
)
async def test_wrong_fields_are_400(
    client: AsyncOpenAI, fields: dict[str, Any], param: str
) -> None:
    """What is wrong is refused by name, and no request is sent to the model."""
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, **fields)
    assert (param, "invalid_field") == (refused.value.param, refused.value.code)
    assert "invalid_request_error" == refused.value.type


async def test_unknown_models_are_404(client: AsyncOpenAI) -> None:
    """A model that is not here is reported as OpenAI tells it, with those that are."""
    with pytest.raises(openai.NotFoundError, match=r"'gpt-none' .* general, test-model") as unknown:
        await stream(client, model="gpt-none")
    assert "model_not_found" == unknown.value.code


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    ("reply", "error", "code", "retried"),
    [
        (RATE_LIMITED, openai.RateLimitError, "rate_limit_exceeded", True),
        (SERVER_ERROR, openai.InternalServerError, "model_unavailable", True),
        (INVALID_KEY, openai.InternalServerError, "model_auth_failed", False),
        (CONTEXT_TOO_LONG, openai.BadRequestError, "context_length_exceeded", False),
        (refusal(400, "Bad.", "bad"), openai.BadRequestError, "model_refused_request", False),
        (Reply("x", empty=True), openai.InternalServerError, "upstream_cut", False),
    ],
    ids=["limit", "down", "key", "long", "refused", "cut"],
)
async def test_failures_before_the_first_token(
    server: Server,
    provider: Provider,
    reply: Reply,
    error: type[openai.APIStatusError],
    code: str,
    retried: bool,
    streaming: bool,
) -> None:
    """They have a status of their own, streaming or not; and only what may pass is tried again."""
    provider.default = reply
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(error) as failed:
            await ask(client, stream=streaming)
    assert code == failed.value.code
    headers = failed.value.response.headers
    assert ("false" if not retried else None) == headers.get("x-should-retry")
    assert headers["x-run-id"]


async def test_no_needless_retries(client: AsyncOpenAI, provider: Provider) -> None:
    """The SDK, which would try again after most errors, does not where an answer was begun."""
    provider.default = Reply("Hi there you", cut_after=2)
    with pytest.raises(openai.InternalServerError) as failed:
        await ask(client)
    assert "upstream_cut" == failed.value.code
    assert 1 == provider.opened


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply("Hi there you", cut_after=2), "upstream_cut"),
        (Reply("Hi there you", cut_after=2, cut="clean"), "upstream_cut"),
        (Reply("Hi there you", error_frame_after=2), "model_bad_response"),
        (Reply("Hi there you", finish_reason=""), "upstream_cut"),
    ],
    ids=["cut", "clean cut", "error", "no finish reason"],
)
async def test_failures_in_mid_stream(
    client: AsyncOpenAI, provider: Provider, reply: Reply, code: str
) -> None:
    """What was sent is reported, then the SDK raises; a truncated answer never ends well."""
    provider.script(reply)
    chunks: list[ChatCompletionChunk] = []
    answer = await ask(client, stream=True)
    with pytest.raises(openai.APIError) as failed:
        await collect(answer, chunks)
    assert text_of(chunks).startswith("Hi there ")
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
    assert (code, "server_error") == (failed.value.code, failed.value.type)


async def test_a_timeout_is_an_error(serve: Serve, provider: Provider) -> None:
    """A run that takes too long is an error, in mid-stream as before it."""
    provider.default = Reply("Hi there", stall_after=1)
    url = serve(idle_timeout=0.2).url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        with pytest.raises(openai.APIError) as late:
            await stream(client)
        assert "timeout_idle" == late.value.code
        with pytest.raises(openai.InternalServerError) as late:
            await ask(client)
        assert "timeout_idle" == late.value.code
    assert 2 == provider.opened


@pytest.mark.parametrize("streaming", [True, False])
async def test_leaving_closes_the_upstream(
    client: AsyncOpenAI, provider: Provider, streaming: bool
) -> None:
    """A client that leaves ends the run, and the request to the provider with it, at once."""
    provider.script(Reply(numbered(1000), stall_after=3))
    if streaming:
        async with await ask(client, stream=True) as chunks:
            async for chunk in chunks:
                if "2 " in text_of([chunk]):
                    break
    else:
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(timeout=0.5, max_retries=0))
    left = time.monotonic()
    await provider.until(lambda: provider.aborted)
    assert time.monotonic() - left < 5


async def test_heartbeats_bridge_a_silence(serve: Serve, provider: Provider) -> None:
    """While the provider is silent there are signs of life, which the SDK passes over."""
    provider.default = Reply("Hi there you", delay_first=0.5, stall_after=2, stall_seconds=0.5)
    url = serve(heartbeat=0.1).url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        assert "Hi there you" == text_of(await stream(client))
    async with httpx.AsyncClient(base_url=url) as http:
        body = {"model": MODEL, "messages": ASKED, "stream": True}
        frames = (await http.post("/v1/chat/completions", json=body)).text.split("\n\n")
    beats = [number for number, frame in enumerate(frames) if frame == ": keep-alive"]
    assert 0 in beats
    assert any("Hi " in frame for frame in frames[: beats[-1]])


async def test_a_failure_after_a_heartbeat_is_raised(serve: Serve, provider: Provider) -> None:
    """Once a heartbeat is out there is no status any more: the error is in the stream."""
    provider.script(Reply("x", delay_first=0.5, error_frame_after=0))
    url = serve(heartbeat=0.1, upstream_retries=0).url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        chunks = await ask(client, stream=True)
        with pytest.raises(openai.APIError) as failed:
            await anext(aiter(chunks))
    assert not isinstance(failed.value, openai.APIStatusError)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("Hi there", reasoning="Well."),
        Reply("Hi", tool_calls=[("weather", "{}")] * 2),
        Reply("Hi", finish_reason="length", usage=False),
        Reply(""),
    ],
    ids=["reasoning", "calls", "length", "empty"],
)
async def test_the_types_of_the_sdk(
    http: httpx.AsyncClient, provider: Provider, reply: Reply
) -> None:
    """All that is sent is of the types that OpenAI publishes; the SDK itself does not check it."""
    provider.script(reply, reply)
    body = {"model": MODEL, "messages": ASKED, "tools": [WEATHER]}
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    whole = await http.post("/v1/chat/completions", json=body)
    ChatCompletion.model_validate_json(whole.content, strict=True)
    frames = (await http.post("/v1/chat/completions", json=body | usage)).text.split("\n\n")
    for frame in frames[:-2]:
        ChatCompletionChunk.model_validate_json(frame.removeprefix("data: "), strict=True)
    listed = (await http.get("/v1/models")).json()
    assert [Model.model_validate(card, strict=True) for card in listed["data"]]


async def test_frames_are_data_lines(http: httpx.AsyncClient, provider: Provider) -> None:
    """The frames are as OpenAI's: data lines alone, `[DONE]` last, whatever the text holds."""
    text = "a\r\n\u2028data: [DONE]\n\n\0"
    provider.script(Reply([text]))
    body = {"model": MODEL, "messages": ASKED, "stream": True}
    reply = await http.post("/v1/chat/completions", json=body)
    assert "text/event-stream" == reply.headers["content-type"].partition(";")[0]
    assert "no-store" == reply.headers["cache-control"]
    *frames, rest = reply.text.split("\n\n")
    assert "" == rest
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames)
    assert "data: [DONE]" == frames[-1]
    first, content, last = (json.loads(frame[6:]) for frame in frames[:-1])
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    assert f"chatcmpl-{reply.headers['x-run-id']}" == first["id"]
    assert [choice] == first["choices"]
    assert [choice | {"delta": {"content": text}}] == content["choices"]
    assert [choice | {"delta": {}, "finish_reason": "stop"}] == last["choices"]
    assert {"id", "object", "created", "model", "choices"} == set(first) == set(last)


async def test_an_empty_answer(client: AsyncOpenAI, provider: Provider) -> None:
    """An answer of no text is one all the same."""
    provider.script(Reply(""), Reply(""))
    chunks = await stream(client)
    assert ["assistant", None] == [chunk.choices[0].delta.role for chunk in chunks]
    assert "stop" == chunks[-1].choices[0].finish_reason
    assert "" == (await ask(client)).choices[0].message.content


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/none", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("POST", "/v1/assistants", 404, "not_found"),
        ("PUT", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", 400, "bad_request"),
    ],
)
async def test_every_error_has_openais_shape(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """Whatever goes wrong below /v1 is reported in OpenAI's shape, with all four fields."""
    reply = await http.request(method, path)
    assert status == reply.status_code
    error = reply.json()["error"]
    assert {"message", "type", "param", "code"} == set(error)
    assert ("invalid_request_error", None, code) == (error["type"], error["param"], error["code"])
    assert "false" == reply.headers["x-should-retry"]
    assert (status == 405) == ("allow" in reply.headers)


async def test_errors_of_other_doors_keep_their_shape(http: httpx.AsyncClient) -> None:
    """What is not below /v1 has our own shape of an error."""
    assert {"code", "message"} == set((await http.get("/v1x")).json()["error"])


async def test_a_completion_can_be_followed_natively(
    client: AsyncOpenAI, http: httpx.AsyncClient
) -> None:
    """What was requested here can be watched on the native door, by the ids in the headers."""
    reply = await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED)
    run_id = reply.headers["x-run-id"]
    answer = reply.parse().choices[0].message.content
    assert f"chatcmpl-{run_id}" == reply.parse().id
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert answer == state["content"]
    assert reply.headers["x-conversation-id"] == state["conversation_id"]
    events = await http.get(f"/api/v1/runs/{run_id}/events")
    assert '"done":true' in events.text


async def test_nothing_is_kept_without_a_conversation_id(
    client: AsyncOpenAI, http: httpx.AsyncClient
) -> None:
    """The client has the history: the server keeps no conversation."""
    reply = await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED)
    await ended(http, reply.headers["x-run-id"])
    assert 0 == (await http.get("/api/v1/conversations")).json()["total"]


async def test_a_named_conversation_is_kept(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """It is kept; a lone question is sent in its memory, and a history takes that one's place."""
    mine = client.with_options(default_headers={"X-Conversation-Id": "c"})
    system = {"role": "system", "content": "Be brief."}

    def content(number: int) -> list[str]:
        return [m["content"] for m in provider.requests[number].body["messages"]]

    provider.default = Reply("A")
    await ask(mine, messages=[{"role": "user", "content": "Q1"}])
    await ask(mine, messages=[system, {"role": "user", "content": "Q2"}])
    assert ["Be brief.", "Q1", "A", "Q2"] == content(1)
    history = [
        {"role": "user", "content": "another"},
        {"role": "assistant", "content": "story"},
        {"role": "user", "content": "Q3"},
    ]
    await ask(mine, messages=history)
    assert ["another", "story", "Q3"] == content(2)
    stored = (await http.get("/api/v1/conversations/c")).json()["messages"]
    assert ["Q1", "A", "Q2", "A", "Q3", "A"] == [message["content"] for message in stored]


async def test_a_tool_in_a_conversation_that_is_named(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """A turn with calls of the client's tools is kept once, however many requests it takes."""
    mine = client.with_options(default_headers={"X-Conversation-Id": "c"})
    provider.script(
        Reply(tool_calls=[("weather", "{}")]), Reply("Snow."), Reply("You are welcome.")
    )
    message = (await ask(mine, tools=[WEATHER])).choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "-3"}
    await ask(mine, messages=[*ASKED, message, result], tools=[WEATHER])
    await ask(mine, messages=[{"role": "user", "content": "Thanks"}])
    stored = (await http.get("/api/v1/conversations/c")).json()["messages"]
    assert ["Hello?", "Snow.", "Thanks", "You are welcome."] == [m["content"] for m in stored]
    heard = [message["role"] for message in provider.requests[-1].body["messages"]]
    assert ["user", "assistant", "tool", "assistant", "user"] == heard


async def test_a_malformed_conversation_id_is_400(client: AsyncOpenAI) -> None:
    """A conversation's name that cannot be one is refused."""
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, extra_headers={"X-Conversation-Id": "no/name"})
    assert "conversation_id" == refused.value.param
