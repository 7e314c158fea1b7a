"""Forks: the turns up to one as a conversation of its own, over stores and kinds."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb
from agno.media import Image

from tests.branches.conftest import STORES
from tests.branches.parts import again, ask, sent, shown
from tests.branches.test_native import KINDS
from tests.conftest import Serve
from tests.media.parts import PNG, tool
from tests.pauses.kinds import refund
from tests.provider import Provider
from tests.provider_replies import Reply

CASES = [("agent", name) for name in STORES] + [("team", "sqlite"), ("workflow", "sqlite")]
DELEGATE = Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "bob", "task": "Ask."}')])


@pytest.fixture
async def http(
    serve: Serve, request: pytest.FixtureRequest, store: dict[str, Any]
) -> AsyncIterator[httpx.AsyncClient]:
    build = KINDS[request.node.callspec.params["kind"]]
    server = serve(agents=[build(**store)])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


async def fork(http: httpx.AsyncClient, name: str = "c", **fields: Any) -> str:
    """The id of a copy."""
    reply = await http.post(f"/api/v1/conversations/{name}/fork", json=fields)
    assert 201 == reply.status_code, reply.text
    made: str = reply.json()["conversation_id"]
    assert f"/api/v1/conversations/{made}" == reply.headers["location"]
    return made


@pytest.mark.parametrize(("kind", "store"), CASES, indirect=["store"])
async def test_fork(http: httpx.AsyncClient, provider: Provider, kind: str, store: str) -> None:
    """A copy has the turns up to one, without their siblings, goes on by itself, and stays when
    the original is deleted."""
    if kind == "team":
        provider.script(DELEGATE, Reply("Bob says a0."))
    provider.script(*(Reply(text) for text in ("a1", "a2", "b2", "a3", "c3", "c4")))
    await ask(http, "q1")
    two = await ask(http, "q2")
    await again(http, two)
    await ask(http, "q3")
    made = await fork(http, run_id=two, title="Another way")
    before = await shown(http, made)
    assert ["q1", "a1", "q2", "a2"] == before
    assert ["q1", "a1", "q2", "b2 2/2", "q3", "a3"] == await shown(http)
    await ask(http, "q3'", conversation_id=made)
    if kind != "workflow":
        history = [text for text in sent(provider) if text not in ("Ask.", "Bob says a0.")]
        assert ["q1", "a1", "q2", "a2", "q3'"] == history
    page = (await http.get("/api/v1/conversations")).json()
    assert {("c", "q1"), (made, "Another way")} == {
        (info["conversation_id"], info["title"]) for info in page["conversations"]
    }
    assert 204 == (await http.delete("/api/v1/conversations/c")).status_code
    assert [*before, "q3'", "c3"] == await shown(http, made)
    # A turn of the copy has no run of this server, only its place in the store.
    messages = (await http.get(f"/api/v1/conversations/{made}")).json()["messages"]
    await again(http, messages[2]["run_id"])
    assert ["q1", "a1", "q2", "c4 2/2"] == await shown(http, made)
    whole = await fork(http, made)
    assert ["q1", "a1", "q2", "c4"] == await shown(http, whole)


async def test_media_and_pauses_of_a_copy(serve: Serve, provider: Provider, tmp_path: Any) -> None:
    """A copy has media of its own; what waits for a person in the original does not wait there."""
    db = AsyncSqliteDb(db_file=str(tmp_path / "own.db"))
    tools: list[Any] = [tool(images=[Image(content=PNG)]), refund]
    agent = Agent(
        id="a", db=db, tools=tools, send_media_to_model=False, add_history_to_context=True
    )
    server = serve(agents=[agent])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        call = Reply(tool_calls=[("refund", '{"city": "Oslo"}')])
        provider.script(Reply("A picture.", tool_calls=[("make", "{}")]), Reply("There."), call)
        files = {"images": ("a.png", PNG, "image/png")}
        given = {"message": "q1", "conversation_id": "c"}
        await http.post("/api/v1/chat", data=given, files=files)
        await ask(http, "q2")
        made = await fork(http)
        await http.delete("/api/v1/conversations/c")
        messages = (await http.get(f"/api/v1/conversations/{made}")).json()["messages"]
        question, answered = messages[0], messages[1]
        for item in (*question["media"], *answered["media"]):
            assert answered["run_id"] in item["url"]
            assert PNG == (await http.get(item["url"])).content
        assert 1 == len(question["media"])
        assert "q2" == messages[-1]["content"]
        assert [] == (await http.get("/api/v1/runs?status=paused")).json()["runs"]
        await ask(http, "q3", conversation_id=made)
        assert "q1" in str(provider.requests[-1].body["messages"])
