"""The body of a request: what the model is shown of it, and what is refused by name."""

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat

from app.api.doors.agui.sealed import seal, unseal
from app.models.chat import ToolCall
from tests.api.doors.agui.oracles import (
    Event,
    body,
    check,
    messages_of,
    of_type,
    outcome_of,
    read,
    run,
    text_of,
)
from tests.applications.tools import shout
from tests.media.parts import PNG
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

PIXEL = base64.b64encode(PNG).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()
USER: dict[str, Any] = {"id": "u", "role": "user", "content": "Hello?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "The weather", "parameters": SCHEMA}


@dataclass(slots=True)
class Site:
    provider: Provider
    http: httpx.Client

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The messages of the last request to the model."""
        messages: list[dict[str, Any]] = self.provider.requests[-1].body["messages"]
        return messages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Provider() as provider:
        model = OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")
        agent = Agent(id="general", model=model, tools=[shout])
        with (
            Server(tmp_path_factory.mktemp("data"), agents=[agent]) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield Site(provider, http)


def fresh(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    names = {"threadId": uuid.uuid4().hex, "runId": uuid.uuid4().hex}
    return body("Hello?", **{**names, "messages": list(messages) or [USER], **fields})


def answer(site: Site, *messages: dict[str, Any], **fields: Any) -> list[Event]:
    return run(site.http, fresh(*messages, **fields))


def assistant(text: str | None = None, *calls: str, **fields: Any) -> dict[str, Any]:
    """A message of the assistant, with calls of `weather` by their ids."""
    made = [
        {"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        for name in calls
    ]
    content = {} if text is None else {"content": text}
    return {"id": uuid.uuid4().hex, "role": "assistant", **content, "toolCalls": made, **fields}


def result(call: str, content: Any = "sunny", **fields: Any) -> dict[str, Any]:
    return {"id": f"t{call}", "role": "tool", "toolCallId": call, "content": content, **fields}


def shown(site: Site) -> list[tuple[str, Any]]:
    """The roles, and the texts or the numbers of calls, that the model was shown."""
    return [(m["role"], len(m.get("tool_calls") or []) or m["content"]) for m in site.sent]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_tool_of_the_frontend_makes_a_round_trip(site: Site, parallel: int) -> None:
    """The run ends with the call unanswered and named; the client's tool message comes back with
    the next run, right behind the call."""
    calls = [("weather", f'{{"city": "{n}"}}') for n in range(parallel)]
    site.provider.script(Reply("Wait. ", tool_calls=calls), Reply("It is sunny."))
    first = answer(site, tools=[WEATHER])
    assert "weather" in json.dumps(site.provider.requests[-1].body["tools"])
    pending = outcome_of(first)["pendingToolCallIds"]
    assert [e["toolCallId"] for e in of_type(first, "TOOL_CALL_START")] == pending
    assert [] == of_type(first, "TOOL_CALL_RESULT")
    messages = [USER, *messages_of(first), *(result(call, f"sun {call}") for call in pending)]
    second = answer(site, *messages, tools=[WEATHER])
    assert "It is sunny." == text_of(second)
    assert [
        ("user", "Hello?"),
        ("assistant", parallel),
        *(("tool", f"sun {call}") for call in pending),
    ] == shown(site)
    assert "Wait. " == site.sent[1]["content"]


def test_an_older_client_gets_no_part_that_it_refuses(site: Site) -> None:
    """Clients before 1.0 declare no version. Some fail at an outcome with a part that they do not
    know, others answer no call after a success: without an outcome they find the open calls."""
    site.provider.script(Reply(tool_calls=[("weather", "{}")]))
    events = answer(site, tools=[WEATHER], protocolVersion=None)
    assert "outcome" not in events[-1]
    assert [] == of_type(events, "TOOL_CALL_RESULT")


def test_the_agent_s_own_calls_come_back(site: Site) -> None:
    """What a client has of a whole run is the history of the next one, in the model's order."""
    replies = [Reply("Wait. ", reasoning="hm", tool_calls=[("shout", '{"text": "a"}')] * 2)]
    site.provider.script(*replies, Reply("A and A."))
    messages = [USER, *messages_of(answer(site))]
    answer(site, *messages, {**USER, "content": "And now?"})
    roles = ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert roles == [message["role"] for message in site.sent]
    assert ["A", "A", "A and A."] == [m["content"] for m in site.sent[2:5]]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [USER, assistant("Hi."), {**USER, "content": "Again?"}],
            [("user", "Hello?"), ("assistant", "Hi."), ("user", "Again?")],
        ),
        (
            [USER, assistant(None, "a"), {**USER, "content": "Never mind."}],
            [("user", "Hello?"), ("user", "Never mind.")],
        ),
        (
            [USER, assistant(None, "a"), assistant(None, "b"), result("b", "B"), result("a", "A")],
            [("user", "Hello?"), ("assistant", 2), ("tool", "A"), ("tool", "B")],
        ),
        (
            [USER, assistant(None, "a"), result("a", "1"), result("a", "2")],
            [("user", "Hello?"), ("assistant", 1), ("tool", "2")],
        ),
        (
            [USER, assistant(None, "a"), result("a", "", error="denied")],
            [("user", "Hello?"), ("assistant", 1), ("tool", "denied")],
        ),
        (
            [USER, result("lost"), {**USER, "content": "Still?"}],
            [("user", "Hello?"), ("user", "Still?")],
        ),
        (
            [
                USER,
                assistant("Mine.", subagentRunId="s"),
                result("x", subagentRunId="s"),
                {"id": "r", "role": "reasoning", "content": "hm"},
                {"id": "a", "role": "activity", "activityType": "plan", "content": {}},
                assistant("Ours."),
                {**USER, "content": "Well?"},
            ],
            [("user", "Hello?"), ("assistant", "Ours."), ("user", "Well?")],
        ),
        (
            [{"id": "s", "role": "developer", "content": "Be brief."}, USER],
            [("developer", "Be brief."), ("user", "Hello?")],
        ),
        (
            [USER, assistant("a\0b"), {**USER, "content": "Well?"}],
            [("user", "Hello?"), ("assistant", "a\ufffdb"), ("user", "Well?")],
        ),
        (
            [
                {
                    **USER,
                    "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
                }
            ],
            [("user", "One.\n\nTwo.")],
        ),
    ],
    ids=[
        *("texts", "unanswered call", "calls apart", "two results", "error", "lost result"),
        *("not for the model", "developer", "nul in a history", "text parts"),
    ],
)
def test_a_history_is_one_that_providers_take(
    site: Site, messages: list[dict[str, Any]], expected: list[tuple[str, Any]]
) -> None:
    """Results follow their calls, and what the model is not to see is left out."""
    answer(site, *messages)
    assert expected == shown(site)


def test_media_of_a_question_and_of_a_result(site: Site) -> None:
    """Pictures and documents reach the model, in the form of 1.0 and in the older one."""
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "source": {"type": "data", "value": PIXEL, "mimeType": "image/png"}},
        {"type": "image", "source": {"type": "url", "value": "https://a.example/b.png"}},
        {"type": "binary", "mimeType": "image/png", "data": PIXEL},
        {
            "type": "document",
            "source": {"type": "data", "value": PDF, "mimeType": "application/pdf"},
        },
    ]
    answer(site, {**USER, "content": parts})
    sent = json.dumps(site.sent[-1]["content"])
    assert 2 == sent.count(PIXEL)
    assert ("https://a.example/b.png" in sent, PDF in sent) == (True, True)
    picture = [{"type": "text", "text": "See."}, parts[1]]
    answer(site, USER, assistant(None, "a"), result("a", picture))
    assert "See." == site.sent[2]["content"]
    assert PIXEL in json.dumps(site.sent[3])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"unknown": 1}, "unknown"),
        ({"data": {"x": 1}}, "data"),
        ({"threadID": "x"}, "threadID (did you mean threadId?)"),
        ({"state": [1]}, "state (not an object)"),
        ({"forwardedProps": "x"}, "forwardedProps (not an object)"),
        ({"resume": [{"interruptId": "other", "status": "cancelled"}]}, "resume.0"),
        ({"messages": [{"id": "x", "role": "poet", "content": 1}, USER]}, "messages.0 (poet)"),
        (
            {
                "messages": [
                    {
                        **USER,
                        "content": [
                            {"type": "text", "text": "Hello?"},
                            {"type": "image", "source": {"type": "file", "value": "file-1"}},
                            {"type": "audio", "source": {"type": "url", "value": "gs://a/b"}},
                            {"type": "hologram"},
                        ],
                    }
                ]
            },
            "messages.0.content.1, messages.0.content.2, messages.0.content.3",
        ),
    ],
)
def test_what_is_passed_over_is_named(site: Site, fields: dict[str, Any], named: str) -> None:
    """The run goes on without it."""
    response = site.http.post("/agui", json=fresh(**fields))
    assert named == response.headers["x-ignored-fields"]
    check([event for _, event in read(response)])


def test_nothing_known_is_named(site: Site) -> None:
    """Fields of the protocol that change nothing here are no surprise."""
    tool = {**WEATHER, "metadata": {"ag-ui": 1}}
    given = fresh(protocolVersion="1.0", parentRunId=None, tools=[tool], resume=[], state=None)
    assert "x-ignored-fields" not in site.http.post("/agui", json=given).headers


BAD: dict[str, tuple[Any, str]] = {
    "no body": (None, "empty"),
    "no JSON": ("{", "JSON"),
    "a list": ("[]", "object"),
    "no threadId": ({"threadId": None}, "threadId"),
    "no runId": ({"runId": ""}, "runId"),
    "a runId of two lines": ({"runId": "a\nb"}, "runId"),
    "a long runId": ({"runId": "x" * 600}, "runId"),
    "a number as threadId": ({"threadId": 7}, "threadId"),
    "a NUL in threadId": ({"threadId": "a\0"}, "threadId"),
    "no messages": ({"messages": None}, "messages"),
    "no message": ({"messages": []}, "messages"),
    "no message of the user": ({"messages": [assistant("Hi.")]}, "messages"),
    "a message that is none": ({"messages": [7]}, "messages"),
    "a message without content": ({"messages": [{"id": "u", "role": "user"}]}, "content"),
    "an empty question": ({"messages": [{**USER, "content": " \n"}]}, "messages"),
    "no parts": ({"messages": [{**USER, "content": []}]}, "messages"),
    "a NUL in the question": ({"messages": [{**USER, "content": "a\0"}]}, "NUL"),
    "a NUL in a part": (
        {"messages": [{**USER, "content": [{"type": "text", "text": "a\0"}]}]},
        "NUL",
    ),
    "data that are no base64": (
        {
            "messages": [
                {**USER, "content": [{"type": "image", "source": {"type": "data", "value": "?"}}]}
            ]
        },
        "base64",
    ),
    "a tool message without a call": (
        {"messages": [{"role": "tool", "content": "x"}]},
        "toolCallId",
    ),
    "an encrypted value that was changed": (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "toolCalls": [
                        {
                            "id": "a",
                            "function": {"name": "f", "arguments": "{}"},
                            "encryptedValue": "agno-stream.?",
                        }
                    ],
                },
                result("a"),
            ]
        },
        "encryptedValue",
    ),
    "a tool without a name": ({"tools": [{"description": "x"}]}, "tools.0.name"),
    "parameters that are no schema": ({"tools": [{**WEATHER, "parameters": []}]}, "tools.0"),
    "a NUL in the state": ({"state": {"a": "\0"}}, "state"),
    "a NUL in forwardedProps": ({"forwardedProps": {"a": "\0"}}, "forwardedProps"),
    "a NUL in the context": ({"context": [{"value": "\0"}]}, "context.0.value"),
    "a NUL in an answer": (
        {"resume": [{"interruptId": "int_a_b", "status": "resolved", "payload": {"note": "\0"}}]},
        "resume.0.payload",
    ),
    "context that is none": ({"context": ["x"]}, "context.0"),
    "resume without a status": ({"resume": [{"interruptId": "int_a_b"}]}, "resume.0.status"),
    "resume of an unknown status": (
        {"resume": [{"interruptId": "int_a_b", "status": "maybe"}]},
        "resume.0.status",
    ),
}


@pytest.mark.parametrize(("given", "named"), BAD.values(), ids=BAD)
def test_bad_requests_are_refused_by_name(site: Site, given: Any, named: str) -> None:
    """Before any run starts, with a status, in the shape of `RUN_ERROR`, with what is wrong."""
    asked = site.provider.opened
    content = given if given is None or isinstance(given, str) else json.dumps(fresh(**given))
    response = site.http.post("/agui", content=content)
    assert (400 <= response.status_code < 500, "RUN_ERROR") == (True, response.json()["type"])
    assert named in response.json()["message"]
    assert asked == site.provider.opened


def test_threads_of_any_name(site: Site) -> None:
    """A thread is a conversation; a name that cannot be one is answered with as it came."""
    for name in ("é /?#", "x" * 500, "thread:1", "a" * 128):
        events = answer(site, threadId=name)
        assert (name, name) == (events[0]["threadId"], events[-1]["threadId"])


def test_a_lone_surrogate_is_replaced(site: Site) -> None:
    """Texts of a history may hold half a character, in any message."""
    name = {"id": "\ud800", "name": "\ud800"}
    answer(site, {**USER, **name, "content": "a\ud800b"}, assistant("\udc00"), USER)
    assert ["a\ufffdb", "\ufffd", "Hello?"] == [message["content"] for message in site.sent]


def test_what_a_provider_wants_back_comes_back(site: Site) -> None:
    """It is an encrypted value of the call, which the client returns with its messages."""

    data = {"call": {"thought_signature": "SIG"}, "message": {"reasoning_content": "hm"}}
    value = seal(ToolCall("a", "weather", "paused", {}, provider_data=data))
    assert (data["call"], data["message"]) == unseal(value)
    call = assistant(None, "a")
    call["toolCalls"][0]["encryptedValue"] = value
    answer(site, USER, call, result("a"))
    [message] = [m for m in site.sent if m.get("tool_calls")]
    assert ("hm", "SIG") == (
        message.get("reasoning_content"),
        message["tool_calls"][0].get("thought_signature"),
    )
    call["toolCalls"][0]["encryptedValue"] = "of another server"
    answer(site, USER, call, result("a"))
