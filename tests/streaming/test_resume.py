"""Resuming: no gap, no repetition, and never a second request to the model."""

import asyncio
import json

import httpx
import pytest
from httpx_sse import EventSource

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, ask, joined_text, resume, take, text

LONG = "".join(f"word{n} 🙂 line\n" if n % 10 == 0 else f"w{n} " for n in range(150))


@pytest.mark.parametrize("form", ["sse", "ndjson"])
async def test_resume_after_every_event(
    http: httpx.AsyncClient, provider: Provider, form: str
) -> None:
    """After any event, the remaining events complete the same text."""
    provider.script(Reply(LONG))
    async with ask(http) as source:
        events = [event async for event in source.aiter_sse()]
    whole = joined_text(events)
    run_id = events[0].id.rpartition(":")[0]
    for cut, event in enumerate(events[:-1], start=1):
        if form == "sse":
            rest = joined_text(await resume(http, event.id))
        else:
            headers = {"Accept": "application/x-ndjson"}
            reply = await http.get(f"/api/v1/runs/{run_id}/events?after={cut}", headers=headers)
            rest = text([json.loads(line) for line in reply.text.splitlines()])
        assert whole == joined_text(events[:cut]) + rest
    assert LONG == whole
    assert 1 == provider.opened


async def test_resume_live_stream_after_every_event(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """A browser that loses its connection after every event still gets the whole answer."""
    provider.script(Reply(LONG, rate=500))
    async with ask(http) as source:
        seen = await take(source, 1)
    while not json.loads(seen[-1].data)["done"]:
        headers = {"Last-Event-ID": seen[-1].id}
        async with http.stream("GET", CHAT, params={"message": "x"}, headers=headers) as response:
            seen += await take(EventSource(response), 1)
    assert LONG == joined_text(seen)
    assert [str(n) for n in range(1, len(seen) + 1)] == [e.id.rpartition(":")[2] for e in seen]
    assert 1 == provider.opened


async def test_resume_after_last_event_is_204(http: httpx.AsyncClient, provider: Provider) -> None:
    """A reconnect after the last event gets 204, so that a browser stops; no model is called."""
    async with ask(http) as source:
        last = [event async for event in source.aiter_sse()][-1]
    reply = await http.get(CHAT, params={"message": "x"}, headers={"Last-Event-ID": last.id})
    assert 204 == reply.status_code
    assert 1 == provider.opened


async def test_event_source_request_starts_run(http: httpx.AsyncClient, provider: Provider) -> None:
    """`GET /api/v1/chat?message=` is what a browser's EventSource can send."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
    reply = await http.get(CHAT, params={"message": "Hello?"}, headers=headers)
    assert 'data: {"content":"Hello ",' in reply.text
    assert "Hello?" == provider.requests[0].body["messages"][-1]["content"]


async def test_two_readers_of_live_run_agree(http: httpx.AsyncClient, provider: Provider) -> None:
    """A second reader of a live run gets the same from its beginning."""
    provider.script(Reply(LONG, rate=1000))
    async with ask(http) as source:
        run_id = source.response.headers["x-run-id"]
        first, second = await asyncio.gather(
            take(source, 10_000), http.get(f"/api/v1/runs/{run_id}/events")
        )
    assert LONG == joined_text(first)
    assert [event.id for event in first] == [
        line[4:] for line in second.text.splitlines() if line.startswith("id: ")
    ]


async def test_trimmed_log_is_reported_as_gap(serve: Serve, provider: Provider) -> None:
    """Entries that were trimmed from a run's log are reported as a gap."""
    provider.script(Reply([f"{n:0999} " for n in range(300)]))
    server = serve(journal_url="memory://?run_bytes=100000", hub_run_bytes=50_000)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        run_id = (await http.post(CHAT, json={"message": "x"})).headers["x-run-id"]
        async with asyncio.timeout(5):
            # Until the newest events have left the hub for the journal, it has all of them.
            while (reply := await http.get(f"/api/v1/runs/{run_id}/events")).status_code == 200:  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.05)
        state = (await http.get(f"/api/v1/runs/{run_id}")).json()
        after = reply.json()["error"]["first_event_id"]
        rest = await http.get(f"/api/v1/runs/{run_id}/events?after={after}")
    assert (410, "gap") == (reply.status_code, reply.json()["error"]["code"])
    assert state["truncated"]
    assert state["content"].endswith(f"{299:0999} ")
    assert '"done":true' in rest.text


async def test_replay_at_original_pace(http: httpx.AsyncClient, provider: Provider) -> None:
    """`pace=original` takes about as long as the original answer, and has the same text."""
    provider.script(Reply("one two three four five", rate=20))
    run_id = (await http.post(CHAT, json={"message": "x"})).headers["x-run-id"]
    loop = asyncio.get_running_loop()
    began = loop.time()
    paced = await http.get(f"/api/v1/runs/{run_id}/events?pace=original")
    took = loop.time() - began
    plain = await http.get(f"/api/v1/runs/{run_id}/events")
    assert plain.text == paced.text
    assert 0.15 < took < 5


@pytest.mark.parametrize(
    ("last_event_id", "status", "code"),
    [
        ("rubbish", 400, "bad_last_event_id"),
        ("run:", 400, "bad_last_event_id"),
        ("run:-1", 400, "bad_last_event_id"),
        (":5", 400, "bad_last_event_id"),
        ("run:5\u00b2", 400, "bad_last_event_id"),
        ("run:" + "9" * 400, 400, "bad_last_event_id"),
        ("0" * 32 + ":5", 404, "unknown_run"),
    ],
)
async def test_invalid_last_event_id_is_refused(
    http: httpx.AsyncClient, provider: Provider, last_event_id: str, status: int, code: str
) -> None:
    """A wrong id is a clear error, and never starts a run."""
    headers = {b"Last-Event-ID": last_event_id.encode()}
    reply = await http.get(CHAT, params={"message": "x"}, headers=headers)
    assert (status, code) == (reply.status_code, reply.json()["error"]["code"])
    assert 0 == provider.opened


async def test_event_id_of_other_run_is_refused(http: httpx.AsyncClient) -> None:
    """The id of one run does not resume another."""
    run_id = (await http.post(CHAT, json={"message": "x"})).headers["x-run-id"]
    reply = await http.get(f"/api/v1/runs/{run_id}/events", headers={"Last-Event-ID": "other:1"})
    assert (400, "bad_last_event_id") == (reply.status_code, reply.json()["error"]["code"])


async def test_event_id_beyond_log_is_refused(http: httpx.AsyncClient, provider: Provider) -> None:
    """A number that a live run has not reached is an error, not a wait for it."""
    provider.script(Reply("slow answer here", rate=2))
    async with ask(http, on_disconnect="cancel") as source:
        run_id = source.response.headers["x-run-id"]
        reply = await http.get(f"/api/v1/runs/{run_id}/events?after=500")
    assert (400, "bad_last_event_id") == (reply.status_code, reply.json()["error"]["code"])
