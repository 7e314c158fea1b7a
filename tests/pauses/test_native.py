"""Pauses at the native door: each kind ends its run as paused, and another run continues it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.db.sqlite import AsyncSqliteDb

from tests.pauses.kinds import KINDS, PauseKind
from tests.pauses.parts import ask, decisions, events, go_on, paused
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
REFUSABLE = [kind for kind in KINDS if kind.denial]
APPROVAL = KINDS[0]


@pytest.fixture
def server(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Server]:
    kind: PauseKind = request.getfixturevalue("kind")
    with Server(tmp_path, agents=[kind.component(provider)]) as running:
        yield running


def told(provider: Provider) -> str:
    """What the model was sent last, as text."""
    return json.dumps(provider.requests[-1].body) if provider.requests else ""


@ALL
def test_a_pause_ends_the_run_and_says_what_it_waits_for(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """A run that waits ends as `paused`, and a person can read what it waits for."""
    answer = paused(server, provider, kind)
    assert kind.text == answer["content"]
    state = httpx.get(f"{server.url}/api/v1/runs/{answer['run_id']}").json()
    assert ("paused", answer["requirements"]) == (state["status"], state["requirements"])
    [found] = answer["requirements"]
    assert found.pop("id")
    if "tool" in found:
        assert found["tool"].pop("id")
    assert kind.requirement == {name: found[name] for name in kind.requirement}
    if found["kind"] in ("input", "feedback", "choice"):
        assert found.get("fields") or found.get("questions")


@ALL
def test_a_decision_continues_the_run(kind: PauseKind, server: Server, provider: Provider) -> None:
    """The run that continues a paused one gives the answer, in the same conversation."""
    first = paused(server, provider, kind)
    provider.script(*kind.after)
    made = decisions(kind, first["requirements"])
    response = go_on(server.url, first["run_id"], made)
    second = response.json()
    assert (200, kind.answer) == (response.status_code, second.get("content")), second
    assert ("stop", first["run_id"]) == (second["finish_reason"], second["continues"])
    assert first["conversation_id"] == second["conversation_id"]
    assert first["run_id"] != second["run_id"]
    assert kind.seen in told(provider)
    state = httpx.get(f"{server.url}/api/v1/runs/{first['run_id']}").json()
    assert ("completed", second["run_id"]) == (state["status"], state["continued_by"])


@pytest.mark.parametrize("kind", REFUSABLE, ids=lambda kind: kind.name)
def test_a_refusal_is_told_to_the_model(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """A pause can be refused: nothing runs, and the model gets the note."""
    first = paused(server, provider, kind)
    provider.script(*kind.again)
    made = [
        {"id": item["id"], "confirmed": False, "note": kind.denial}
        for item in first["requirements"]
    ]
    second = go_on(server.url, first["run_id"], made).json()
    assert "It is done." == second.get("content"), second
    assert any(kind.denial in json.dumps(request.body) for request in provider.requests)
    assert not kind.seen or kind.seen not in told(provider)


@ALL
def test_the_turn_is_in_the_conversation(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """A paused turn is in its conversation at once, and its whole answer after the decision,
    once."""
    first = paused(server, provider, kind)
    url = f"{server.url}/api/v1/conversations/{first['conversation_id']}"
    before = [(m["role"], m["content"]) for m in httpx.get(url).json()["messages"]]
    assert ("user", "Please.") == before[0]
    provider.script(*kind.after)
    go_on(server.url, first["run_id"], decisions(kind, first["requirements"]))
    after = [(m["role"], m["content"]) for m in httpx.get(url).json()["messages"]]
    assert 1 == after.count(("user", "Please."))
    assert ("assistant", kind.text + kind.answer) == after[-1]


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_streams_of_a_continuation(
    kind: PauseKind, server: Server, provider: Provider, accept: str
) -> None:
    """Each stream has one last chunk; the second run's opening names the first."""
    provider.script(*kind.before)
    body = {"message": "Please.", "agent": kind.name}
    first = events(f"{server.url}/api/v1/chat", body, accept)
    assert [False] * (len(first) - 1) + [True] == [chunk["done"] for chunk in first]
    assert "paused" == first[-1]["finish_reason"]
    provider.script(*kind.after)
    made = decisions(kind, first[-1]["requirements"])
    run_id = first[0]["run_id"]
    url = f"{server.url}/api/v1/runs/{run_id}/continue"
    second = events(url, {"decisions": made}, accept)
    assert run_id == second[0]["continues"]
    assert [False] * (len(second) - 1) + [True] == [chunk["done"] for chunk in second]
    assert kind.answer == "".join(chunk["content"] for chunk in second)
    states = [chunk["tool"]["status"] for chunk in second if "tool" in chunk]
    assert ["started", "completed"] == states


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
def test_plain_text_says_what_waits(kind: PauseKind, server: Server, provider: Provider) -> None:
    """A reader of plain text is told what waits, and where it is decided."""
    provider.script(*kind.before)
    text = httpx.post(f"{server.url}/chat", json={"message": "Please.", "agent": kind.name}).text
    assert text.startswith("Let me see. ")
    assert 'refund({"city": "Oslo"})' in text
    [run] = httpx.get(f"{server.url}/api/v1/runs?status=paused").json()["runs"]
    assert f"/api/v1/runs/{run['run_id']}/continue" in text
    provider.script(*kind.after)
    made = decisions(kind, run["requirements"])
    answer = go_on(server.url, run["run_id"], made, {"Accept": "text/plain"}, stream=True)
    assert kind.answer == answer.text


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
def test_a_continuation_in_the_background(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """With `background` the response is the address of the new run's stream."""
    first = paused(server, provider, kind)
    provider.script(*kind.after)
    made = decisions(kind, first["requirements"])
    response = go_on(server.url, first["run_id"], made, background=True)
    assert 202 == response.status_code
    url = f"{server.url}{response.headers['Location']}"
    text = httpx.get(url, headers={"Accept": "text/plain"}).text
    assert kind.answer == text


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
def test_a_run_may_pause_again(kind: PauseKind, server: Server, provider: Provider) -> None:
    """A continued run can pause, too, and its approval belongs to that pause alone."""
    first = paused(server, provider, kind)
    provider.script(*kind.before)
    made = decisions(kind, first["requirements"])
    second = go_on(server.url, first["run_id"], made).json()
    assert "paused" == second["finish_reason"]
    assert first["requirements"][0]["id"] != second["requirements"][0]["id"]
    stale = go_on(server.url, second["run_id"], made)
    assert (422, "invalid_decision") == (stale.status_code, stale.json()["error"]["code"])
    provider.script(*kind.after)
    third = go_on(server.url, second["run_id"], decisions(kind, second["requirements"])).json()
    assert (kind.answer, second["run_id"]) == (third["content"], third["continues"])


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
def test_another_question_in_the_conversation(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """A question beside a paused run is answered without it, as Agno does, and the run still
    waits."""
    first = paused(server, provider, kind)
    provider.script(Reply("Something else."))
    other = ask(
        server.url, kind.name, message="And?", conversation_id=first["conversation_id"]
    ).json()
    assert "Something else." == other["content"]
    assert "Please." not in told(provider)
    provider.script(*kind.after)
    second = go_on(server.url, first["run_id"], decisions(kind, first["requirements"])).json()
    assert kind.answer == second["content"]


@pytest.mark.parametrize("kind", [APPROVAL], ids=["approval"])
def test_what_the_request_set_holds_after_the_pause(
    kind: PauseKind, server: Server, provider: Provider
) -> None:
    """The history that a client sent, its options and its schema hold in the continuation, too."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    first = paused(
        server,
        provider,
        kind,
        messages=[
            {"role": "user", "content": "I like blue whales."},
            {"role": "assistant", "content": "Noted."},
        ],
        options={"temperature": 0.125},
        output_schema=schema,
    )
    provider.script(Reply('{"a": "b"}'))
    second = go_on(server.url, first["run_id"], decisions(kind, first["requirements"])).json()
    body: dict[str, Any] = provider.requests[-1].body
    assert 0.125 == body["temperature"]
    assert "I like blue whales." in told(provider)
    assert "response_format" in body
    assert {"a": "b"} == second["output"]


@pytest.mark.parametrize("kind", [KINDS[1]], ids=["approval-record"])
@pytest.mark.parametrize("yes", [True, False])
def test_agnos_records_of_approvals_are_kept(
    kind: PauseKind, server: Server, provider: Provider, tmp_path: Path, yes: bool
) -> None:
    """Agno's record of an approval is pending until the decision, and then has it."""

    async def read() -> list[tuple[str, str | None]]:
        db = AsyncSqliteDb(db_file=str(tmp_path / "conversations.db"))
        found, _ = await db.get_approvals()
        await db.close()
        return [(record["status"], record["resolved_by"]) for record in found]

    def now() -> list[tuple[str, str | None]]:
        return asyncio.run(read())

    first = paused(server, provider, kind)
    assert [("pending", None)] == now()
    provider.script(*kind.after)
    made = [{"id": item["id"], "confirmed": yes} for item in first["requirements"]]
    go_on(server.url, first["run_id"], made)
    assert [("approved" if yes else "rejected", "anonymous")] == now()
