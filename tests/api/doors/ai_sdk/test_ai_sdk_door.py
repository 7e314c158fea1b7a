"""The AI SDK door over HTTP: what pages send, what they get, and how they come back."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from httpx_sse import EventSource

from tests.api.doors.ai_sdk.page import API, Page, ask, read, said
from tests.applications.tools import shout
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.server import Server

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
PICTURE = {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PIXEL}"}
CHATS = count()


def fail(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that need nothing special."""
    model = OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")
    agents = [
        Agent(id="general", model=model, tools=[shout, fail], add_history_to_context=True),
        Agent(id="other", model=model),
    ]
    with Server(tmp_path_factory.mktemp("data"), agents=agents, heartbeat=0.1) as running:
        yield running


@pytest.fixture
async def http(server: Server, provider: Provider) -> AsyncIterator[httpx.AsyncClient]:
    provider.requests.clear()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture
def chat() -> str:
    return f"chat-{next(CHATS)}"


def sent(provider: Provider) -> list[dict[str, Any]]:
    """The messages of the last request to the provider."""
    messages: list[dict[str, Any]] = provider.requests[-1].body["messages"]
    return messages


async def test_an_answer_is_a_message(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """It has an id and metadata, its chat is a conversation, and heartbeats pass unseen."""
    provider.script(Reply("Hello there", reasoning="Hm.", delay_first=0.3))
    page = await ask(http, said("Hello?"), id=chat)
    assert ("Hello there", "Hm.", "stop") == (page.text, page.reasoning, page.finish)
    run_id = page.metadata["runId"]
    assert (f"msg_{run_id}", chat) == (page.id, page.metadata["conversationId"])
    assert 3 == page.metadata["usage"]["output_tokens"]
    stored = (await http.get(f"/api/v1/conversations/{chat}")).json()["messages"]
    assert ["Hello?", "Hello there"] == [message["content"] for message in stored]
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert "Hello there" == state["content"]


async def test_the_last_message_alone_is_enough(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """The server knows the others; both forms of `prepareSendMessagesRequest` are read."""
    provider.script(Reply("One."), Reply("Two."), Reply("Three."))
    await ask(http, said("First."), id=chat)
    await ask(http, said("Second."), id=chat)
    body = {"id": chat, "message": said("Third.")}
    assert "Three." == read(await http.post(API, json=body)).text
    assert ["First.", "One.", "Second.", "Two.", "Third."] == [
        message["content"] for message in sent(provider)
    ]


async def test_all_messages_are_the_history(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """What the page shows is what the model reads, whatever the server has stored."""
    provider.script(Reply("One."), Reply("Two."))
    await ask(http, said("First."), id=chat)
    answer = {
        "id": "a",
        "role": "assistant",
        "parts": [
            {"type": "step-start"},
            {"type": "reasoning", "text": "Hm."},
            {"type": "text", "text": "Let me see."},
            {
                "type": "tool-shout",
                "toolCallId": "c1",
                "state": "output-available",
                "input": {"text": "a"},
                "output": {"louder": "A"},
            },
            {
                "type": "dynamic-tool",
                "toolName": "fail",
                "toolCallId": "c2",
                "state": "output-error",
                "input": {"text": "b"},
                "errorText": "No.",
            },
            {"type": "tool-shout", "toolCallId": "c3", "state": "input-available", "input": {}},
            {"type": "step-start"},
            {"type": "text", "text": "It is A."},
            {"type": "source-url", "sourceId": "s", "url": "https://example.com"},
        ],
    }
    await ask(http, said("Edited."), answer, said("Second."), id=chat)
    roles = [message["role"] for message in sent(provider)]
    assert ["user", "assistant", "tool", "tool", "assistant", "user"] == roles
    _, called, first, second, text, _ = sent(provider)
    ids = [call["id"] for call in called["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]]
    assert 2 == len(set(ids))
    assert ('{"louder": "A"}', "No.", "It is A.") == (
        first["content"],
        second["content"],
        text["content"],
    )


@pytest.mark.parametrize("form", ["all", "last", "id", "none"])
async def test_an_answer_is_made_anew(
    http: httpx.AsyncClient, chat: str, provider: Provider, form: str
) -> None:
    """`regenerate()` asks the same question again, whichever messages come with it, and the answer
    stands in the place of the first one."""
    provider.script(Reply("One."), Reply("Another one."))
    page = await ask(http, said("First."), id=chat)
    messages = {"last": [said("First."), page.message], "id": None}.get(form, [said("First.")])
    body: Any = {"id": chat, "trigger": "regenerate-message"}
    if form != "none":
        body["messageId"] = page.id
    if messages is not None:
        body["messages"] = messages
    again = read(await http.post(API, json=body))
    assert ("Another one.", True) == (again.text, again.id != page.id)
    assert "First." == sent(provider)[-1]["content"]
    stored = (await http.get(f"/api/v1/conversations/{chat}")).json()["messages"]
    assert ["First.", "Another one."] == [message["content"] for message in stored]
    assert 2 == len(stored[-1]["siblings"])


async def test_pictures_and_files_come_as_parts(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """Data URLs and addresses; a part without a full type has that of its URL."""
    provider.script(Reply("Dots."))
    parts = [
        PICTURE,
        {**PICTURE, "mediaType": "image", "filename": "b.png"},
        {"type": "file", "mediaType": "image/*", "url": "https://example.com/c.png"},
        {"type": "data-place", "data": {"lat": 1}},
    ]
    await ask(http, {"id": "u", "role": "user", "parts": parts}, id=chat)
    urls = [
        part["image_url"]["url"] for part in sent(provider)[-1]["content"] if "image_url" in part
    ]
    assert [True, True, False] == [url.startswith("data:image/png;base64,") for url in urls]
    assert "https://example.com/c.png" == urls[2]


async def test_tools_of_the_server_are_shown(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """Their calls are the provider's, with their results or errors, in steps."""
    provider.script(
        Reply("Wait. ", tool_calls=[("shout", '{"text": "a"}'), ("fail", '{"text": "b"}')]),
        Reply("Done."),
    )
    page = await ask(http, said("Shout."), id=chat)
    assert [("tool-shout", "A"), ("tool-fail", None)] == [
        (part["type"], part.get("output")) for part in page.tools
    ]
    assert ["output-available", "output-error"] == [part["state"] for part in page.tools]
    assert all(part["providerExecuted"] for part in page.tools)
    assert "Wait. Done." == page.text


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("alone", [False, True], ids=["whole", "last"])
async def test_tools_of_the_page(
    http: httpx.AsyncClient, chat: str, provider: Provider, listed: bool, alone: bool
) -> None:
    """The page gets a call, and its result goes on with the same message; a replay of this has
    the call and its result, too."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools: Any = {"weather": {"description": "w", "inputSchema": {"jsonSchema": schema}}}
    if listed:
        tools = [{"name": "weather", "description": "w", "parameters": schema}]
    provider.script(
        Reply("Hm. ", tool_calls=[("weather", '{"city": "Oslo"}')]),
        Reply("It snows.", delay_first=0.5),
    )
    page = await ask(http, said("The weather?"), id=chat, tools=tools)
    [part] = page.tools
    assert ("input-available", {"city": "Oslo"}, "tool-calls") == (
        part["state"],
        part["input"],
        page.finish,
    )
    assert schema == provider.requests[-1].body["tools"][-1]["function"]["parameters"]
    part |= {"state": "output-available", "output": {"sky": "snow"}}
    page.done, page.finish = False, None
    messages = [page.message] if alone else [said("The weather?"), page.message]
    answering = asyncio.create_task(ask(http, *messages, id=chat, tools=tools, page=page))
    await provider.until(lambda: len(provider.requests) == 2)
    replay = read(await http.get(f"{API}/{chat}/stream"))
    await answering
    assert "Hm. It snows." == page.text
    assert page.message == replay.message
    roles = [message["role"] for message in sent(provider) if message["role"] != "system"]
    assert ["user", "assistant", "tool"] == roles[-3:]
    assert '{"sky": "snow"}' == json.dumps(json.loads(sent(provider)[-1]["content"]))


async def test_a_call_with_broken_arguments_is_an_error(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """The page is not asked to run it."""
    provider.script(Reply("", tool_calls=[("weather", "{city")]))
    page = await ask(http, said("The weather?"), id=chat, tools={"weather": {}})
    assert ("output-error", "{city") == (page.tools[0]["state"], page.tools[0]["input"])


async def test_a_page_comes_back(http: httpx.AsyncClient, chat: str, provider: Provider) -> None:
    """After each chunk that it has read, the replay is the whole message from its beginning."""
    assert 204 == (await http.get(f"{API}/{chat}/stream")).status_code
    reply = Reply(numbered(6), reasoning="Hm. So.", rate=10)
    provider.script(reply)
    body = {"id": chat, "messages": [said("Count.")]}
    replays: list[asyncio.Task[httpx.Response]] = []
    frames = []
    async with http.stream("POST", API, json=body) as response:
        async for event in EventSource(response).aiter_sse():
            frames.append(event.data)
            replays.append(asyncio.create_task(http.get(f"{API}/{chat}/stream")))
    whole = Page().read(frames)
    seen = [await replay for replay in replays]
    live = [replay for replay in seen if replay.status_code != 204]  # at the end it is over
    assert len(live) > 8
    for replay in live:
        assert whole.message == read(replay).message
    assert "".join(numbered(6)) == whole.text
    assert 204 == (await http.get(f"{API}/{chat}/stream")).status_code


async def test_a_page_that_leaves_does_not_stop_the_run(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """Its answer waits for it to come back."""
    provider.script(Reply(numbered(12), rate=20))
    body = {"id": chat, "messages": [said("Count.")]}
    async with http.stream("POST", API, json=body) as response:
        async for event in EventSource(response).aiter_sse():
            if "text-delta" in event.data:
                break
    assert "".join(numbered(12)) == read(await http.get(f"{API}/{chat}/stream")).text


@pytest.mark.parametrize(("method", "path"), [("POST", "stop"), ("DELETE", "stream")])
async def test_a_page_stops_the_run(
    http: httpx.AsyncClient, chat: str, provider: Provider, method: str, path: str
) -> None:
    """The stream ends as aborted; to stop what has ended is no error."""
    provider.script(Reply(numbered(100), stall_after=5))
    body = {"id": chat, "messages": [said("Count.")]}
    page, stopped = Page(), None
    async with http.stream("POST", API, json=body) as response:
        async for event in EventSource(response).aiter_sse():
            page.read([event.data])
            if stopped is None and page.text:
                stopped = await http.request(method, f"{API}/{chat}/{path}")
    assert stopped is not None
    assert {"stopped": [page.metadata["runId"]]} == stopped.json()
    assert ("The run was cancelled.", None, True) == (page.aborted, page.error, page.done)
    assert {"stopped": []} == (await http.request(method, f"{API}/{chat}/{path}")).json()


async def test_a_run_that_is_stopped_before_it_begins_is_aborted(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """Its reader gets an empty stream, not an error."""
    provider.script(Reply("Never.", delay_headers=5))
    body = {"id": chat, "messages": [said("Hello?")]}
    asking = asyncio.create_task(http.post(API, json=body))
    await provider.until(lambda: provider.requests)
    await http.post(f"{API}/{chat}/stop")
    assert "The run was cancelled." == read(await asking).aborted


@pytest.mark.parametrize("name", ["a b/c?d#e", "-nanoid", "_x", "é🙂", "x" * 300, "%2F", "a%b"])
async def test_any_chat_has_a_conversation(
    http: httpx.AsyncClient, provider: Provider, name: str
) -> None:
    """Ids that no conversation can have are replaced; the replay is found by the same id."""
    provider.script(Reply(numbered(8), rate=20))
    quoted = quote(name, safe="!*'()")  # as `encodeURIComponent` does
    asking = asyncio.create_task(ask(http, said("Count."), id=name))
    await provider.until(lambda: provider.requests)
    replay = await http.get(f"{API}/{quoted}/stream")
    assert (await asking).message == read(replay).message
    provider.requests.clear()


REFUSED: dict[str, Any] = {
    "no messages": {"messages": None},
    "an empty list": {"messages": []},
    "no id": {"id": None},
    "an empty id": {"id": ""},
    "messages of another type": {"messages": "Hello?"},
    "a message without parts": {"messages": [{"id": "u", "role": "user"}]},
    "an unknown role": {"messages": [said("x", role="tool")]},
    "an empty question": {"messages": [said(" ")]},
    "no text at all": {"messages": [{"id": "u", "role": "user", "parts": []}]},
    "a system message at the end": {"messages": [said("x"), said("y", role="system")]},
    "an answer at the end": {"messages": [said("x"), said("y", role="assistant")]},
    "an answer alone": {"messages": [said("y", role="assistant")]},
    "nul": {"messages": [said("a\0b")]},
    "nul before": {"messages": [said("a\0b"), said("c", role="assistant"), said("d")]},
    "a file of the page": {
        "messages": [{"id": "u", "role": "user", "parts": [{**PICTURE, "url": "blob:x"}]}]
    },
    "a broken data url": {
        "messages": [{"id": "u", "role": "user", "parts": [{**PICTURE, "url": "data:x;base64,%"}]}]
    },
    "a tool without a name": {"tools": [{"description": "x"}]},
    "tools of another type": {"tools": "weather"},
    "a part without a text": {
        "messages": [{"id": "u", "role": "user", "parts": [{"type": "text"}]}]
    },
    "a part without a type": {"messages": [{"id": "u", "role": "user", "parts": [{}]}]},
    "a part of another type": {"messages": [{"id": "u", "role": "user", "parts": [5]}]},
    "a call without an id": {
        "messages": [{"role": "assistant", "parts": [{"type": "tool-x", "state": "x"}]}]
    },
    "an unknown agent": {"agent": "nobody"},
    "an unknown model": {"model": "nobody"},
    "an unknown approval": {
        "messages": [
            {
                "role": "assistant",
                "parts": [
                    {
                        "type": "tool-x",
                        "toolCallId": "c",
                        "state": "approval-responded",
                        "approval": {"id": "x", "approved": True},
                    }
                ],
            }
        ]
    },
    "nothing to make anew": {"messages": [], "trigger": "regenerate-message"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_is_refused_by_name(
    http: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    """The error is a sentence, which pages show as it is, and its code is in a header."""
    body = {"id": "refused", "messages": [said("Hello?")], **changes}
    reply = await http.post(API, content=json.dumps(body))
    assert 400 <= reply.status_code < 500, reply.text
    assert "text/plain; charset=utf-8" == reply.headers["content-type"]
    assert reply.text
    assert reply.headers["x-error-code"]


#: Values of calls and results that a page may have.
ODD: list[Any] = [None, "", "\ud800", 5, 1e300, [{}], {"\ud800": "\ud800"}, 10**30, True]

TOLERATED: dict[str, Any] = {
    "a lone surrogate": {"messages": [said("a\ud800")]},
    "unknown fields": {"webSearch": True, "trigger": "x", "messageId": "y", "system": "Be brief."},
    "an older page": {"messages": [{"role": "user", "content": "Hello?"}]},
    "a system message": {"messages": [said("Be brief.", role="system"), said("Hello?")]},
    "metadata of the page": {"messages": [said("Hello?", metadata={"runId": 5})]},
    "parts that are not read": {
        "messages": [
            {
                "role": "assistant",
                "parts": [
                    {"type": "custom", "kind": "x.y"},
                    {"type": "reasoning-file", "url": "x", "mediaType": "y"},
                    {"type": "steering-message", "id": "s", "parts": []},
                    {"type": "data-x", "data": {"\ud800": 10**40}},
                    {"type": "reasoning", "text": "\ud800"},
                    {"type": "tool-x", "toolCallId": "c", "state": "from the future"},
                    {"type": "file", "url": "/x", "mediaType": "image/png"},
                ],
            },
            said("Hello?"),
        ]
    },
    "odd results": {
        "messages": [
            {
                "role": "assistant",
                "parts": [
                    {
                        "type": "tool-\ud800",
                        "toolCallId": f"c{n}",
                        "state": "output-available",
                        "input": value,
                        "output": value,
                        "callProviderMetadata": {"agno-stream": value},
                    }
                    for n, value in enumerate(ODD)
                ],
            },
            said("Hello?"),
        ]
    },
}


@pytest.mark.parametrize("changes", TOLERATED.values(), ids=TOLERATED)
async def test_what_is_odd_is_answered(
    http: httpx.AsyncClient, chat: str, changes: dict[str, Any]
) -> None:
    """Whatever a page has in its messages fails no request here."""
    page = await ask(http, **{"id": chat, "messages": [said("Hello?")], **changes})
    assert "Hello from the provider." == page.text


async def test_results_that_nobody_waits_for_are_a_question(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """Results of a message from elsewhere, with odd values, go to the model with the history."""
    part = {"type": "tool-x", "toolCallId": "c", "state": "output-available", "input": {}}
    for output in (None, {"a": "\ud800"}, 10**30, "x" * 300_000):
        message = {
            "id": f"msg_{chat}",
            "role": "assistant",
            "metadata": {"runId": "none"},
            "parts": [{**part, "output": output}],
        }
        page = await ask(http, said("Hello?"), message, id=chat)
        assert "Hello from the provider." == page.text


async def test_unknown_fields_are_named(http: httpx.AsyncClient, chat: str) -> None:
    body = {"id": chat, "messages": [said("Hello?")], "modle": "x"}
    reply = await http.post(API, json=body)
    assert "modle (did you mean model?)" == reply.headers["x-ignored-fields"]


async def test_a_key_makes_a_request_one(
    http: httpx.AsyncClient, chat: str, provider: Provider
) -> None:
    """The same request with the same `Idempotency-Key` gets the same message."""
    provider.script(Reply("Once."))
    body = {"id": chat, "messages": [said("Hello?")]}
    headers = {"Idempotency-Key": chat}
    first, second = [await http.post(API, json=body, headers=headers) for _ in range(2)]
    assert read(first).message == read(second).message
    other = await http.post(API, json={**body, "agent": "other"}, headers=headers)
    assert (422, "idempotency_key_reused") == (other.status_code, other.headers["x-error-code"])


async def test_chats_belong_to_their_owners(serve: Serve, provider: Provider) -> None:
    """Of another principal's chat there is nothing to replay and nothing to stop."""
    keys = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
    url = serve(api_keys=",".join(f"{name}:{key}" for name, key in keys.items())).url
    mine, other = ({"Authorization": f"Bearer {key}"} for key in keys.values())
    provider.script(Reply(numbered(100), stall_after=5))
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        body = {"id": "chat", "messages": [said("Count.")]}
        async with http.stream("POST", API, json=body, headers=mine) as response:
            page = Page()
            async for event in EventSource(response).aiter_sse():
                page.read([event.data])
                if page.text and other:
                    assert 401 == (await http.get(f"{API}/chat/stream")).status_code
                    replay = await http.get(f"{API}/chat/stream", headers=other)
                    assert 204 == replay.status_code
                    stopped = await http.post(f"{API}/chat/stop", headers=other)
                    assert {"stopped": []} == stopped.json()
                    other = {}
                    await http.post(f"{API}/chat/stop", headers=mine)
    assert page.aborted
