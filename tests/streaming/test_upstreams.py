"""Failing providers: retries before the first token, circuit breakers, and the fallback model."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from openai import AsyncOpenAI

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, RATE_LIMITED, SERVER_ERROR, Reply, refusal
from tests.server import Server
from tests.streaming.reader import CHAT, answer, text

FINE = Reply("here I am")


def client(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, timeout=30)


async def whole(http: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await http.post(CHAT, json={"message": "x", "stream": False, **fields})


@pytest.mark.parametrize("fault", [SERVER_ERROR, Reply(status=503), RATE_LIMITED])
async def test_retry_before_first_token(
    http: httpx.AsyncClient, provider: Provider, fault: Reply
) -> None:
    """A request that fails before its first token is retried, unseen by the reader."""
    provider.script(fault, fault, FINE)
    got = await answer(http)
    assert ("here I am", "stop", 3) == (text(got), got[-1]["finish_reason"], provider.opened)
    assert "error" not in got[-1]


async def test_retries_are_limited(http: httpx.AsyncClient, provider: Provider) -> None:
    """After `UPSTREAM_RETRIES` (2) retries the failure is reported."""
    provider.default = SERVER_ERROR
    last = (await answer(http))[-1]
    assert ("model_unavailable", 3) == (last["error"]["code"], provider.opened)


@pytest.mark.parametrize(
    "fault",
    [
        Reply("one two three", cut_after=1),
        Reply("one two three", error_frame_after=2),
        INVALID_KEY,
        refusal(400, "Bad temperature.", "invalid"),
    ],
)
async def test_no_retry_after_token_or_for_final_errors(
    http: httpx.AsyncClient, provider: Provider, fault: Reply
) -> None:
    """There is no retry after the first token, nor for failures that would happen again."""
    provider.script(fault)
    last = (await answer(http))[-1]
    assert (True, 1) == ("error" in last, provider.opened)


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_obeyed(
    http: httpx.AsyncClient, provider: Provider, form: str
) -> None:
    """A retry waits for `Retry-After`, in either form; one that is too long goes to the client."""
    dated = form == "date"
    soon, later = ("1", "3600")
    if dated:
        now = datetime.now(UTC)
        soon = format_datetime(now + timedelta(seconds=3), usegmt=True)
        later = format_datetime(now + timedelta(hours=1), usegmt=True)
    provider.script(
        Reply(status=503, headers=[("Retry-After", soon)]),
        FINE,
        Reply(status=429, headers=[("Retry-After", later)]),
    )
    got = await answer(http)
    first, second = (request.started for request in provider.requests)
    refused = await whole(http)
    assert "here I am" == text(got)
    assert second - first >= 1
    assert (429, 3) == (refused.status_code, provider.opened)
    assert 3500 < int(refused.headers["retry-after"]) <= 3600


async def test_cancel_between_retries(http: httpx.AsyncClient, provider: Provider) -> None:
    """A run can be cancelled while it waits for a retry."""
    provider.default = Reply(status=503, headers=[("Retry-After", "9")])
    started = (await http.post(CHAT, json={"message": "x", "background": True})).json()
    await provider.until(lambda: provider.finished)
    began = time.monotonic()
    state = (await http.post(f"/api/v1/runs/{started['run_id']}/cancel")).json()
    assert "cancelled" == state["finish_reason"]
    assert time.monotonic() - began < 5
    assert 1 == provider.opened


async def test_circuit_opens_and_closes(serve: Serve, provider: Provider) -> None:
    """After failures in a row the circuit opens: requests get 503 with `Retry-After` at once, and
    `/readyz` reports it; later one trial request closes the circuit."""
    server = serve(upstream_retries=0, circuit_failures=3, circuit_seconds=1.5)
    provider.default = SERVER_ERROR
    async with client(server) as http:
        for _ in range(3):
            assert 503 == (await whole(http)).status_code
        refused = [await whole(http), await http.post("/chat", json={"message": "x"})]
        streamed = await http.post(CHAT, json={"message": "x"})
        ollama = await http.post("/api/chat", json={"model": "general", "messages": [HELLO]})
        openai = await http.post(
            "/v1/chat/completions", json={"model": "general", "messages": [HELLO]}
        )
        opened = provider.opened
        degraded = (await http.get("/readyz")).json()
        provider.default = FINE
        await asyncio.sleep(1.6)
        ready = (await http.get("/readyz")).json()
        well = await whole(http)
        again = await whole(http)
    for reply in (*refused, streamed):
        assert (503, "model_unavailable") == (reply.status_code, reply.json()["error"]["code"])
    for reply in (*refused, streamed, ollama, openai):
        assert 503 == reply.status_code
        assert int(reply.headers["retry-after"]) in (1, 2)
    assert 3 == opened
    assert ("degraded", "paused after failures: test-model") == (
        degraded["status"],
        degraded["checks"]["models"],
    )
    assert ("ready", "ok") == (ready["status"], ready["checks"]["models"])
    assert (200, 200) == (well.status_code, again.status_code)


HELLO = {"role": "user", "content": "hello"}


async def test_circuit_closes_at_first_token_of_trial(serve: Serve, provider: Provider) -> None:
    """The first token of the trial closes the circuit, before the trial's answer ends."""
    server = serve(upstream_retries=0, circuit_failures=1, circuit_seconds=0.2)
    provider.script(SERVER_ERROR, Reply("one two three", stall_after=1), FINE)
    async with client(server) as http:
        await whole(http)
        await asyncio.sleep(0.3)
        started = (await http.post(CHAT, json={"message": "x", "background": True})).json()
        await provider.until(lambda: provider.opened == 2 and provider.requests[1].tokens_sent)
        async with asyncio.timeout(10):
            while (await http.get("/readyz")).json()["status"] != "ready":  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.02)
        during = await whole(http)
        state = (await http.get(f"/api/v1/runs/{started['run_id']}")).json()
    assert (200, "running") == (during.status_code, state["status"])


async def test_circuits_of_models_are_separate(serve: Serve, provider: Provider) -> None:
    """Each model has its own circuit, and a client's mistakes open none."""
    server = serve(upstream_retries=0, circuit_failures=2, models=["openai:other"])
    async with client(server) as http:
        provider.default = refusal(400, "Bad temperature.", "invalid")
        for _ in range(3):
            assert 400 == (await whole(http)).status_code
        provider.default = SERVER_ERROR
        for _ in range(2):
            await whole(http)
        provider.default = FINE
        closed = await whole(http)
        other = await whole(http, model="other")
    assert (503, 200) == (closed.status_code, other.status_code)


async def test_demo_failures_open_no_circuit(serve: Serve) -> None:
    """The demonstration model fails on request without opening its circuit."""
    async with client(serve(model="demo", circuit_failures=1)) as http:
        for _ in range(2):
            assert 503 == (await whole(http, message="fail")).status_code
        assert 200 == (await whole(http, message="count to 2")).status_code


async def test_fallback_answers_on_every_door(serve: Serve, provider: Provider) -> None:
    """`FALLBACK_MODEL` answers if the model fails before its first token, and every door reports
    the fallback's name."""
    server = serve(upstream_retries=0, circuit_failures=0, fallback_model="openai:spare")
    provider.script(*[SERVER_ERROR, FINE] * 4)
    async with client(server) as http:
        got = await answer(http)
        run_id = got[0]["run_id"]
        state = (await http.get(f"/api/v1/runs/{run_id}")).json()
        one = (await whole(http)).json()
        ollama = await http.post("/api/chat", json={"model": "general", "messages": [HELLO]})
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
            stream = await sdk.chat.completions.create(
                model="general", messages=[{"role": "user", "content": "x"}], stream=True
            )
            named = [chunk.model async for chunk in stream if chunk.choices[0].delta.content]
        usual = await whole(http)
    assert "here I am" == text(got)
    assert "test-model" == got[0]["model"]
    assert {"spare"} == {chunk["model"] for chunk in got[1:]}
    assert ("spare", "spare") == (state["model"], one["model"])
    assert {"spare"} == {httpx.Response(200, text=line).json()["model"] for line in lines(ollama)}
    assert ["spare"] * 3 == named
    assert ["test-model", "spare"] * 4 == [r.body["model"] for r in provider.requests[:8]]
    assert "test-model" == usual.json()["model"]


def lines(reply: httpx.Response) -> list[str]:
    return reply.text.splitlines()


async def test_fallback_of_other_provider(serve: Serve, provider: Provider) -> None:
    """The fallback may be a model of another provider."""
    server = serve(
        model="ollama:llama3.2",
        ollama_host="http://127.0.0.1:9",
        upstream_retries=0,
        fallback_model="openai:spare",
    )
    provider.script(FINE)
    async with client(server) as http:
        got = await answer(http)
    assert ("here I am", "spare", "stop") == (
        text(got),
        got[-1]["model"],
        got[-1]["finish_reason"],
    )


async def test_fallback_calls_agents_tools(serve: Serve, provider: Provider) -> None:
    """The fallback calls the agent's tools in its own protocol, and gets their results."""

    def weather() -> str:
        """Tell the weather."""
        return "rain"

    server = serve(
        agents=[Agent(id="cook", tools=[weather])],
        ollama_host=provider.origin,
        upstream_retries=0,
        fallback_model="ollama:llama3.2",
    )
    provider.script(SERVER_ERROR, Reply(tool_calls=[("weather", "{}")]), Reply("It rains."))
    async with client(server) as http:
        got = await answer(http)
    tools = [chunk["tool"] for chunk in got if "tool" in chunk]
    paths = ["/v1/chat/completions", "/api/chat", "/api/chat"]
    assert paths == [request.path for request in provider.requests]
    assert ["started", "completed"] == [tool["status"] for tool in tools]
    assert ("It rains.", "llama3.2", "stop") == (
        text(got),
        got[-1]["model"],
        got[-1]["finish_reason"],
    )
    assert "rain" in str(provider.requests[2].body["messages"])
    assert [] == [m for m in provider.requests[1].body["messages"] if m["role"] == "tool"]


async def test_no_fallback_after_first_token(serve: Serve, provider: Provider) -> None:
    """After the first token there is no fallback, because the answer would start again; errors of
    the question or the settings are reported instead of a fallback, too."""
    server = serve(upstream_retries=0, fallback_model="openai:spare")
    provider.script(Reply("one two three", cut_after=2), INVALID_KEY)
    async with client(server) as http:
        cut = await answer(http)
        key = await whole(http)
    assert ("one two ", "upstream_cut") == (text(cut), cut[-1]["finish_reason"])
    assert (502, "model_auth_failed") == (key.status_code, key.json()["error"]["code"])
    assert 2 == provider.opened


async def test_failure_of_model_and_fallback(serve: Serve, provider: Provider) -> None:
    """If the fallback fails, too, the failure of the chosen model is reported; if the circuits of
    both are open, the answer is 503 at once."""
    server = serve(upstream_retries=0, circuit_failures=1, fallback_model="openai:spare")
    provider.script(Reply(status=500), RATE_LIMITED, Reply(status=500))
    async with client(server) as http:
        first = await whole(http)
        second = await whole(http)
        third = await whole(http)
    assert [503, 503, 503] == [reply.status_code for reply in (first, second, third)]
    assert "(500)" in first.json()["error"]["message"]
    assert 3 == provider.opened
