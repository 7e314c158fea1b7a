"""Each limit is crossed, on every door, and answers as it is documented to."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.api.test_guard import ALICE, DOORS, bearer
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.services import RedisServer

BUSY = {"message": "x", "background": True}
TWO = {"api_keys": f"alice:{ALICE},bob:bob-key-0123456789"}
KEY_OF_BOB = "bob-key-0123456789"


def message(reply: httpx.Response) -> str:
    """The text of an error, in the shape of its door."""
    [place] = [place for path, _, place in DOORS if path == reply.request.url.path]
    found: Any = reply.json() if place else reply.text
    for name in place:
        found = found[name]
    return str(found)


async def ask_all(
    http: httpx.AsyncClient, status: int, fragment: str, **headers: str
) -> list[httpx.Response]:
    """Ask at every door; each must refuse with the status, and say when to come back."""
    replies = [await http.post(path, json=body, headers=headers) for path, body, _ in DOORS]
    replies.append(await http.get("/api/v1/chat", params={"message": "x"}, headers=headers))
    for reply in replies:
        assert status == reply.status_code, reply.request.url
        assert fragment in message(reply)
        assert int(reply.headers["retry-after"]) >= 1
    return replies


async def test_concurrent_runs_are_limited(serve: Serve, provider: Provider) -> None:
    """Over the bound of all every door says 503 after a short wait; a run that ends makes room."""
    provider.default = Reply("one two", stall_after=1)
    server = serve(max_concurrent_runs=2, run_queue=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        busy = [(await http.post("/api/v1/chat", json=BUSY)).json() for _ in range(2)]
        await ask_all(http, 503, "limit of concurrent runs")
        assert 200 == (await http.get(f"/api/v1/runs/{busy[0]['run_id']}")).status_code
        await http.post(f"/api/v1/runs/{busy[0]['run_id']}/cancel")
        assert 202 == (await http.post("/api/v1/chat", json=BUSY)).status_code


async def test_concurrent_runs_of_a_principal_are_limited(serve: Serve, provider: Provider) -> None:
    """Over its own bound every door tells a principal 429, and the others notice nothing."""
    provider.default = Reply("one two", stall_after=1)
    settings = {**TWO, "max_concurrent_runs_per_principal": 1, "run_queue_timeout": 0.2}
    async with httpx.AsyncClient(base_url=serve(**settings).url, timeout=30) as http:
        alice, bob = bearer(ALICE), bearer(KEY_OF_BOB)
        assert 202 == (await http.post("/api/v1/chat", json=BUSY, headers=alice)).status_code
        replies = await ask_all(http, 429, "limit of 1 concurrent runs", **alice)
        assert "too_many_runs" == replies[0].json()["error"]["code"]
        assert "rate_limit_exceeded" == replies[2].json()["error"]["code"]
        assert 202 == (await http.post("/api/v1/chat", json=BUSY, headers=bob)).status_code


async def test_a_request_waits_for_a_slot(serve: Serve, provider: Provider) -> None:
    """A question that comes when all is taken waits for a run to end, and is then answered."""
    provider.script(Reply("one two", stall_after=1))
    server = serve(max_concurrent_runs=1, run_queue=1, run_queue_timeout=20)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        busy = (await http.post("/api/v1/chat", json=BUSY)).json()
        body = {"message": "x", "stream": False}
        waiting = asyncio.create_task(http.post("/api/v1/chat", json=body))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert 503 == (await http.post("/api/v1/chat", json=body)).status_code  # no place to wait
        await http.post(f"/api/v1/runs/{busy['run_id']}/cancel")
        assert (200, "Hello from the provider.") == (
            (await waiting).status_code,
            (await waiting).json()["content"],
        )


async def test_an_interrupting_run_takes_the_slot(serve: Serve, provider: Provider) -> None:
    """A message that takes the place of the one being answered needs no second slot."""
    provider.script(Reply("one two", stall_after=1))
    async with httpx.AsyncClient(base_url=serve(max_concurrent_runs=1).url, timeout=30) as http:
        await http.post("/api/v1/chat", json={**BUSY, "conversation_id": "c"})
        await provider.until(lambda: provider.opened == 1)
        await provider.until(lambda: provider.opened == 1)
        body = {"message": "x", "stream": False, "conversation_id": "c", "on_busy": "interrupt"}
        assert 200 == (await http.post("/api/v1/chat", json=body)).status_code


async def test_the_request_rate_is_limited(serve: Serve) -> None:
    """A principal that asks too often receives 429 on every door; reading is not asking."""
    server = serve(**TWO, rate_limit="2/minute")
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        alice = bearer(ALICE)
        body = {"message": "x", "stream": False}
        run_id = ""
        for _ in range(2):
            reply = await http.post("/api/v1/chat", json=body, headers=alice)
            run_id = reply.headers["x-run-id"]
            assert 200 == reply.status_code
        replies = await ask_all(http, 429, "2 requests per minute", **alice)
        assert "rate_limited" == replies[0].json()["error"]["code"]
        assert all(int(reply.headers["retry-after"]) <= 60 for reply in replies)
        for path in (f"/api/v1/runs/{run_id}/events", "/api/v1/conversations", "/v1/models"):
            assert 200 == (await http.get(path, headers=alice)).status_code
        theirs = await http.post("/api/v1/chat", json=body, headers=bearer(KEY_OF_BOB))
        assert 200 == theirs.status_code
        async with openai.AsyncOpenAI(
            base_url=f"{server.url}/v1", api_key=ALICE, max_retries=0
        ) as client:
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(
                    model="general", messages=[{"role": "user", "content": "x"}]
                )
        assert "rate_limit_exceeded" == caught.value.code


async def test_the_token_rate_is_limited(serve: Serve, provider: Provider) -> None:
    """When its tokens are used up, a principal receives 429 on every door; those of runs that were
    stopped count, too."""
    provider.script(Reply("one two three " * 20), Reply("four five six " * 40, stall_after=90))
    server = serve(**TWO, rate_limit="1000 requests/minute, 120 tokens/minute")
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        alice = bearer(ALICE)
        body = {"message": "x", "stream": False}
        used = (await http.post("/api/v1/chat", json=body, headers=alice)).json()["usage"]
        assert used["total_tokens"] < 120
        stopped = {**body, "timeouts": {"idle": 0.2}}
        assert 504 == (await http.post("/api/v1/chat", json=stopped, headers=alice)).status_code
        await ask_all(http, 429, "120 tokens per minute", **alice)
        theirs = await http.post("/api/v1/chat", json=body, headers=bearer(KEY_OF_BOB))
        assert 200 == theirs.status_code


async def test_hosts_share_the_rate_limit_in_redis(serve: Serve, redis_server: RedisServer) -> None:
    """With the journal in Redis a limit holds over all processes."""
    settings = {"journal_url": redis_server.url, "api_keys": f"carol:{ALICE}"}
    both = [serve(**settings, rate_limit="3/minute, 100000 tokens/minute") for _ in range(2)]
    async with httpx.AsyncClient(timeout=30) as http:
        body = {"message": "x", "stream": False}
        statuses = [
            (
                await http.post(f"{server.url}/api/v1/chat", json=body, headers=bearer(ALICE))
            ).status_code
            for server in both * 2
        ]
    assert [200, 200, 200, 429] == statuses


async def test_rate_limits_without_a_reachable_redis(serve: Serve, tmp_path: Path) -> None:
    """What cannot be counted passes: a store that is away stops nobody."""
    with RedisServer(tmp_path) as short_lived:
        server = serve(journal_url=short_lived.url, rate_limit="1/minute, 1 tokens/minute")
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            body = {"message": "x", "stream": False}
            statuses = [(await http.post("/api/v1/chat", json=body)).status_code for _ in range(2)]
            short_lived.stop()
            statuses.append((await http.post("/api/v1/chat", json=body)).status_code)
    assert [200, 429, 200] == statuses


@pytest.mark.parametrize("sent", [b"", b'{"message": "x"'], ids=["nothing", "a part"])
@pytest.mark.parametrize("path", [*(door[0] for door in DOORS), "/api/show"])
async def test_a_body_that_does_not_arrive_is_408(serve: Serve, path: str, sent: bytes) -> None:
    """Who does not send the body it announced receives 408, and the connection is closed."""
    server = serve(body_timeout=0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + sent)
    async with asyncio.timeout(10):
        answer = await reader.read()  # to the end of the connection
    writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 408 ")
    assert "connection: close" in head.lower()
    assert "did not arrive within 0.3 seconds" in body


async def test_a_body_that_trickles_is_408(serve: Serve) -> None:
    """A byte now and then buys no time."""
    server = serve(body_timeout=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")

    async def trickle() -> None:
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    trickling.cancel()
    writer.close()


async def test_image_addresses_are_not_fetched(serve: Serve, provider: Provider) -> None:
    """No address that a client names is fetched from here, on any door: one is handed on to a
    provider that fetches it itself, and for other models refused."""
    image = f"{provider.origin}/secret.png"
    part = {"type": "image_url", "image_url": {"url": image}}
    cases: list[tuple[str, dict[str, Any], int]] = [
        ("/api/v1/chat", {"message": "x", "images": [image]}, 422),
        (
            "/v1/chat/completions",
            {
                "model": "general",
                "messages": [
                    {"role": "user", "content": [part]},
                    {"role": "assistant", "content": "a"},
                    {"role": "user", "content": "x"},
                ],
            },
            400,
        ),
        ("/api/generate", {"model": "general", "prompt": "x", "images": [image]}, 400),
    ]
    openai_like = serve()
    by_ollama = serve(model="ollama:llama3.2", ollama_host=provider.origin)
    async with httpx.AsyncClient(timeout=30) as http:
        for path, body, status in cases:
            assert status == (await http.post(by_ollama.url + path, json=body)).status_code, path
            assert [] == provider.requests
        for path, body, _ in cases:
            assert 200 == (await http.post(openai_like.url + path, json=body)).status_code, path
            assert image in json.dumps(provider.requests[-1].body)
    assert {"POST"} == {request.method for request in provider.requests}


async def test_the_size_and_number_of_images_is_limited(serve: Serve) -> None:
    """Images count as a part of the body, on every door that takes them, and there are only so
    many."""
    server = serve(max_body_bytes=10_000)
    image = "data:image/png;base64," + "A" * 20_000
    part = {"type": "image_url", "image_url": {"url": image}}
    message = {"role": "user", "content": "x", "images": ["A" * 20_000]}
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for path, body in (
            ("/api/v1/chat", {"message": "x", "images": [image]}),
            ("/chat", {"message": "x", "images": [image]}),
            (
                "/v1/chat/completions",
                {"model": "general", "messages": [{"role": "user", "content": [part]}]},
            ),
            ("/api/chat", {"model": "general", "messages": [message]}),
            ("/api/generate", {"model": "general", "prompt": "x", "images": ["A" * 20_000]}),
        ):
            assert 413 == (await http.post(path, json=body)).status_code, path
        many: dict[str, Any] = {"message": "x", "images": ["https://example.org/i.png"] * 17}
        assert 422 == (await http.post("/api/v1/chat", json=many)).status_code


async def test_only_runs_count_as_requests(serve: Serve, provider: Provider) -> None:
    """Questions that find no slot, or a busy conversation, or an error, use up no rate."""
    provider.default = Reply("one two", stall_after=1)
    server = serve(rate_limit="3/hour", max_concurrent_runs=2, run_queue=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        first = await http.post("/api/v1/chat", json={**BUSY, "conversation_id": "c"})
        assert 202 == first.status_code
        rejected = {**BUSY, "conversation_id": "c", "on_busy": "reject"}
        for _ in range(4):
            assert 409 == (await http.post("/api/v1/chat", json=rejected)).status_code
            unknown = await http.post("/api/v1/chat", json={**BUSY, "agent": "nobody"})
            assert 404 == unknown.status_code
        second = await http.post("/api/v1/chat", json=BUSY)
        assert 202 == second.status_code
        for _ in range(4):
            assert 503 == (await http.post("/api/v1/chat", json=BUSY)).status_code
        await http.post(f"/api/v1/runs/{second.json()['run_id']}/cancel")
        assert 202 == (await http.post("/api/v1/chat", json=BUSY)).status_code
        assert 429 == (await http.post("/api/v1/chat", json=BUSY)).status_code
        for run in (await http.get("/api/v1/runs")).json()["runs"]:
            await http.post(f"/api/v1/runs/{run['run_id']}/cancel")
