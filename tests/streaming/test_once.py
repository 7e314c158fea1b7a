"""A request with an `Idempotency-Key` starts one run, however often it is sent."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.streaming.reader import CHAT, ended

KEY = "6f1c0e5e"
WORDS = "".join(numbered(60))

#: What is sent for each form of the answer.
FORMS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "sse": (CHAT, {}, {}),
    "ndjson": (CHAT, {}, {"Accept": "application/x-ndjson"}),
    "text": ("/chat", {}, {}),
    "json": (CHAT, {"stream": False}, {}),
    "background": (CHAT, {"background": True}, {}),
}


async def send(http: httpx.AsyncClient, form: str = "sse", key: str = KEY) -> httpx.Response:
    path, fields, headers = FORMS[form]
    return await http.post(
        path, json={"message": "Hello?", **fields}, headers={"Idempotency-Key": key, **headers}
    )


@pytest.mark.parametrize("form", FORMS)
async def test_resent_key_replays_answer(
    http: httpx.AsyncClient, provider: Provider, form: str
) -> None:
    """A request that is sent again gets the same answer, with `Idempotent-Replayed: true`."""
    first = await send(http, form)
    await ended(http, first.headers["x-run-id"])
    again = await send(http, form)
    assert first.status_code == again.status_code
    if form != "background":  # its stream URL is signed again
        assert first.text == again.text
    assert first.headers["x-run-id"] == again.headers["x-run-id"]
    assert first.headers["x-conversation-id"] == again.headers["x-conversation-id"]
    assert (None, "true") == tuple(r.headers.get("idempotent-replayed") for r in (first, again))
    assert 1 == provider.opened


@pytest.mark.parametrize("form", ["sse", "ndjson", "text", "json"])
async def test_resent_key_after_lost_connection_gets_whole_answer(
    http: httpx.AsyncClient, provider: Provider, form: str
) -> None:
    """A client that lost its connection and sends the request again gets the whole answer, even in
    forms in which a disconnect else cancels the run."""
    provider.script(Reply(WORDS, rate=100))
    losing = asyncio.create_task(send(http, form))
    await provider.until(lambda: provider.requests and provider.requests[0].tokens_sent > 20)
    losing.cancel()
    await asyncio.gather(losing, return_exceptions=True)
    again = await send(http, form)
    run_id = again.headers["x-run-id"]
    await ended(http, run_id)
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert (WORDS, "stop") == (state["content"], state["finish_reason"])
    assert 1 == provider.opened
    if form == "text":
        assert WORDS == again.text


async def test_concurrent_requests_with_same_key_share_run(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Concurrent requests with the same key are answered by one run."""
    replies = await asyncio.gather(*(send(http) for _ in range(20)))
    assert {200} == {reply.status_code for reply in replies}
    assert 1 == len({reply.text for reply in replies})
    assert 1 == provider.opened


async def test_refused_request_does_not_use_up_key(serve: Serve, provider: Provider) -> None:
    """A refused request starts no run; the same key, sent again, starts one."""
    server = serve(max_concurrent_runs=1, run_queue_timeout=0.1)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        provider.script(Reply(WORDS, rate=50))
        running = asyncio.create_task(send(http, key="one"))
        await provider.until(lambda: provider.opened)
        assert 503 == (await send(http, key="two")).status_code
        await running
        reply = await send(http, key="two")
    assert 200 == reply.status_code
    assert "idempotent-replayed" not in reply.headers
    assert 2 == provider.opened


async def test_key_reused_with_other_question_is_refused(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """A key that is reused with another question is refused."""
    await send(http)
    reply = await http.post(CHAT, json={"message": "Else?"}, headers={"Idempotency-Key": KEY})
    assert (422, "idempotency_key_reused") == (
        reply.status_code,
        reply.json()["error"]["code"],
    )
    assert 1 == provider.opened


async def test_keys_are_separate_for_principals(serve: Serve, provider: Provider) -> None:
    """The key of one principal means nothing to another."""
    server = serve(api_keys="ann:ann-key-0123456789,bob:bob-key-0123456789")
    runs = set()
    for name in ("ann", "bob"):
        headers = {"Authorization": f"Bearer {name}-key-0123456789"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as http:
            runs.add((await send(http)).headers["x-run-id"])
    assert 2 == len(runs) == provider.opened


@pytest.mark.parametrize("key", ["", "two words", "k" * 256])
async def test_invalid_idempotency_key_is_refused(
    http: httpx.AsyncClient, provider: Provider, key: str
) -> None:
    """An invalid key is refused with a message that names the header."""
    reply = await send(http, key=key)
    assert (400, "bad_request") == (reply.status_code, reply.json()["error"]["code"])
    assert "Idempotency-Key" in reply.json()["error"]["message"]
    assert 0 == provider.opened


async def test_defaults_are_no_part_of_a_request(http: httpx.AsyncClient) -> None:
    """A question that is sent again, once with a default written out, is the same question: so a
    new release with a new field knows the requests of the one before."""
    headers = {"Idempotency-Key": "defaults"}
    body = {"message": "Hello?", "stream": False}
    first = await http.post("/api/v1/chat", json=body, headers=headers)
    more = {**body, "agent": None, "images": [], "on_busy": "queue", "options": {"seed": None}}
    again = await http.post("/api/v1/chat", json=more, headers=headers)
    assert first.headers["x-run-id"] == again.headers["x-run-id"]
    assert "true" == again.headers["idempotent-replayed"]
    other = await http.post("/api/v1/chat", json={**body, "on_busy": "reject"}, headers=headers)
    assert 422 == other.status_code
