"""What is the same at every address and on every door: `HEAD`, stream fields, names, NUL."""

import json
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from tests.api.test_guard import DOORS
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server


async def test_every_get_has_a_head(server: Server, http: httpx.AsyncClient) -> None:
    """`HEAD` has the status and the header fields of `GET`, and no body; the list is the app's."""
    run = (await http.post("/api/v1/chat", json={"message": "x", "background": True})).json()
    values = {"{run_id}": run["run_id"], "{conversation_id}": run["conversation_id"]}
    paths = [
        str(route.path)
        for route in iter_route_contexts(server.app.routes)
        if "GET" in (route.methods or ()) and route.path != "/api/v1/chat"
    ]
    assert len(paths) > 15
    for path in paths:
        for name, value in values.items():
            path = path.replace(name, value)
        head, got = await http.head(path), await http.get(path)
        assert (got.status_code, b"") == (head.status_code, head.content), path
        assert got.headers.get("content-type") == head.headers.get("content-type"), path


async def test_a_head_starts_no_run(http: httpx.AsyncClient, provider: Provider) -> None:
    """`HEAD` of the address that starts a run by `GET` shows what would come, and starts none."""
    reply = await http.head("/api/v1/chat", params={"message": "x"})
    assert (200, b"") == (reply.status_code, reply.content)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert [] == (await http.get("/api/v1/runs")).json()["runs"]
    assert 0 == provider.opened


async def test_a_head_of_a_live_stream_ends(http: httpx.AsyncClient, provider: Provider) -> None:
    """`HEAD` of the events of a run that goes on returns at once, and leaves the run alone."""
    provider.script(Reply("one two", stall_after=1))
    run = (await http.post("/api/v1/chat", json={"message": "x", "background": True})).json()
    reply = await http.head(run["stream_url"])
    assert (200, run["run_id"]) == (reply.status_code, reply.headers["x-run-id"])
    state = (await http.get(f"/api/v1/runs/{run['run_id']}")).json()
    assert state["status"] in ("queued", "running")
    await http.post(f"/api/v1/runs/{run['run_id']}/cancel")


@pytest.mark.parametrize(("path", "body", "_"), DOORS)
async def test_streams_are_incremental(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], _: object
) -> None:
    """Every stream tells proxies to pass on what comes as it comes (RFC 10036)."""
    reply = await http.post(path, json={**body, "stream": True})
    assert (200, "?1") == (reply.status_code, reply.headers["incremental"])


async def test_a_model_may_name_an_agent(http: httpx.AsyncClient) -> None:
    """On the native door, too, the field `model` takes an agent's name, also in the address."""
    body = {"message": "x", "model": "general", "stream": False}
    reply = await http.post("/api/v1/chat", json=body)
    assert (200, "general") == (reply.status_code, reply.json()["agent"])
    assert "test-model" == reply.json()["model"]
    reply = await http.get("/api/v1/chat", params={"message": "x", "model": "general"})
    assert 200 == reply.status_code
    reply = await http.post("/api/v1/chat", json={**body, "agent": "general"})
    assert "unknown_model" == reply.json()["error"]["code"]


@pytest.mark.parametrize("headers", [{}, {"X-Conversation-Id": "c"}], ids=["", "stored"])
@pytest.mark.parametrize(("path", "body", "_"), DOORS)
async def test_a_nul_in_a_question_is_refused(
    http: httpx.AsyncClient,
    provider: Provider,
    path: str,
    body: dict[str, Any],
    _: object,
    headers: dict[str, str],
) -> None:
    """Every door refuses a question with a NUL, whether it is to be stored or not."""
    text = json.dumps(body).replace("Hello?", "Hel\\u0000lo?")
    reply = await http.post(path, content=text, headers=headers)
    assert reply.status_code in (400, 422)
    assert "NUL" in reply.text
    assert 0 == provider.opened
