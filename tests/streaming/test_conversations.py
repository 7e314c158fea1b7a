"""Conversations: remembered, continued, listed, and intact after failed runs."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.models.openai import OpenAIChat

from tests.conftest import STORES, Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, Reply
from tests.streaming.reader import CHAT, answer, ask, ended, take, text, wait_for_text


def sent_messages(provider: Provider, number: int = -1) -> list[tuple[str, str]]:
    """The messages of a request to the provider, without system messages."""
    messages = provider.requests[number].body["messages"]
    return [(m["role"], m["content"]) for m in messages if m["role"] in ("user", "assistant")]


@STORES
@pytest.mark.parametrize("place", ["body", "header"])
async def test_conversation_id_continues_conversation(
    http: httpx.AsyncClient, provider: Provider, place: str
) -> None:
    """`X-Conversation-Id`, sent back in the body or as a header, continues a conversation."""
    provider.script(Reply("I am well."), Reply("So are you."))
    first = await http.post("/chat", json={"message": "How are you?"})
    name = first.headers["x-conversation-id"]
    body = {"message": "And I?"} | ({"conversation_id": name} if place == "body" else {})
    headers = {"X-Conversation-Id": name} if place == "header" else {}
    second = await http.post("/chat", json=body, headers=headers)
    assert name == second.headers["x-conversation-id"]
    assert [
        ("user", "How are you?"),
        ("assistant", "I am well."),
        ("user", "And I?"),
    ] == sent_messages(provider)


@STORES
async def test_no_id_starts_new_conversation(http: httpx.AsyncClient, provider: Provider) -> None:
    """A request without a conversation id starts a new conversation."""
    one = await http.post("/chat", json={"message": "First"})
    two = await http.post("/chat", json={"message": "Second"})
    assert one.headers["x-conversation-id"] != two.headers["x-conversation-id"]
    assert [("user", "Second")] == sent_messages(provider)


@STORES
@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        (Reply("one two three four", stall_after=2), "cancelled"),
        (Reply("one two three four", stall_after=2), "disconnected"),
        (Reply("one two three four", stall_after=2), "timeout_idle"),
        (Reply("one two three four", cut_after=2), "upstream_cut"),
        (Reply("one two three four", garbage_after=2), "error"),
    ],
)
async def test_partial_answer_is_remembered(
    http: httpx.AsyncClient, provider: Provider, reply: Reply, ending: str
) -> None:
    """The question and the partial answer of a failed run are in the next run's history."""
    provider.script(reply)
    fields: dict[str, Any] = {"on_disconnect": "cancel" if ending == "disconnected" else "continue"}
    if ending == "timeout_idle":
        fields["timeouts"] = {"idle": 0.4}
    async with ask(http, "Count!", **fields) as source:
        headers = source.response.headers
        await take(source, 3)
        if ending == "cancelled":
            await http.post(f"/api/v1/runs/{headers['x-run-id']}/cancel")
    await ended(http, headers["x-run-id"])
    name = headers["x-conversation-id"]
    await answer(http, "Go on!", conversation_id=name)
    state = (await http.get(f"/api/v1/runs/{headers['x-run-id']}")).json()
    stored = (await http.get(f"/api/v1/conversations/{name}")).json()["messages"]
    assert ending == state["finish_reason"]
    assert [("user", "Count!"), ("assistant", "one two "), ("user", "Go on!")] == sent_messages(
        provider
    )
    assert ["Count!", "one two ", "Go on!", "Hello from the provider."] == [
        message["content"] for message in stored
    ]
    assert ending == stored[1]["finish_reason"]


@STORES
async def test_failed_question_is_remembered(http: httpx.AsyncClient, provider: Provider) -> None:
    """A question that got no answer is in the next run's history."""
    provider.script(INVALID_KEY)
    failed = await http.post(CHAT, json={"message": "Remember 42.", "stream": False})
    name = failed.headers["x-conversation-id"]
    await answer(http, "Which number?", conversation_id=name)
    assert [("user", "Remember 42."), ("user", "Which number?")] == sent_messages(provider)


@STORES
async def test_list_read_and_delete_conversations(http: httpx.AsyncClient) -> None:
    """Conversations are listed newest first, in pages, can be read, and deleted."""
    names = []
    for number in range(3):
        reply = await http.post("/chat", json={"message": f"Question {number}"})
        names.append(reply.headers["x-conversation-id"])
    listed = (await http.get("/api/v1/conversations?limit=2")).json()
    rest = (await http.get("/api/v1/conversations?limit=2&offset=2")).json()
    found = listed["conversations"] + rest["conversations"]
    read = (await http.get(f"/api/v1/conversations/{names[0]}")).json()
    deleted = await http.delete(f"/api/v1/conversations/{names[0]}")
    gone = await http.get(f"/api/v1/conversations/{names[0]}")
    again = await http.delete(f"/api/v1/conversations/{names[0]}")
    assert (3, 2, 1) == (listed["total"], len(listed["conversations"]), len(rest["conversations"]))
    assert set(names) == {info["conversation_id"] for info in found}
    assert {"Question 0", "Question 1", "Question 2"} == {info["title"] for info in found}
    assert ["user", "assistant"] == [message["role"] for message in read["messages"]]
    assert (204, 404, 404) == (deleted.status_code, gone.status_code, again.status_code)
    assert "unknown_conversation" == gone.json()["error"]["code"]


@STORES
async def test_conversation_survives_server_restart(serve: Serve, provider: Provider) -> None:
    """A new server with the same data folder continues the conversation."""
    async with httpx.AsyncClient(base_url=serve().url) as http:
        name = (await http.post("/chat", json={"message": "Before"})).headers["x-conversation-id"]
    async with httpx.AsyncClient(base_url=serve().url) as http:
        await http.post("/chat", json={"message": "After", "conversation_id": name})
    assert ["Before", "Hello from the provider.", "After"] == [
        text for _, text in sent_messages(provider)
    ]


async def test_client_history_replaces_stored_one(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """With `messages`, the client's history replaces the stored one."""
    name = (await http.post("/chat", json={"message": "Stored"})).headers["x-conversation-id"]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Q1"},
        {"role": "assistant", "content": "A1"},
        {"role": "user", "content": "Q2"},
    ]
    await answer(http, "Q3", messages=messages[:3], conversation_id=name)
    with_message = sent_messages(provider)
    await http.post("/chat", json={"messages": messages})
    assert [("user", "Q1"), ("assistant", "A1"), ("user", "Q3")] == with_message
    assert [("user", "Q1"), ("assistant", "A1"), ("user", "Q2")] == sent_messages(provider)
    assert {"role": "system", "content": "Be brief."} in provider.requests[-1].body["messages"]


@STORES
async def test_on_busy_queue_waits_for_first_run(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """With `on_busy: queue` a second run waits for the first, whose answer is in its history."""
    provider.script(Reply("one two three", rate=20), Reply("four"))
    first, second = await asyncio.gather(
        answer(http, "A", conversation_id="c"),
        later(answer(http, "B", conversation_id="c")),
    )
    assert ("one two three", "four") == (text(first), text(second))
    assert [("user", "A"), ("assistant", "one two three"), ("user", "B")] == sent_messages(provider)


async def test_on_busy_reject_names_active_run(http: httpx.AsyncClient, provider: Provider) -> None:
    """`on_busy: reject` answers 409 with the id of the active run."""
    provider.script(Reply("one two three", rate=10))
    async with ask(http, conversation_id="c") as source:
        run_id = source.response.headers["x-run-id"]
        body = {"message": "x", "conversation_id": "c", "on_busy": "reject"}
        rejected = await http.post(CHAT, json=body)
        elsewhere = await http.post(CHAT, json=body | {"conversation_id": "d"})
    error = rejected.json()["error"]
    assert (409, "conversation_busy", run_id) == (
        rejected.status_code,
        error["code"],
        error["run_id"],
    )
    assert 200 == elsewhere.status_code


@STORES
async def test_on_busy_interrupt_cancels_first_run(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """`on_busy: interrupt` stops the first run, whose partial answer is in the second's history."""
    provider.script(Reply("one two three", stall_after=1), Reply("four"))
    first = asyncio.create_task(answer(http, "A", conversation_id="c"))
    await wait_for_text(http, "one ")
    second = await answer(http, "B", conversation_id="c", on_busy="interrupt")
    assert "four" == text(second)
    assert "cancelled" == (await first)[-1]["finish_reason"]
    assert [("user", "A"), ("assistant", "one "), ("user", "B")] == sent_messages(provider)


@pytest.mark.parametrize("kind", [AsyncSqliteDb, SqliteDb])
async def test_agent_keeps_own_store_tools_and_model(
    serve: Serve, provider: Provider, tmp_path: Path, kind: Any
) -> None:
    """A user's agent keeps its store, tools and model; failed runs are stored there, too."""

    def secret_number() -> str:
        """The number that only this tool knows."""
        return "4711"

    own = OpenAIChat(id="own-model", base_url=provider.url, api_key="k")
    db = kind(db_file=str(tmp_path / "own.db"))
    agent = Agent(name="My Agent", model=own, db=db, tools=[secret_number])
    agent.add_history_to_context = True
    provider.script(
        Reply(tool_calls=[("secret_number", "{}")]),
        Reply("It is 4711."),
        Reply("one two three", cut_after=2),
    )
    server = serve(agents=[agent])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        listed = (await http.get("/api/v1/agents")).json()["agents"]
        first = await answer(http, "Tell!", agent="my-agent", conversation_id="c")
        broken = await answer(http, "Count!", conversation_id="c")
        await answer(http, "Go on!", conversation_id="c")
        stored = (await http.get("/api/v1/conversations/c")).json()["messages"]
    tools = [chunk["tool"] for chunk in first if "tool" in chunk]
    assert [("my-agent", "own-model")] == [(a["id"], a["model"]) for a in listed]
    assert ["started", "completed"] == [tool["status"] for tool in tools]
    assert ("4711", "secret_number") == (tools[1]["result"], tools[1]["name"])
    assert ("It is 4711.", "stop", "own-model") == (
        text(first),
        first[-1]["finish_reason"],
        first[-1]["model"],
    )
    assert ("one two ", "upstream_cut") == (text(broken), broken[-1]["finish_reason"])
    assert [("user", "Count!"), ("assistant", "one two "), ("user", "Go on!")] == sent_messages(
        provider
    )[-3:]
    assert "one two " in [message["content"] for message in stored]
    assert telemetry_is_off(agent, server)


async def test_ollama_model_streams_and_remembers(serve: Serve, provider: Provider) -> None:
    """A model of Ollama's own protocol streams, ends and is remembered like any other."""
    server = serve(model="ollama:llama3.2", ollama_host=provider.origin)
    provider.script(
        Reply("from ollama"), Reply("one two three", cut_after=2, cut="clean"), Reply("end")
    )
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        options = {"temperature": 0.5, "max_tokens": 7, "stop": "X"}
        good = await answer(http, "A", conversation_id="c", options=options)
        cut = await answer(http, "B", conversation_id="c")
        await answer(http, "C", conversation_id="c")
    body = provider.requests[0].body
    assert ("from ollama", "stop") == (text(good), good[-1]["finish_reason"])
    assert ("one two ", "upstream_cut") == (text(cut), cut[-1]["finish_reason"])
    assert {"temperature": 0.5, "num_predict": 7, "stop": ["X"]} == body["options"]
    assert [("user", "B"), ("assistant", "one two "), ("user", "C")] == sent_messages(provider)[-3:]


async def test_options_and_images_reach_provider(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Options and images reach the provider unchanged, and do not affect the next request."""
    pixel = base64.b64encode(b"\x89PNG\r\n\x1a\n and a pixel").decode()
    options = {"temperature": 0.3, "max_tokens": 5, "top_p": 0.9, "stop": ["a", "b"], "seed": 7}
    await answer(http, "Look!", options=options, images=[f"data:image/png;base64,{pixel}"])
    await answer(http, "Again!")
    first, second = (request.body for request in provider.requests)
    parts = first["messages"][-1]["content"]
    assert options == {name: first[name] for name in options}
    assert not set(options) & set(second)
    assert ["text", "image_url"] == [part["type"] for part in parts]
    assert pixel in json.dumps(parts)


async def test_request_selects_model_by_name(serve: Serve, provider: Provider) -> None:
    """A request may name any model that `/models` lists."""
    server = serve(models=["openai:second-model", "demo"])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        listed = (await http.get("/api/v1/models")).json()["models"]
        await answer(http, model="second-model")
        await answer(http, model="openai:test-model")
        demo = await answer(http, "count to two", model="demo")
        unknown = await http.post(CHAT, json={"message": "x", "model": "gpt-4"})
    assert ["test-model", "second-model", "demo"] == [model["id"] for model in listed]
    assert [True, False, False] == [model["default"] for model in listed]
    assert ["second-model", "test-model"] == [r.body["model"] for r in provider.requests]
    assert "1, 2" == text(demo)
    assert (404, "unknown_model") == (unknown.status_code, unknown.json()["error"]["code"])
    assert ["test-model", "second-model", "demo"] == unknown.json()["error"]["models"]


async def later(work: Any) -> Any:
    await asyncio.sleep(0.05)
    return await work


def telemetry_is_off(agent: Agent, server: Any) -> bool:
    """Whether telemetry is off on the served copy only, not on the user's own agent."""
    running = server.app.state.context.agents.find(None).component
    return agent.telemetry and not running.telemetry
