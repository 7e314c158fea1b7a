"""What else happens to turns with siblings: failures, pauses, media, deletion, late storing."""

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.exceptions import CheckTrigger, InputCheckError
from agno.models.openai import OpenAIChat
from agno.run.agent import RunInput
from agno.run.base import RunStatus
from agno.session import AgentSession

from tests.branches.parts import again, ask, select, sent, shown
from tests.conftest import Serve
from tests.media.parts import PNG, png
from tests.pauses.kinds import refund
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, Reply
from tests.streaming.reader import ask as asking
from tests.streaming.reader import take


def guard(run_input: RunInput) -> None:
    """Refuse one question."""
    if run_input.input_content == "bad":
        raise InputCheckError("Not that.", check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)


def guarded() -> Agent:
    return Agent(id="a", add_history_to_context=True, pre_hooks=[guard], tools=[refund])


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    server = serve(agents=[guarded()])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


async def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_what_cannot_be_replaced(http: httpx.AsyncClient, provider: Provider) -> None:
    """A turn that is not there is 404, also of another conversation; a body that is not right is
    422, and a run that has not ended is 409."""
    one = await ask(http, "q1")
    other = await ask(http, "q1", conversation_id="d")
    runs, conversations = "/api/v1/runs", "/api/v1/conversations"
    cases: list[tuple[str, Any, tuple[int, str]]] = [
        (f"{runs}/none/regenerate", {}, (404, "unknown_turn")),
        (f"{runs}/none/edit", {"message": "e"}, (404, "unknown_turn")),
        (f"{runs}/none/regenerate", {"conversation_id": "c"}, (404, "unknown_turn")),
        (f"{runs}/none/regenerate", {"conversation_id": "no"}, (404, "unknown_conversation")),
        (f"{runs}/{one}/edit", {}, (422, "invalid_field")),
        (f"{runs}/{one}/edit", {"message": " "}, (422, "invalid_field")),
        (f"{runs}/{one}/regenerate", {"agent": "none"}, (404, "unknown_agent")),
        (f"{runs}/{one}/regenerate", {"model": "none"}, (404, "unknown_model")),
        (f"{conversations}/c/branch", {"run_id": other}, (404, "unknown_turn")),
        (f"{conversations}/c/branch", {}, (422, "invalid_field")),
        (f"{conversations}/no/branch", {"run_id": one}, (404, "unknown_conversation")),
        (f"{conversations}/c/fork", {"run_id": other}, (404, "unknown_turn")),
        (f"{conversations}/no/fork", {}, (404, "unknown_conversation")),
    ]
    for path, body, expected in cases:
        assert expected == await code(await http.post(path, json=body)), (path, body)
    provider.script(Reply("one two three", stall_after=1))
    async with asking(http, "q2", conversation_id="c") as source:
        running = source.response.headers["x-run-id"]
        await take(source, 2)
        busy = (409, "conversation_busy")
        assert busy == await code(await http.post(f"{runs}/{running}/regenerate", json={}))
        assert busy == await code(await select(http, one))
        rejected = {"on_busy": "reject"}
        assert busy == await code(await http.post(f"{runs}/{one}/regenerate", json=rejected))
        # Another conversation is not concerned.
        assert "Hello from the provider." == (await again(http, other))["content"]
        await http.post(f"{runs}/{running}/cancel")


async def test_a_question_that_waits_follows_the_answer_before_it(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """What is asked while a turn is answered again waits for it, and follows the new answer; with
    `interrupt` the running answer ends first."""
    provider.script(Reply("a1"), Reply("one two three", rate=20), Reply("a2"))
    one = await ask(http, "q1")
    slow = asyncio.create_task(again(http, one))
    await provider.until(lambda: provider.opened == 2)
    await ask(http, "q2")
    await slow
    assert ["q1", "one two three", "q2"] == sent(provider)
    assert ["q1", "one two three 2/2", "q2", "a2"] == await shown(http)
    provider.script(Reply("four five six", stall_after=1), Reply("b2"))
    async with asking(http, "q3", conversation_id="c") as source:
        await take(source, 2)
        await again(http, one, on_busy="interrupt")
    assert ["q1"] == sent(provider)
    assert ["q1", "b2 3/3"] == await shown(http)


async def test_the_opening_names_the_turn(http: httpx.AsyncClient, provider: Provider) -> None:
    """The first chunk, the list of runs and the state name the turn that is replaced."""
    one = await ask(http, "q1")
    provider.script(Reply("one two", stall_after=1))
    async with http.stream("POST", f"/api/v1/runs/{one}/edit", json={"message": "e"}) as response:
        run_id = response.headers["x-run-id"]
        await provider.until(lambda: provider.opened == 2)
        (live,) = (await http.get("/api/v1/runs?conversation_id=c")).json()["runs"]
        assert (run_id, one, "e") == (live["run_id"], live["replaces"], live["question"])
        await http.post(f"/api/v1/runs/{run_id}/cancel")
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert (one, "cancelled") == (state["replaces"], state["finish_reason"])
    assert ["e", "one  2/2"] == await shown(http)


async def test_the_same_request_starts_one_run(http: httpx.AsyncClient) -> None:
    """With an idempotency key a turn is answered again once; another body is refused."""
    one = await ask(http, "q1")
    path, headers = f"/api/v1/runs/{one}/regenerate", {"Idempotency-Key": "k"}
    first = await http.post(path, json={"stream": False}, headers=headers)
    second = await http.post(path, json={"stream": False}, headers=headers)
    assert first.json()["run_id"] == second.json()["run_id"]
    assert "true" == second.headers["idempotent-replayed"]
    edit = f"/api/v1/runs/{one}/edit"
    other = await http.post(edit, json={"message": "e"}, headers=headers)
    assert (422, "idempotency_key_reused") == await code(other)
    assert ["q1", "Hello from the provider. 2/2"] == await shown(http)


async def test_an_answer_that_fails_is_a_sibling(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """An answer that breaks off stands in its place; one that a guardrail refuses leaves nothing,
    and the turn is shown as before."""
    provider.script(Reply("a1"), INVALID_KEY)
    one = await ask(http, "q1")
    failed = await http.post(f"/api/v1/runs/{one}/regenerate", json={"stream": False})
    assert 200 != failed.status_code
    messages = (await http.get("/api/v1/conversations/c")).json()["messages"]
    assert ["q1"] == [m["content"] for m in messages if m["content"]]
    assert [one, failed.json()["error"]["run_id"]] == messages[0]["siblings"]
    refused = await http.post(f"/api/v1/runs/{one}/edit", json={"message": "bad", "stream": False})
    assert "input_refused" == refused.json()["error"]["code"]
    assert 200 == (await select(http, one)).status_code
    assert ["q1", "a1 1/2"] == await shown(http)
    provider.script(Reply("one two three", cut_after=2))
    await http.post(f"/api/v1/runs/{one}/edit", json={"message": "e", "stream": False})
    assert ["e", "one two  3/3"] == await shown(http)


async def test_a_turn_that_waits(http: httpx.AsyncClient, provider: Provider) -> None:
    """A turn that waits for a person can be answered again; both may be decided on, and each
    continues in its own place."""
    call = Reply(tool_calls=[("refund", '{"city": "Oslo"}')])
    provider.script(Reply("a0"), call, call)
    await ask(http, "q0")
    one = await ask(http, "q1")
    two = (await again(http, one))["run_id"]
    waiting = (await http.get("/api/v1/runs?status=paused")).json()["runs"]
    assert [one, two] == [run["run_id"] for run in waiting]
    for run, text in zip(waiting, ("first", "second"), strict=True):
        provider.script(Reply(text))
        decisions = [{"id": item["id"], "confirmed": True} for item in run["requirements"]]
        body = {"decisions": decisions, "stream": False}
        reply = await http.post(f"/api/v1/runs/{run['run_id']}/continue", json=body)
        assert text == reply.json()["content"], reply.text
        assert "q0" == sent(provider)[0]
    assert ["q0", "a0", "q1", "second 2/2"] == await shown(http)
    await select(http, one)
    assert ["q0", "a0", "q1", "first 1/2"] == await shown(http)
    await ask(http, "q2")
    assert ["q0", "a0", "q1", "first", "q2"] == sent(provider)


def pictures(provider: Provider) -> list[str]:
    """The pictures of the last user message that the provider got."""
    user = [m for m in provider.requests[-1].body["messages"] if m["role"] == "user"][-1]
    parts = user["content"] if isinstance(user["content"], list) else []
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def data(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


@pytest.mark.parametrize("form", [False, True], ids=["json", "upload"])
async def test_media_of_the_question(
    http: httpx.AsyncClient, provider: Provider, form: bool
) -> None:
    """A question is asked again with its media, also if the run is another one's sibling; an edit
    keeps them, unless it brings some, or says that there are none."""
    if form:
        files = {"images": ("a.png", PNG, "image/png")}
        given = {"message": "q1", "conversation_id": "c"}
        reply = await http.post("/api/v1/chat", data=given, files=files)
        one = reply.headers["x-run-id"]
    else:
        one = await ask(http, "q1", images=[data(PNG), "https://pictures.example/cat.png"])
    asked = pictures(provider)
    assert data(PNG) in asked
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, asked),
        ({"message": "e1"}, asked),
        ({"message": "e2", "images": []}, []),
        ({"message": "e3", "images": [data(png(9))]}, [data(png(9))]),
    ]
    latest = one
    for fields, expected in cases:
        latest = (await again(http, one, **fields))["run_id"]
        assert sorted(expected) == sorted(pictures(provider)), fields
    await again(http, latest)
    assert [data(png(9))] == pictures(provider)


async def test_another_tool_of_agno_sees_the_selected_branch(
    serve: Serve, provider: Provider, tmp_path: Path
) -> None:
    """In Agno's store the turns of other branches are marked as regenerated, with the run that they
    were forked from, and Agno's own history has the branch that is selected."""
    file = str(tmp_path / "own.db")
    server = serve(agents=[Agent(id="a", db=SqliteDb(file), add_history_to_context=True)])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        provider.script(Reply("a1"), Reply("a2"), Reply("b1"), Reply("e1"))
        one, two = await ask(http, "q1"), await ask(http, "q2")
        second = (await again(http, one))["run_id"]
        edited = (await again(http, one, message="e?"))["run_id"]

        def stored() -> tuple[dict[str | None, Any], list[Any]]:
            session = SqliteDb(file).get_session("c")
            assert isinstance(session, AgentSession)
            texts = [m.content for m in session.get_messages(skip_roles=["system"])]
            return {run.run_id: run for run in session.runs or []}, texts

        runs, texts = stored()
        hidden = {name for name, run in runs.items() if run.status == RunStatus.regenerated}
        assert (["e?", "e1"], {one, two, second}) == (texts, hidden)
        assert (one, one) == (runs[second].regenerated_from, runs[second].forked_from_run_id)
        assert (None, one) == (runs[edited].regenerated_from, runs[edited].forked_from_run_id)
        assert 0 == runs[edited].forked_from_message_index
        await select(http, one)
        assert ["q1", "a1", "q2", "a2"] == stored()[1]
        # A tool of Agno's adds a turn, which stays on the branch that it has seen.
        other = Agent(id="a", db=SqliteDb(file), model=server_model(provider))
        other.run("by another", session_id="c", user_id="anonymous")
        expected = ["q1", "a1 1/3", "q2", "a2", "by another", "Hello from the provider."]
        assert expected == await shown(http)
        await select(http, second)
        await select(http, one)
        assert expected == await shown(http)


def server_model(provider: Provider) -> Any:

    return OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")


async def test_a_turn_that_is_stored_late(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """A second answer that cannot be stored yet gets its place when it is stored."""
    server = serve(agents=[guarded()])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        provider.script(Reply("a1"), Reply("a2"), Reply("b1"))
        one, _ = await ask(http, "q1"), await ask(http, "q2")
        lock = sqlite3.connect(tmp_path / "conversations.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        late = await again(http, one)
        assert False is late["stored"]
        assert ["q1", "a1", "q2", "a2"] == await shown(http)
        lock.execute("ROLLBACK")
        lock.close()
        async with asyncio.timeout(20):
            while ["q1", "b1 2/2"] != await shown(http):  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.05)
        await ask(http, "q3")
        assert ["q1", "b1", "q3"] == sent(provider)


async def test_deleting(http: httpx.AsyncClient, provider: Provider) -> None:
    """A response that is deleted leaves its siblings, and what followed it; the deletion of the
    conversation takes all branches, and their runs."""
    provider.script(*(Reply(text) for text in ("a1", "a2", "a3", "b2", "b3")))
    one, two, three = [await ask(http, text) for text in ("q1", "q2", "q3")]
    second = (await again(http, two))["run_id"]
    third = await ask(http, "q4")
    await http.delete(f"/v1/responses/resp_{second}")
    assert ["q1", "a1", "q4", "b3 2/2"] == await shown(http)
    await select(http, three)
    assert ["q1", "a1", "q2", "a2 1/2", "q3", "a3"] == await shown(http)
    await ask(http, "q5")
    assert ["q1", "a1", "q2", "a2", "q3", "a3", "q5"] == sent(provider)
    assert 204 == (await http.delete("/api/v1/conversations/c")).status_code
    for run_id in (one, two, three, third):
        again_ = await http.post(f"/api/v1/runs/{run_id}/regenerate", json={})
        assert (404, "unknown_turn") == await code(again_)
    await ask(http, "q1")
    assert ["q1"] == sent(provider)


async def test_titles_lists_and_files(http: httpx.AsyncClient, provider: Provider) -> None:
    """A conversation with branches is one in lists and searches, under its title; a file has the
    branch that is shown."""
    provider.script(Reply("one answer"), Reply("another"))
    one = await ask(http, "First?")
    await again(http, one, message="Edited?")
    page = (await http.get("/api/v1/conversations?q=First")).json()
    assert (1, "First?") == (page["total"], page["conversations"][0]["title"])
    for kind in ("md", "json"):
        file = await http.get(f"/api/v1/conversations/c/export?format={kind}")
        assert "Edited?" in file.text
        assert "one answer" not in file.text


async def test_end_users_and_old_runs(serve: Serve, provider: Provider) -> None:
    """The conversation of an end user is found by the run, also if the server has no record of the
    run any more."""
    one, messages = "", []
    for journal in ("memory://", "memory://"):  # the second one has no runs
        server = serve(agents=[guarded()], journal_url=journal)
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            one = one or await ask(http, "q1", user="eve")
            assert "c" == (await again(http, one))["conversation_id"]
            path = "/api/v1/conversations/c"
            assert 404 == (await http.get(path)).status_code
            messages = (await http.get(path, params={"user": "eve"})).json()["messages"]
    assert (one, 3) == (messages[0]["siblings"][0], len(messages[0]["siblings"]))
    assert messages[0]["run_id"] == messages[0]["siblings"][-1]
