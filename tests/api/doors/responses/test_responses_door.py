"""The Responses door, driven by OpenAI's own client as it is."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from agno.agent import Agent
from httpx_sse import EventSource
from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import Response, ResponseItemList
from pydantic import BaseModel

from tests.api.doors.responses.oracles import (
    Event,
    check_response,
    events_of,
    is_complete,
    text_of,
)
from tests.applications.tools import shout
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
from tests.streaming.reader import ended, wait_for_text

MODEL = "test-model"
PATH = "/v1/responses"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
PIXEL = base64.b64encode(bytes.fromhex("89504e470d0a1a0a")).decode()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="none", timeout=30, max_retries=0
    ) as client:
        yield client


async def ask(client: AsyncOpenAI, given: Any = "Hello?", **fields: Any) -> Response:
    """A whole response."""
    answer = await client.responses.create(**{"model": MODEL, "input": given, **fields})
    assert isinstance(answer, Response)
    return answer


async def stream(client: AsyncOpenAI, given: Any = "Hello?", **fields: Any) -> list[Event]:
    """All events of a streamed response."""
    fields = {"model": MODEL, "input": given, **fields}
    found = [e.to_dict() async for e in await client.responses.create(stream=True, **fields)]
    is_complete(found)
    return found


async def frames(http: httpx.AsyncClient, method: str, path: str, **further: Any) -> list[Event]:
    """All events of a stream, checked against both specifications."""
    async with http.stream(method, path, **further) as response:
        assert 200 == response.status_code, await response.aread()
        return events_of([event async for event in EventSource(response).aiter_sse()])


def sent(provider: Provider) -> list[Any]:
    """The roles and contents of the messages of the last request to the provider."""
    messages = provider.requests[-1].body["messages"]
    return [(message["role"], message.get("content")) for message in messages]


async def test_a_whole_response(http: httpx.AsyncClient, provider: Provider) -> None:
    """Without `stream` the response is one object, as both specifications have it."""
    provider.script(Reply("Hi there, 🙂", reasoning="Say hi."))
    reply = await http.post(PATH, json={"model": MODEL, "input": "Hello?", "metadata": {"a": "b"}})
    check_response(reply.json())
    response = Response.model_validate(reply.json())
    assert ("completed", MODEL, "Hi there, 🙂") == (
        response.status,
        response.model,
        response.output_text,
    )
    assert ["reasoning", "message"] == [item.type for item in response.output]
    assert {"a": "b"} == response.metadata
    assert response.usage is not None
    assert 2 == response.usage.output_tokens_details.reasoning_tokens
    assert reply.headers["x-run-id"] == response.id.removeprefix("resp_")
    assert response.completed_at is not None


async def test_a_stream(http: httpx.AsyncClient, provider: Provider) -> None:
    """Events are valid by both specifications, and the last has the whole response."""
    provider.script(Reply("Hi there, 🙂", reasoning="Say hi."))
    payload = {"model": MODEL, "input": "Hello?", "stream": True}
    events = await frames(http, "POST", PATH, json=payload)
    is_complete(events)
    assert ["response.created", "response.in_progress"] == [e["type"] for e in events[:2]]
    assert "response.completed" == events[-1]["type"]
    last = events[-1]["response"]
    assert "Hi there, 🙂" == text_of(events) == Response.model_validate(last).output_text
    stored = (await http.get(f"{PATH}/{last['id']}")).json()
    assert {**last, "completed_at": stored["completed_at"]} == stored


@pytest.mark.parametrize(
    ("reason", "detail"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
async def test_limits_are_incomplete(
    client: AsyncOpenAI, provider: Provider, reason: str, detail: str
) -> None:
    """An answer that reached a limit is incomplete, streamed or whole."""
    provider.script(Reply("Hi", finish_reason=reason), Reply("Hi", finish_reason=reason))
    assert "response.incomplete" == (await stream(client))[-1]["type"]
    answer = await ask(client)
    assert answer.incomplete_details is not None
    assert ("incomplete", detail, "Hi") == (
        answer.status,
        answer.incomplete_details.reason,
        answer.output_text,
    )


REFUSALS = [
    (INVALID_KEY, openai.InternalServerError, "model_auth_failed"),
    (RATE_LIMITED, openai.RateLimitError, "rate_limit_exceeded"),
    (CONTEXT_TOO_LONG, openai.BadRequestError, "context_length_exceeded"),
    (SERVER_ERROR, openai.InternalServerError, "model_unavailable"),
]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(("reply", "error", "code"), REFUSALS, ids=[row[2] for row in REFUSALS])
async def test_failures_before_any_text_have_a_status(
    client: AsyncOpenAI,
    provider: Provider,
    reply: Reply,
    error: type[openai.APIStatusError],
    code: str,
    streamed: bool,
) -> None:
    """The SDK raises its class for the failure, with OpenAI's code, streamed or not."""
    provider.script(*[reply] * 3)
    with pytest.raises(error) as raised:
        await (stream(client) if streamed else ask(client))
    assert code == raised.value.code


@pytest.mark.parametrize(
    "reply", [Reply("Hello you", cut_after=1), Reply("Hello you", error_frame_after=1)]
)
async def test_later_failures_are_a_failed_response(
    client: AsyncOpenAI, provider: Provider, reply: Reply
) -> None:
    """A stream that breaks off ends with `response.failed` and the text so far."""
    provider.script(reply)
    last = (await stream(client))[-1]
    assert "response.failed" == last["type"]
    response = Response.model_validate(last["response"])
    assert ("failed", "Hello ") == (response.status, response.output_text)
    stored = await client.responses.retrieve(response.id)
    assert stored.error is not None
    assert ("failed", "Hello ", "server_error") == (
        stored.status,
        stored.output_text,
        stored.error.code,
    )


async def test_a_tool_of_the_clients(client: AsyncOpenAI, provider: Provider) -> None:
    """A call comes as the model wrote it; its result, as an item, continues the answer."""
    arguments = '{"city":  "Zürich", "days": 1.0}'
    provider.script(Reply("Let me see. ", tool_calls=[("weather", arguments)] * 2), Reply("Snow."))
    events = await stream(client, tools=[WEATHER])
    done = [e for e in events if e["type"] == "response.function_call_arguments.done"]
    assert [arguments] * 2 == [event["arguments"] for event in done]
    response = Response.model_validate(events[-1]["response"])
    assert "completed" == response.status
    calls = [item for item in response.output if item.type == "function_call"]
    assert 2 == len({call.call_id for call in calls})
    results: Any = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "Snow"}
        for call in calls
    ]
    answer = await ask(client, results, previous_response_id=response.id, tools=[WEATHER])
    assert "Snow." == answer.output_text
    assert ["user", "assistant", "tool", "tool"] == [role for role, _ in sent(provider)]
    made = provider.requests[-1].body["messages"]
    assert [c.call_id for c in calls] == [c["id"] for c in made[1]["tool_calls"]]
    provider.script(Reply("Yes."))
    await ask(client, "Sure?", previous_response_id=answer.id)
    assert ["user", "assistant", "tool", "tool", "assistant", "user"] == [
        role for role, _ in sent(provider)
    ]


async def test_a_client_with_its_own_history(client: AsyncOpenAI, provider: Provider) -> None:
    """The items of a response can be sent back as input, which is a history then."""
    provider.script(
        Reply("Well. ", reasoning="Hm.", tool_calls=[("weather", "{}")]), Reply("Snow.")
    )
    first = await ask(client, tools=[WEATHER], store=False)
    items: Any = [{"role": "user", "content": "Hello?"}]
    items += [item.to_dict() for item in first.output]
    call = next(item for item in first.output if item.type == "function_call")
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "Snow"})
    assert "Snow." == (await ask(client, items, tools=[WEATHER], store=False)).output_text
    assert [("user", "Hello?"), ("assistant", "Well. "), ("tool", "Snow")] == sent(provider)


async def test_a_chain_of_tool_calls(client: AsyncOpenAI, provider: Provider) -> None:
    """Each result is added to the turn of the question, however long the chain is."""
    provider.script(*[Reply(tool_calls=[("weather", "{}")])] * 3, Reply("Snow."))
    answer = await ask(client, tools=[WEATHER], instructions="Be brief.")
    for _ in range(3):
        call = answer.output[0]
        assert call.type == "function_call"
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "?"}
        answer = await ask(client, [result], previous_response_id=answer.id, tools=[WEATHER])
    assert "Snow." == answer.output_text
    roles = [role for role, _ in sent(provider)]
    assert ["user", *["assistant", "tool"] * 3] == roles


async def test_a_result_of_an_unknown_call(client: AsyncOpenAI) -> None:
    """A result without its call is refused by its id."""
    result: Any = [{"type": "function_call_output", "call_id": "call_x", "output": "?"}]
    with pytest.raises(openai.BadRequestError, match="call_x"):
        await ask(client, result)


def fail(text: str) -> str:
    """Always fail."""
    raise ValueError(text)


@pytest.fixture
async def agent(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server whose agent has tools of its own."""
    url = serve(agents=[Agent(id="general", tools=[shout, fail])]).url
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


async def test_tools_of_the_server(agent: httpx.AsyncClient, provider: Provider) -> None:
    """They are shown as calls with their results, between the messages."""
    provider.script(Reply("Wait. ", tool_calls=[("shout", '{"text": "hé"}')]), Reply("It said HÉ."))
    payload = {"model": "general", "input": "Hello?", "stream": True}
    events = await frames(agent, "POST", PATH, json=payload)
    is_complete(events)
    output = events[-1]["response"]["output"]
    kinds = ["message", "function_call", "function_call_output", "message"]
    assert kinds == [item["type"] for item in output]
    assert output[1]["call_id"] == output[2]["call_id"]
    assert ('{"text":"hé"}', "HÉ") == (output[1]["arguments"], output[2]["output"])


@pytest.mark.parametrize(("tool", "status"), [("shout", "completed"), ("fail", "failed")])
async def test_tools_of_the_server_beside_those_of_the_client(
    agent: httpx.AsyncClient, provider: Provider, tool: str, status: str
) -> None:
    """A client that runs tools itself sees the server's as `mcp_call`s, which it does not run."""
    provider.script(Reply(tool_calls=[(tool, '{"text": "a"}')]), Reply("Done."))
    payload = {"input": "Hello?", "stream": True, "tools": [WEATHER]}
    async with agent.stream("POST", PATH, json=payload) as response:
        found = [event async for event in EventSource(response).aiter_sse()]
    events = events_of(found, hosted=True)
    is_complete(events)
    call = events[-1]["response"]["output"][0]
    assert ("mcp_call", tool, status) == (call["type"], call["name"], call["status"])
    assert ("A" if status == "completed" else None) == call["output"]
    assert (status == "failed") == (call["error"] is not None)


@pytest.mark.parametrize("form", ["function_call", "mcp_call"])
async def test_the_form_of_tools_of_the_server_can_be_chosen(
    agent: httpx.AsyncClient, provider: Provider, form: str
) -> None:
    """A header chooses the form, whatever tools the request brings; another word is refused."""
    payload: dict[str, Any] = {"input": "Hello?"}
    for tools in ([], [WEATHER]):
        provider.script(Reply(tool_calls=[("shout", '{"text": "a"}')]), Reply("Done."))
        payload["tools"] = tools
        reply = await agent.post(PATH, json=payload, headers={"X-Server-Tools": form})
        assert form == reply.json()["output"][0]["type"]
    reply = await agent.post(PATH, json=payload, headers={"X-Server-Tools": "x"})
    assert 400 == reply.status_code


async def test_a_custom_tool(client: AsyncOpenAI, provider: Provider) -> None:
    """A tool whose input is plain text is a function for the model, and text for the client."""
    provider.script(Reply(tool_calls=[("patch", '{"input": "+1\\n-2"}')]), Reply("Done."))
    tool: Any = {"type": "custom", "name": "patch"}
    events = await stream(client, tools=[tool])
    item = events[-1]["response"]["output"][0]
    assert ("custom_tool_call", "+1\n-2") == (item["type"], item["input"])
    function = provider.requests[-1].body["tools"][0]["function"]
    assert ["input"] == function["parameters"]["required"]
    result: Any = [{"type": "custom_tool_call_output", "call_id": item["call_id"], "output": "OK"}]
    answer = await ask(
        client, result, previous_response_id=events[-1]["response"]["id"], tools=[tool]
    )
    assert "Done." == answer.output_text


CHOICES: list[tuple[Any, Any]] = [
    ("auto", None),
    ("none", "none"),
    ("required", "required"),
    (
        {"type": "function", "name": "weather"},
        {"type": "function", "function": {"name": "weather"}},
    ),
    (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "weather"}],
        },
        "required",
    ),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
async def test_tool_choices(
    client: AsyncOpenAI, provider: Provider, choice: Any, expected: Any
) -> None:
    """A choice goes to the provider in the form of its protocol."""
    provider.script(Reply("Hi"))
    answer = await ask(client, tools=[WEATHER], tool_choice=choice)
    assert expected == provider.requests[-1].body.get("tool_choice")
    assert choice == (
        answer.tool_choice if isinstance(choice, str) else answer.to_dict()["tool_choice"]
    )


class City(BaseModel):
    name: str
    people: int


async def test_structured_output(client: AsyncOpenAI, provider: Provider) -> None:
    """`.parse` gets its model back, and the provider the schema as the SDK made it."""
    provider.script(Reply('{"name": "Bern", "people": 146}'))
    answer = await client.responses.parse(model=MODEL, input="Which?", text_format=City)
    assert City(name="Bern", people=146) == answer.output_parsed
    form = provider.requests[-1].body["response_format"]
    assert "json_schema" == form["type"]
    assert {"name", "people"} == set(form["json_schema"]["schema"]["properties"])


async def test_options_reach_the_provider(client: AsyncOpenAI, provider: Provider) -> None:
    """Each option is sent on under the provider's name for it."""
    provider.script(Reply("Hi"))
    await ask(
        client,
        temperature=0.5,
        top_p=0.25,
        max_output_tokens=7,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        parallel_tool_calls=False,
        tools=[WEATHER],
        instructions="Be brief.",
        truncation="auto",
        include=["reasoning.encrypted_content"],
    )
    body = provider.requests[-1].body
    assert (0.5, 0.25, "low", "low", False) == tuple(
        body[name]
        for name in (
            "temperature",
            "top_p",
            "reasoning_effort",
            "verbosity",
            "parallel_tool_calls",
        )
    )
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert ("system", "Be brief.") == sent(provider)[0]


async def test_media_of_a_question(client: AsyncOpenAI, provider: Provider) -> None:
    """Pictures and files of the last message go to the model."""
    provider.script(Reply("A pixel."))
    content = [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
        {
            "type": "input_file",
            "filename": "a.txt",
            "file_data": f"data:text/plain;base64,{PIXEL}",
        },
    ]
    await ask(client, [{"role": "user", "content": content}])
    kinds = [part["type"] for part in provider.requests[-1].body["messages"][-1]["content"]]
    assert "text" in kinds
    assert "image_url" in kinds
    assert "file" in kinds


async def test_a_conversation_of_responses(client: AsyncOpenAI, provider: Provider) -> None:
    """`previous_response_id` continues the conversation; instructions hold for one response."""
    provider.script(Reply("One."), Reply("Two."), Reply("Three."))
    developer: Any = [{"role": "developer", "content": "D"}, {"role": "user", "content": "1?"}]
    first = await ask(client, developer, instructions="I.")
    second = await ask(client, "2?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    await ask(client, "3?", previous_response_id=second.id)
    assert [
        ("system", "D"),
        ("user", "1?"),
        ("assistant", "One."),
        ("user", "2?"),
        ("assistant", "Two."),
        ("user", "3?"),
    ] == sent(provider)


async def test_a_branch_of_a_conversation(client: AsyncOpenAI, provider: Provider) -> None:
    """An earlier response can be continued once more: without what came after it."""
    provider.script(*(Reply(text) for text in ("One.", "Two.", "Other.", "More.")))
    first = await ask(client, "1?")
    await ask(client, "2?", previous_response_id=first.id)
    branch = await ask(client, "Other?", previous_response_id=first.id)
    assert [("user", "1?"), ("assistant", "One."), ("user", "Other?")] == sent(provider)
    await ask(client, "More?", previous_response_id=branch.id)
    assert [
        ("user", "1?"),
        ("assistant", "One."),
        ("user", "Other?"),
        ("assistant", "Other."),
        ("user", "More?"),
    ] == sent(provider)


async def test_a_named_conversation(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """`conversation` names the server's own conversation, that of all doors."""
    provider.script(Reply("One."), Reply("Two."))
    first = await ask(client, "1?", conversation="c-1")
    assert first.conversation is not None
    assert "c-1" == first.conversation.id
    await ask(client, "2?", conversation={"id": "c-1"})
    assert [("user", "1?"), ("assistant", "One."), ("user", "2?")] == sent(provider)
    stored = (await http.get("/api/v1/conversations/c-1")).json()
    assert ["1?", "One.", "2?", "Two."] == [message["content"] for message in stored["messages"]]


async def test_what_is_not_stored(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """With `store: false` nothing is kept: no response to read, none to continue, no turn."""
    provider.script(*[Reply("Hi.")] * 4)
    answer = await ask(client, store=False)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(answer.id)
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, previous_response_id=answer.id)
    assert "previous_response_id" == refused.value.param
    assert 0 == (await http.get("/api/v1/conversations")).json()["total"]
    kept = await ask(client, "1?")
    await ask(client, "2?", previous_response_id=kept.id, store=False)
    assert [("user", "1?"), ("assistant", "Hi."), ("user", "2?")] == sent(provider)
    assert 1 == (await http.get("/api/v1/conversations")).json()["total"]


async def test_references_to_items(client: AsyncOpenAI, provider: Provider) -> None:
    """An item of an earlier response may be named by its id, as the AI SDK does."""
    provider.script(Reply("One."), Reply("Two."))
    first = await ask(client, "1?")
    items: Any = [
        {"role": "user", "content": "1?"},
        {"type": "item_reference", "id": first.output[0].id},
        {"role": "user", "content": "2?"},
    ]
    await ask(client, items)
    assert [("user", "1?"), ("assistant", "One."), ("user", "2?")] == sent(provider)
    with pytest.raises(openai.BadRequestError, match="msg_none_0"):
        await ask(client, [{"id": "msg_none_0"}, items[2]])


async def test_a_response_in_the_background(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """It is returned at once, goes on without readers, and can be read and followed."""
    provider.script(Reply("Hi there", delay_first=0.3))
    started = await ask(client, background=True)
    assert (True, "queued") == (started.background, started.status)
    found = [e async for e in await client.responses.retrieve(started.id, stream=True)]
    assert ["response.created", "response.queued", "response.in_progress"] == [
        event.type for event in found[:3]
    ]
    assert "response.completed" == found[-1].type
    stored = await client.responses.retrieve(started.id)
    assert ("completed", "Hi there") == (stored.status, stored.output_text)


async def cut(streamed: AsyncStream[Any]) -> None:
    """Close a stream before its end, and read on: the SDK leaves the generators below it to the
    garbage collector, which closes them in any order, but a read lets them end."""
    await streamed.close()
    with contextlib.suppress(openai.APIConnectionError):
        async for _ in streamed:
            pass


@pytest.mark.parametrize("background", [True, False])
async def test_a_stream_is_cut_and_resumed(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider, background: bool
) -> None:
    """After each event the stream continues with the next one, in the middle and at the end."""
    provider.script(Reply(numbered(10), stall_after=5, stall_seconds=0.5))
    create = client.responses.create
    events: list[Event] = []
    async with await create(
        model=MODEL, input="Hello?", stream=True, background=background
    ) as streamed:
        async for event in streamed:
            events.append(event.to_dict())
            if event.type == "response.output_text.delta" and len(events) > 6:
                break
        await cut(streamed)
    name = events[0]["response"]["id"]
    while events[-1]["type"] != "response.completed":
        after = events[-1]["sequence_number"]
        async with await client.responses.retrieve(
            name, stream=True, starting_after=after
        ) as streamed:
            async for event in streamed:
                events.append(event.to_dict())
                break
            await cut(streamed)
    is_complete(events)
    assert "".join(numbered(10)) == text_of(events)
    whole = await frames(http, "GET", f"{PATH}/{name}?stream=true")
    assert [e["sequence_number"] for e in whole] == [e["sequence_number"] for e in events]
    for after in range(-1, len(whole)):
        path = f"{PATH}/{name}?stream=true&starting_after={after}"
        assert whole[after + 1 :] == await frames(http, "GET", path)


async def test_cancelling(client: AsyncOpenAI, provider: Provider) -> None:
    """A cancelled response ends as such, with its text so far, and stays so."""
    provider.script(Reply("Hello you", stall_after=1))
    create = client.responses.create
    async with await create(model=MODEL, input="Hello?", stream=True, background=True) as streamed:
        events: list[Event] = []
        async for event in streamed:
            events.append(event.to_dict())
            if event.type == "response.output_text.delta":
                name = events[0]["response"]["id"]
                cancelled = await client.responses.cancel(name)
                assert ("cancelled", "Hello ") == (cancelled.status, cancelled.output_text)
    assert ("response.failed", "cancelled") == (
        events[-1]["type"],
        events[-1]["response"]["status"],
    )
    assert "cancelled" == (await client.responses.cancel(events[0]["response"]["id"])).status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"store": False}, "cancelled"),
        ({"store": True}, "in_progress"),
        ({"background": True}, "in_progress"),
    ],
)
async def test_a_reader_that_leaves(
    client: AsyncOpenAI,
    http: httpx.AsyncClient,
    provider: Provider,
    fields: dict[str, Any],
    status: str,
) -> None:
    """A run that is not stored ends with its reader; others go on, since one may come back."""
    provider.script(Reply("Hello you", stall_after=1, stall_seconds=3))
    create, name = client.responses.create, ""
    async with await create(model=MODEL, input="Hello?", stream=True, **fields) as streamed:
        async for event in streamed:
            if event.type == "response.created":
                name = event.response.id
            if event.type == "response.output_text.delta":
                break
    run_id = name.removeprefix("resp_")
    if status == "cancelled":
        assert "cancelled" == (await ended(http, run_id))["status"]
    else:
        assert status == (await client.responses.retrieve(name)).status
        assert "completed" == (await ended(http, run_id))["status"]


async def test_deleting(client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider) -> None:
    """A deleted response is gone, with its turn, also if it was being written."""
    provider.script(Reply("One."), Reply("Two."), Reply("Hello you", stall_after=1))
    first = await ask(client, "1?")
    second = await ask(client, "2?", conversation="c-1")
    third = await ask(client, "3?", background=True)
    await wait_for_text(http, "Hello ")
    for answer in (first, second, third):
        await client.responses.delete(answer.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(answer.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.delete(answer.id)
        assert 404 == (await http.get(f"/api/v1/runs/{answer.id[5:]}")).status_code
    stored = (await http.get("/api/v1/conversations")).json()["conversations"]
    assert ["c-1"] == [conversation["conversation_id"] for conversation in stored]


async def test_input_items(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """The items of a request are listed, the last one first, a page at a time."""
    provider.script(Reply("Hi."))
    items: Any = [
        {"role": "developer", "content": "D"},
        {"role": "user", "content": "1?"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "O"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": [{"type": "input_text", "text": "2?"}]},
    ]
    answer = await ask(client, items)
    listed = [item async for item in client.responses.input_items.list(answer.id, limit=2)]
    assert [
        "message",
        "message",
        "function_call_output",
        "function_call",
        "message",
        "message",
    ] == [item.type for item in listed]
    first = (await http.get(f"{PATH}/{answer.id}/input_items?order=asc")).json()
    ResponseItemList.model_validate(first)
    assert [item.id for item in listed] == [item["id"] for item in first["data"]][::-1]
    assert [{"type": "input_text", "text": "2?"}] == first["data"][-1]["content"]


async def test_a_run_of_another_door(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """A run of any door is a response, by its run id, and can be continued."""
    provider.script(Reply("One."), Reply("Two."))
    run = (await http.post("/api/v1/chat", json={"message": "1?", "stream": False})).json()
    reply = (await http.get(f"{PATH}/{run['run_id']}")).json()
    check_response(reply)
    assert "One." == Response.model_validate(reply).output_text
    items = await client.responses.input_items.list(reply["id"])
    assert ["1?"] == [item.content[0].text for item in items.data]  # type: ignore[union-attr,index]  # a message
    await ask(client, "2?", previous_response_id=run["run_id"])
    assert [("user", "1?"), ("assistant", "One."), ("user", "2?")] == sent(provider)


async def test_owners(serve: Serve, provider: Provider) -> None:
    """Nobody reads, follows, continues or cancels a response of another principal."""
    url = serve(api_keys="ann:ann-key-0123456789,bob:bob-key-0123456789").url
    provider.script(Reply("Hi."))
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="ann-key-0123456789", max_retries=0) as ann,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="bob-key-0123456789", max_retries=0) as bob,
    ):
        answer = await ask(ann)
        for call in (
            bob.responses.retrieve(answer.id),
            bob.responses.retrieve(answer.id, stream=True),
            bob.responses.cancel(answer.id),
            bob.responses.input_items.list(answer.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await call
        with pytest.raises(openai.BadRequestError):
            await ask(bob, previous_response_id=answer.id)


async def test_the_same_request_again(http: httpx.AsyncClient, provider: Provider) -> None:
    """A request with the same `Idempotency-Key` starts no second run."""
    provider.script(Reply("Hi."))
    headers = {"Idempotency-Key": "k1"}
    payload = {"model": MODEL, "input": "Hello?"}
    first = (await http.post(PATH, json=payload, headers=headers)).json()
    again = (await http.post(PATH, json=payload, headers=headers)).json()
    assert first == again
    other = await http.post(PATH, json={**payload, "input": "?"}, headers=headers)
    assert 422 == other.status_code


INVALID: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"input": []}, "input"),
    ({"input": ""}, None),
    ({"input": 7}, "input"),
    ({"input": [7]}, "input.0"),
    ({"input": [{"role": "user"}]}, "input.0.content"),
    ({"input": [{"role": "developer", "content": "D"}]}, None),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input"),
    ({"input": "?", "model": "none"}, "model"),
    ({"input": "?", "prompt": {"id": "p"}}, "prompt"),
    ({"input": "?", "previous_response_id": "resp_none"}, "previous_response_id"),
    ({"input": "?", "previous_response_id": "a", "conversation": "b"}, None),
    ({"input": "?", "background": True, "store": False}, None),
    ({"input": "?", "tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"input": "?", "tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
    ({"input": "?", "text": {"format": {"type": "json_schema"}}}, "text.format"),
    ({"input": "a\0b"}, None),
    (
        {"input": [{"type": "mcp_approval_response", "approval_request_id": "m", "approve": True}]},
        None,
    ),
]


@pytest.mark.parametrize(("payload", "param"), INVALID, ids=[json.dumps(row[0]) for row in INVALID])
async def test_what_is_refused(
    http: httpx.AsyncClient, payload: dict[str, Any], param: str | None
) -> None:
    """What cannot be done is refused by its name, in OpenAI's shape, and never with 500."""
    reply = await http.post(PATH, json={"model": MODEL, **payload})
    assert reply.status_code in (400, 404), reply.text
    error = reply.json()["error"]
    assert {"message", "type", "param", "code"} == set(error)
    assert param == error["param"]


async def test_what_is_passed_over(http: httpx.AsyncClient, provider: Provider) -> None:
    """Tools and items that the server does not know change nothing, and are named in a header."""
    provider.script(Reply("Hi."))
    reply = await http.post(
        PATH,
        json={
            "model": MODEL,
            "input": [
                {"type": "web_search_call", "id": "ws", "status": "completed"},
                {"type": "reasoning", "id": "rs", "summary": []},
                {"role": "user", "content": "Hello?"},
            ],
            "tools": [{"type": "web_search"}, WEATHER],
            "include": ["message.output_text.logprobs"],
            "stream_options": {"include_obfuscation": False},
            "stroe": True,
        },
    )
    assert 200 == reply.status_code, reply.text
    named = "stroe, tools.0 (web_search), input.0 (web_search_call)"
    assert named == reply.headers["x-ignored-fields"]
    assert ["weather"] == [tool["name"] for tool in reply.json()["tools"]]


async def test_errors_of_other_paths(http: httpx.AsyncClient) -> None:
    """Unknown responses and wrong methods are answered in OpenAI's shape."""
    for method, path, status in (
        ("GET", f"{PATH}/resp_none", 404),
        ("GET", f"{PATH}/resp_none?stream=true", 404),
        ("GET", f"{PATH}/resp_none?starting_after=x", 400),
        ("POST", f"{PATH}/resp_none/cancel", 404),
        ("GET", f"{PATH}/resp_none/input_items", 404),
        ("PUT", PATH, 405),
    ):
        reply = await http.request(method, path)
        assert status == reply.status_code, (method, path, reply.text)
        assert {"message", "type", "param", "code"} == set(reply.json()["error"])


async def test_heartbeats(serve: Serve, provider: Provider) -> None:
    """The SDK survives the heartbeats of a silent model."""
    url = serve(heartbeat=0.05).url
    provider.script(Reply("Hi there", delay_first=0.3))
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        assert "Hi there" == text_of(await stream(client))


async def test_a_silent_upstream(serve: Serve, provider: Provider) -> None:
    """A model that says nothing in time is a failed response, with its reason."""
    url = serve(first_token_timeout=0.3, heartbeat=0.1).url
    provider.script(Reply("Hi there", stall_after=0))
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        last = (await stream(client))[-1]
    assert ("response.failed", "timeout_first_token") == (
        last["type"],
        last["response"]["error"]["type"],
    )


async def test_limits(serve: Serve, provider: Provider) -> None:
    """A principal that has used up its requests is refused as OpenAI's clients expect it."""
    url = serve(rate_limit="1 requests/minute").url
    provider.script(Reply("Hi."))
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        await ask(client)
        with pytest.raises(openai.RateLimitError) as refused:
            await ask(client)
    assert "rate_limit_exceeded" == refused.value.code
    assert int(refused.value.response.headers["retry-after"]) > 0


async def test_a_log_without_its_beginning(serve: Serve, provider: Provider) -> None:
    """Numbers that cannot be made any more are refused; the rest of the text can still be read."""
    url = serve(journal_url="memory://?run_bytes=4000", hub_run_bytes=1000).url
    provider.script(Reply(numbered(200), one_write_per_token=True, rate=2000))
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        started = (await http.post(PATH, json={"input": "Hello?", "background": True})).json()
        await ended(http, started["id"].removeprefix("resp_"))
        streamed = await http.get(f"{PATH}/{started['id']}?stream=true&starting_after=3")
        assert (410, "gap") == (streamed.status_code, streamed.json()["error"]["code"])
        found = (await http.get(f"{PATH}/{started['id']}")).json()
    check_response(found)
    assert Response.model_validate(found).output_text.endswith("199 ")


async def test_end_users_of_one_key(client: AsyncOpenAI, provider: Provider) -> None:
    """A conversation of responses stays with its end user, who need be named only once."""
    provider.script(Reply("One."), Reply("Two."))
    first = await ask(client, "1?", user="ann")
    await ask(client, "2?", previous_response_id=first.id)
    assert [("user", "1?"), ("assistant", "One."), ("user", "2?")] == sent(provider)


async def test_a_response_so_far(
    client: AsyncOpenAI, http: httpx.AsyncClient, provider: Provider
) -> None:
    """A response that is being written has the text so far, and is not complete."""
    provider.script(Reply("Hello you", stall_after=1, stall_seconds=2))
    started = await ask(client, background=True)
    await wait_for_text(http, "Hello ")
    found = (await http.get(f"{PATH}/{started.id}")).json()
    check_response(found)
    assert ("in_progress", "in_progress") == (found["status"], found["output"][0]["status"])
    assert "Hello " == found["output"][0]["content"][0]["text"]
