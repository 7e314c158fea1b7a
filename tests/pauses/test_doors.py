"""Pauses at the doors of OpenAI, Anthropic and Ollama, as their official clients see them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from agno.agent import Agent

from tests.pauses.kinds import DONE, KINDS, PauseKind, calls
from tests.pauses.parts import decisions, go_on
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "Please."}]
PAST: list[dict[str, Any]] = [
    {"role": "user", "content": "I like blue whales."},
    {"role": "assistant", "content": "Noted."},
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client got: the text, the reason of the end, and the calls as (name, arguments)."""

    text: str
    reason: str | None
    calls: list[tuple[str, dict[str, Any]]]


def openai_stream(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        stream = client.chat.completions.create(
            model=model, messages=messages, stream=True, **fields
        )
        text, reason = "", None
        found: dict[int, tuple[str, str]] = {}
        for chunk in stream:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
                for call in choice.delta.tool_calls or []:
                    assert call.function is not None
                    name, arguments = found.get(call.index, ("", ""))
                    found[call.index] = (
                        name + (call.function.name or ""),
                        arguments + (call.function.arguments or ""),
                    )
    return Seen(text, reason, [(name, json.loads(text)) for name, text in found.values()])


def openai_whole(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        answer = client.chat.completions.create(model=model, messages=messages, **fields)
    choice = answer.choices[0]
    found: Any = choice.message.tool_calls or []
    return Seen(
        choice.message.content or "",
        choice.finish_reason,
        [(call.function.name, json.loads(call.function.arguments)) for call in found],
    )


def _ollama(parts: Any) -> Seen:
    text, reason, found = "", None, []
    for part in parts:
        text += part.message.content or ""
        reason = part.done_reason or reason
        for call in part.message.tool_calls or []:
            found.append((call.function.name, dict(call.function.arguments)))
    return Seen(text, reason, found)


def ollama_stream(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with ollama.Client(url) as client:
        return _ollama(client.chat(model=model, messages=messages, stream=True, **fields))


def ollama_whole(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with ollama.Client(url) as client:
        return _ollama([client.chat(model=model, messages=messages, **fields)])


def _anthropic(answer: anthropic.types.Message) -> Seen:
    content: list[Any] = list(answer.content)
    text = "".join(block.text for block in content if block.type == "text")
    found = [(block.name, block.input) for block in content if block.type == "tool_use"]
    reasons = {"end_turn": "stop", "tool_use": "tool_calls"}
    return Seen(text, reasons.get(answer.stop_reason or ""), found)


def anthropic_stream(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with (
        anthropic.Anthropic(base_url=url, api_key="none") as client,
        client.messages.stream(model=model, messages=messages, max_tokens=9, **fields) as events,
    ):
        return _anthropic(events.get_final_message())


def anthropic_whole(url: str, model: str, messages: Any, **fields: Any) -> Seen:
    with anthropic.Anthropic(base_url=url, api_key="none") as client:
        create = client.messages.create
        return _anthropic(create(model=model, messages=messages, max_tokens=9, **fields))


Ask = Callable[..., Seen]
DOORS: dict[str, Ask] = {
    "openai": openai_stream,
    "openai-whole": openai_whole,
    "anthropic": anthropic_stream,
    "anthropic-whole": anthropic_whole,
    "ollama": ollama_stream,
    "ollama-whole": ollama_whole,
}
PERSONS = [kind for kind in KINDS if kind.name != "external"]
EXTERNAL = next(kind for kind in KINDS if kind.name == "external")
EACH_DOOR = pytest.mark.parametrize("ask", DOORS.values(), ids=DOORS)


@pytest.fixture
def server(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Server]:
    fixed = request.fixturenames
    kind: PauseKind = request.getfixturevalue("kind") if "kind" in fixed else EXTERNAL
    with Server(tmp_path, agents=[kind.component(provider)]) as running:
        yield running


def waiting(server: Server) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = httpx.get(f"{server.url}/api/v1/runs?status=paused").json()["runs"]
    return runs


@EACH_DOOR
@pytest.mark.parametrize("kind", PERSONS, ids=lambda kind: kind.name)
def test_a_person_is_told_where_to_decide(
    kind: PauseKind, ask: Ask, server: Server, provider: Provider
) -> None:
    """Where a protocol has no place for a pause, sentences say what waits and where it is decided;
    the decision there goes on with what the client has sent."""
    provider.script(*kind.before)
    seen = ask(server.url, kind.name, [*PAST, *MESSAGES])
    assert ("stop", []) == (seen.reason, seen.calls)
    assert seen.text.startswith(kind.text)
    if tool := kind.requirement.get("tool"):
        assert f"{tool['name']}({json.dumps(tool['arguments'])})" in seen.text
    [address] = re.findall(r"http://\S+/api/v1/runs/\w+/continue", seen.text)
    [run] = waiting(server)
    assert f"{server.url}/api/v1/runs/{run['run_id']}/continue" == address
    provider.script(*kind.after)
    second = go_on(server.url, run["run_id"], decisions(kind, run["requirements"])).json()
    assert kind.answer == second.get("content"), second
    if isinstance(kind.component(provider), Agent):
        assert "I like blue whales." in json.dumps(provider.requests[-1].body)


@EACH_DOOR
def test_a_result_from_outside_is_a_call_for_the_client(
    ask: Ask, server: Server, provider: Provider
) -> None:
    """A tool that runs elsewhere is a tool call of the protocol, whose result the client sends with
    its next request, as that of a tool of its own; nothing waits in the list."""
    provider.script(*EXTERNAL.before)
    seen = ask(server.url, "external", MESSAGES)
    expected = "stop" if ask in (ollama_stream, ollama_whole) else "tool_calls"
    assert (expected, [("shell", {"city": "Oslo"})]) == (seen.reason, seen.calls)
    assert [] == waiting(server)
    provider.script(DONE)
    answer = ask(server.url, "external", [*MESSAGES, *returned(ask)])
    assert ("It is done.", "stop") == (answer.text, answer.reason)
    assert "it ran elsewhere" in json.dumps(provider.requests[-1].body)


def returned(ask: Ask) -> list[dict[str, Any]]:
    """The call of `shell` and its result, as a client of that door sends them."""
    called: dict[str, Any] = {"name": "shell", "arguments": {"city": "Oslo"}}
    if ask in (anthropic_stream, anthropic_whole):
        use = {"type": "tool_use", "id": "c1", "name": "shell", "input": called["arguments"]}
        ran = {"type": "tool_result", "tool_use_id": "c1", "content": "it ran elsewhere"}
        return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [ran]}]
    if ask in (openai_stream, openai_whole):
        called["arguments"] = json.dumps(called["arguments"])
        call = {"id": "c1", "type": "function", "function": called}
        result = {"role": "tool", "tool_call_id": "c1", "content": "it ran elsewhere"}
    else:
        call = {"function": called}
        result = {"role": "tool", "tool_name": "shell", "content": "it ran elsewhere"}
    return [{"role": "assistant", "content": "", "tool_calls": [call]}, result]


@pytest.mark.parametrize("ask", [openai_stream, openai_whole], ids=["stream", "whole"])
@pytest.mark.parametrize("kind", [KINDS[0]], ids=["approval"])
def test_a_call_for_the_client_beside_an_approval(
    kind: PauseKind, ask: Ask, server: Server, provider: Provider
) -> None:
    """A client's own tool and an approval at once: the call is the client's, and the approval
    waits with it."""
    both = [("refund", '{"city": "Oslo"}'), ("beep", "{}")]
    provider.script(Reply("", tool_calls=both))
    tool = {"type": "function", "function": {"name": "beep", "parameters": {"type": "object"}}}
    seen = ask(server.url, kind.name, MESSAGES, tools=[tool])
    assert ("tool_calls", [("beep", {})]) == (seen.reason, seen.calls)
    assert "refund(" in seen.text
    [run] = waiting(server)
    assert ["approval", "external"] == sorted(item["kind"] for item in run["requirements"])
    made = [
        {"id": item["id"], "confirmed": True}
        if item["kind"] == "approval"
        else {"id": item["id"], "result": "it beeped"}
        for item in run["requirements"]
    ]
    provider.script(DONE)
    second = go_on(server.url, run["run_id"], made).json()
    assert "It is done." == second.get("content"), second
    last = json.dumps(provider.requests[-1].body)
    assert ("it beeped" in last, "refunded Oslo" in last) == (True, True)


@pytest.mark.parametrize("kind", [KINDS[0]], ids=["approval"])
def test_a_conversation_that_is_kept_has_the_turn_once(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """A pause in a conversation that the client names is a turn of it, before and after."""
    provider.script(calls("refund"))
    headers = {"X-Conversation-Id": "mine"}
    seen = openai_whole(server.url, kind.name, MESSAGES, extra_headers=headers)
    assert "stop" == seen.reason
    [run] = waiting(server)
    assert "mine" == run["conversation_id"]
    provider.script(DONE)
    go_on(server.url, run["run_id"], decisions(kind, run["requirements"]))
    found = httpx.get(f"{server.url}/api/v1/conversations/mine").json()["messages"]
    assert [("user", "Please."), ("assistant", "It is done.")] == [
        (message["role"], message["content"]) for message in found
    ]
