"""Finish reasons are true: stops, cuts, cancels, timeouts and disconnects."""

import asyncio
import time
from dataclasses import replace

import httpx
import pytest

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, Reply, refusal
from tests.streaming.reader import CHAT, answer, ask, chunks, ended, take, text

STORY = "once upon a time there was a stream that never broke off"
SILENT = Reply(STORY, stall_after=4)


@pytest.mark.parametrize(
    ("reply", "ending", "code", "content"),
    [
        (Reply(STORY), "stop", None, STORY),
        (Reply(STORY, finish_reason="length"), "length", None, STORY),
        (Reply(STORY, finish_reason="content_filter"), "content_filter", None, STORY),
        (Reply(""), "stop", None, ""),
        (
            Reply(STORY, cut_after=4, cut="clean"),
            "upstream_cut",
            "upstream_cut",
            "once upon a time ",
        ),
        (
            Reply(STORY, cut_after=4, cut="abort"),
            "upstream_cut",
            "upstream_cut",
            "once upon a time ",
        ),
        (Reply(STORY, finish_reason=""), "upstream_cut", "upstream_cut", STORY),
        (Reply(empty=True), "upstream_cut", "upstream_cut", ""),
        (Reply(STORY, garbage_after=4), "error", "model_bad_response", "once upon a time "),
        (Reply(STORY, error_frame_after=4), "error", "model_bad_response", "once upon a time "),
        (INVALID_KEY, "error", "model_auth_failed", ""),
        (refusal(404, "No such model.", "model_not_found"), "error", "model_not_found", ""),
        (refusal(400, "Bad temperature.", "invalid"), "error", "model_refused_request", ""),
        (
            refusal(400, "Too many tokens.", "context_length_exceeded"),
            "error",
            "context_too_long",
            "",
        ),
        (refusal(429, "Slow down.", "rate_limit_exceeded"), "error", "model_rate_limited", ""),
        (refusal(500, "It hurts.", "server_error"), "error", "model_unavailable", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
async def test_finish_reason_of_upstream_fault(
    http: httpx.AsyncClient,
    provider: Provider,
    reply: Reply,
    ending: str,
    code: str | None,
    content: str,
) -> None:
    """Whatever the provider does, the last chunk reports it, no received text is lost, the status
    of an unstreamed answer agrees, and the server still serves."""
    provider.default = reply
    streamed = await answer(http)
    whole = await http.post(CHAT, json={"message": "x", "stream": False})
    body = whole.json()
    provider.default = Reply("fine again")
    again = await answer(http)

    assert [True] == [chunk["done"] for chunk in streamed if chunk["done"]]
    assert (True, ending) == (streamed[-1]["done"], streamed[-1]["finish_reason"])
    assert code == streamed[-1].get("error", {}).get("code")
    assert content == text(streamed)
    if code is None:
        assert (200, content, ending) == (whole.status_code, body["content"], body["finish_reason"])
    else:
        assert whole.status_code >= 400
        assert (code, content) == (body["error"]["code"], body["error"]["content"])
        assert "sk-" not in whole.text
        assert "Traceback" not in whole.text
    assert "fine again" == text(again)


async def test_unreachable_provider_is_model_unavailable(serve: Serve) -> None:
    """A provider that refuses the connection is reported as `model_unavailable`, with 503."""
    server = serve(openai_base_url="http://127.0.0.1:9/v1")
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        last = (await answer(http))[-1]
        plain = await http.post("/chat", json={"message": "x"})
    assert ("error", "model_unavailable") == (last["finish_reason"], last["error"]["code"])
    assert (503, "model_unavailable") == (plain.status_code, plain.json()["error"]["code"])
    assert "5" == plain.headers["retry-after"]


async def test_broken_plain_text_closes_connection(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Plain text cannot carry an error, so a broken answer ends with a broken connection."""
    provider.script(Reply(STORY, cut_after=4))
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012  # what came before is looked at
        async with http.stream("POST", "/chat", json={"message": "x"}) as response:
            async for part in response.aiter_raw():
                got += part
    assert b"once upon a time " == got


async def test_surrogate_pair_split_between_deltas(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """A surrogate pair split between two deltas is joined; a lone surrogate becomes U+FFFD."""
    provider.script(Reply(["smile \ud83d", "\ude42 done"]), Reply(["half \ud83d"]))
    assert "smile 🙂 done" == text(await answer(http))
    assert "half \ufffd" == text(await answer(http))


async def test_reasoning_has_its_own_field(http: httpx.AsyncClient, provider: Provider) -> None:
    """Reasoning comes in chunks of its own field, before the text."""
    provider.script(Reply("yes", reasoning="let me see"))
    got = await answer(http)
    assert "let me see" == "".join(chunk.get("reasoning", "") for chunk in got)
    assert "yes" == text(got)


async def test_cancel_while_model_is_silent(http: httpx.AsyncClient, provider: Provider) -> None:
    """A cancel ends a run whose model is silent: the upstream closes, the text is kept."""
    provider.script(SILENT)
    async with ask(http) as source:
        run_id = source.response.headers["x-run-id"]
        await take(source, 5)
    began = time.monotonic()
    state = (await http.post(f"/api/v1/runs/{run_id}/cancel")).json()
    took = time.monotonic() - began
    await provider.until(lambda: provider.aborted)
    closed = provider.requests[0].aborted
    again = (await http.post(f"/api/v1/runs/{run_id}/cancel")).json()
    assert ("cancelled", "cancelled") == (state["status"], state["finish_reason"])
    assert "once upon a time " == state["content"]
    assert state == again
    assert took < 5
    assert closed is not None
    assert closed - began < 5


async def test_cancel_reaches_reader(http: httpx.AsyncClient, provider: Provider) -> None:
    """The reader of a run that somebody cancels gets `cancelled` as its finish reason."""
    provider.script(SILENT)
    got = []
    async with ask(http) as source:
        run_id = source.response.headers["x-run-id"]
        async for chunk in chunks(source):
            got.append(chunk)
            if len(got) == 5:
                await http.post(f"/api/v1/runs/{run_id}/cancel")
    assert ("once upon a time ", "cancelled") == (text(got), got[-1]["finish_reason"])


@pytest.mark.parametrize("headers", [{"Accept": "text/event-stream"}, {"Accept": "text/plain"}])
async def test_disconnect_cancels_run(
    http: httpx.AsyncClient, provider: Provider, headers: dict[str, str]
) -> None:
    """`on_disconnect: cancel`, the default of plain text, closes the upstream at once."""
    provider.script(SILENT)
    body = {"message": "x"} | ({} if "plain" in str(headers) else {"on_disconnect": "cancel"})
    async with http.stream("POST", CHAT, json=body, headers=headers) as response:
        run_id = response.headers["x-run-id"]
        await provider.until(lambda: provider.opened)
    left = time.monotonic()
    await provider.until(lambda: provider.aborted)
    closed = provider.requests[0].aborted
    assert closed is not None
    assert closed - left < 1
    await ended(http, run_id)
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert ("disconnected", "cancelled") == (state["finish_reason"], state["status"])


async def test_disconnect_from_unstreamed_answer_cancels_run(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """A client that leaves before an unstreamed answer stops its run."""
    provider.script(SILENT)
    with pytest.raises(httpx.ReadTimeout):
        await http.post(CHAT, json={"message": "x", "stream": False}, timeout=0.5)
    await provider.until(lambda: provider.aborted)
    assert 1 == provider.opened


async def test_disconnect_grace_stops_run(serve: Serve, provider: Provider) -> None:
    """A run continues without a reader for `DISCONNECT_GRACE` seconds, and then is stopped."""
    provider.script(SILENT, replace(SILENT, stall_seconds=1.0))
    server = serve(disconnect_grace=0.5)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        async with ask(http) as source:
            run_id = source.response.headers["x-run-id"]
            await take(source, 5)
        await ended(http, run_id)
        stopped = (await http.get(f"/api/v1/runs/{run_id}")).json()
        async with ask(http, on_disconnect="continue") as source:
            run_id = source.response.headers["x-run-id"]
            await take(source, 5)
        await ended(http, run_id)
        finished = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert "disconnected" == stopped["finish_reason"]
    assert ("stop", STORY) == (finished["finish_reason"], finished["content"])


async def test_reconnect_within_grace_continues(serve: Serve, provider: Provider) -> None:
    """A reader that reconnects within the grace finds the run still active."""
    provider.script(replace(SILENT, stall_seconds=1.5))
    server = serve(disconnect_grace=1.0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        async with ask(http) as source:
            run_id = source.response.headers["x-run-id"]
            await take(source, 5)
        await asyncio.sleep(0.2)
        rest = await http.get(f"/api/v1/runs/{run_id}/events?after=5")
    assert '"finish_reason":"stop"' in rest.text


@pytest.mark.parametrize(
    ("reply", "timeouts", "ending"),
    [
        (Reply(STORY, delay_first=30), {"first_token": 0.3}, "timeout_first_token"),
        (Reply(STORY, delay_headers=30), {"first_token": 0.3}, "timeout_first_token"),
        (SILENT, {"idle": 0.3, "first_token": 5}, "timeout_idle"),
        (Reply(STORY, rate=5), {"total": 0.7}, "timeout_total"),
    ],
)
async def test_each_timeout_has_finish_reason(
    http: httpx.AsyncClient,
    provider: Provider,
    reply: Reply,
    timeouts: dict[str, float],
    ending: str,
) -> None:
    """Each timeout of a run has its own finish reason, and closes the upstream request."""
    provider.default = reply
    streamed = await answer(http, timeouts=timeouts)
    whole = await http.post(CHAT, json={"message": "x", "stream": False, "timeouts": timeouts})
    await provider.until(lambda: provider.aborted == 2)
    assert (ending, ending) == (streamed[-1]["finish_reason"], streamed[-1]["error"]["code"])
    assert (504, ending) == (whole.status_code, whole.json()["error"]["code"])
    assert text(streamed) == whole.json()["error"]["content"]


async def test_request_cannot_lengthen_timeouts(http: httpx.AsyncClient) -> None:
    """A request may shorten the server's timeouts, not lengthen them."""
    reply = await http.post(CHAT, json={"message": "x", "timeouts": {"idle": 9999}})
    assert (422, "invalid_field") == (reply.status_code, reply.json()["error"]["code"])
    assert "timeouts.idle" in reply.json()["error"]["message"]


async def test_heartbeats_while_model_is_silent(serve: Serve, provider: Provider) -> None:
    """While the model is silent there are heartbeats, which every parser ignores."""
    provider.default = Reply("at last", delay_first=1.7)
    server = serve(heartbeat=0.5)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        sse = await http.post(CHAT, json={"message": "x"})
        ndjson = await http.post(
            CHAT, json={"message": "x"}, headers={"Accept": "application/x-ndjson"}
        )
        parsed = await answer(http)
    assert sse.text.splitlines().count(":") >= 2
    silent = '{"content":"","done":false,"model":"test-model"}'
    assert ndjson.text.splitlines().count(silent) >= 2
    assert "at last" == text(parsed)


async def test_server_stop_interrupts_streams(serve: Serve, provider: Provider) -> None:
    """A server that stops ends its streams as `interrupted`, and keeps the text so far."""
    provider.script(SILENT)
    server = serve()
    got = []
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http, ask(http) as source:
        async for chunk in chunks(source):
            got.append(chunk)
            if len(got) == 5:
                server.app.state.context.runs.interrupt_all()
    assert ("once upon a time ", "interrupted") == (text(got), got[-1]["finish_reason"])
