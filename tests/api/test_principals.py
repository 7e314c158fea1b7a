"""What belongs to a principal is not there for another one, on any door and by any route."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

from tests.conftest import STORES, Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import ended

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}


@pytest.fixture
async def clients(serve: Serve) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of the same server for each principal, and one without a key."""
    url = serve(api_keys=",".join(f"{name}:{key}" for name, key in KEYS.items())).url
    found = {
        name: httpx.AsyncClient(
            base_url=url, timeout=30, headers={"Authorization": f"Bearer {key}"} if key else {}
        )
        for name, key in [*KEYS.items(), ("nobody", "")]
    }
    yield found
    for client in found.values():
        await client.aclose()


@pytest.fixture
def alice(clients: dict[str, httpx.AsyncClient]) -> httpx.AsyncClient:
    return clients["alice"]


@pytest.fixture
def bob(clients: dict[str, httpx.AsyncClient]) -> httpx.AsyncClient:
    return clients["bob"]


@pytest.fixture
def nobody(clients: dict[str, httpx.AsyncClient]) -> httpx.AsyncClient:
    return clients["nobody"]


async def test_a_foreign_key_finds_nothing_on_any_route(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    """Each route of the page that names a run or a conversation answers 404 to all but its owner,
    in the same words as for one that there never was."""
    payload = {"message": "Hello?", "conversation_id": "mine"}
    run_id = (await alice.post("/api/v1/chat", json=payload)).headers["x-run-id"]
    await ended(alice, run_id)
    ids = {"run_id": run_id, "conversation_id": "mine", "media_id": "0" * 32}
    no_ids = {"run_id": "x" * 32, "conversation_id": "no", "media_id": "0" * 32}
    page = (await alice.get("/openapi.json")).json()["paths"]
    walked = 0
    for path, item in page.items():
        for method in item:
            if "{" not in path:
                continue
            walked += 1
            theirs = await bob.request(method, path.format(**ids))
            absent = await bob.request(method, path.format(**no_ids))
            assert (404, 404) == (theirs.status_code, absent.status_code), (method, path)
            contents = theirs.text.replace(run_id, "?").replace("mine", "?")
            assert contents == absent.text.replace("x" * 32, "?").replace("'no'", "'?'")
    assert walked >= 6
    for path, headers in (
        ("/api/v1/chat?message=x", {"Last-Event-ID": f"{run_id}:1"}),
        (f"/api/v1/runs/{run_id}/events", {"Last-Event-ID": f"{run_id}:1"}),
        (f"/api/v1/runs/{run_id}/events?after={run_id}:1", {}),
    ):
        assert 404 == (await bob.get(path, headers=headers)).status_code
        assert 200 == (await alice.get(path, headers=headers)).status_code
    assert [] == (await bob.get("/api/v1/conversations")).json()["conversations"]
    assert 200 == (await alice.get("/api/v1/conversations/mine")).status_code


async def test_a_foreign_key_neither_reads_nor_stops_a_run(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, provider: Provider
) -> None:
    """Another principal neither reads nor stops it."""
    provider.script(Reply("one two three", stall_after=1))
    started = (await alice.post("/api/v1/chat", json={"message": "x", "background": True})).json()
    run = f"/api/v1/runs/{started['run_id']}"
    await provider.until(lambda: provider.opened == 1)
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/ticket"), ("POST", "/cancel")):
        assert 404 == (await bob.request(method, run + path)).status_code
    assert "running" == (await alice.get(run)).json()["status"]
    assert "cancelled" == (await alice.post(f"{run}/cancel")).json()["status"]


@STORES
async def test_principals_share_no_conversation_by_id(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, provider: Provider
) -> None:
    """Two principals who chose the same id have a conversation each: both are kept, neither is in
    the context of the other, on all doors, whole answers and broken ones alike."""
    for client, name in ((alice, "Alice"), (bob, "Bob")):
        provider.script(Reply(f"Hello {name}."), Reply("It is", stall_after=1), Reply("Yes."))
        payload = {"message": f"I am {name}.", "conversation_id": "c"}
        assert 200 == (await client.post("/api/v1/chat", json=payload)).status_code
        broken = {"message": "Who?", "conversation_id": "c", "timeouts": {"idle": 0.3}}
        await client.post("/api/v1/chat", json=broken)
        body = {"model": "general", "messages": [{"role": "user", "content": "Sure?"}]}
        headers = {"X-Conversation-Id": "c"}
        await client.post("/v1/chat/completions", json=body, headers=headers)
    for client, name in ((alice, "Alice"), (bob, "Bob")):
        kept = (await client.get("/api/v1/conversations/c")).json()
        contents = [message["content"] for message in kept["messages"]]
        assert [f"I am {name}.", f"Hello {name}.", "Who?", "It ", "Sure?", "Yes."] == contents
        assert "c" == kept["conversation_id"]
        (listed,) = (await client.get("/api/v1/conversations")).json()["conversations"]
        assert ("c", f"I am {name}.") == (listed["conversation_id"], listed["title"])
    last = json.dumps(provider.requests[-1].body["messages"])
    assert ("I am Bob." in last, "Alice" in last) == (True, False)
    assert 204 == (await alice.delete("/api/v1/conversations/c")).status_code
    assert 404 == (await alice.get("/api/v1/conversations/c")).status_code
    assert 6 == len((await bob.get("/api/v1/conversations/c")).json()["messages"])


async def read(client: httpx.AsyncClient, url: str, **headers: str) -> list[Any]:
    async with client.stream("GET", url, headers=headers) as response:
        assert 200 == response.status_code
        return [event.json() async for event in EventSource(response).aiter_sse()]


async def test_a_ticket_reads_its_run_only(
    alice: httpx.AsyncClient, nobody: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    """A browser reads the run that was started for it by an address without a key, goes on after
    an event, and can do nothing else with it."""
    started = await alice.post("/api/v1/chat", json={"message": "x", "background": True})
    url, run_id = started.json()["stream_url"], started.json()["run_id"]
    assert url == started.headers["location"]
    assert KEYS["alice"] not in url
    chunks = await read(nobody, url)
    assert ("Hello from the provider.", True) == (
        "".join(chunk["content"] for chunk in chunks),
        chunks[-1]["done"],
    )
    assert chunks[3:] == await read(nobody, url, **{"Last-Event-ID": f"{run_id}:3"})
    renewed = (await alice.post(f"/api/v1/runs/{run_id}/ticket")).json()
    assert chunks == await read(nobody, renewed["stream_url"])
    token = url.partition("?")[2]
    other = await alice.post("/api/v1/chat", json={"message": "x", "background": True})
    for method, path in (
        ("GET", f"/api/v1/runs/{run_id}?{token}"),
        ("POST", f"/api/v1/runs/{run_id}/cancel?{token}"),
        ("POST", f"/api/v1/runs/{run_id}/ticket?{token}"),
        ("GET", f"/api/v1/runs/{other.json()['run_id']}/events?{token}"),
        ("GET", f"/api/v1/chat?message=x&{token}"),
        ("GET", f"/api/v1/runs/{run_id}/events?{token[:-2]}"),
        ("GET", f"/api/v1/runs/{run_id}/events?token={KEYS['alice']}"),
        ("GET", f"/api/v1/runs/{run_id}/events?token="),
    ):
        reply = await nobody.request(method, path)
        assert 401 == reply.status_code, path
        assert KEYS["alice"] not in reply.text
    # A key that is sent counts, not the ticket beside it.
    assert 404 == (await bob.get(url)).status_code


async def test_an_expired_ticket_is_refused(serve: Serve) -> None:
    """It works for as long as it says, and then tells how to get another."""
    server = serve(api_keys=f"alice:{KEYS['alice']}", ticket_lifetime=1)
    headers = {"Authorization": f"Bearer {KEYS['alice']}"}
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        payload = {"message": "x", "background": True}
        url = (await http.post("/api/v1/chat", json=payload, headers=headers)).json()["stream_url"]
        reply = await http.get(url)
        for _ in range(60):
            if reply.status_code != 200:
                break
            await asyncio.sleep(0.1)
            reply = await http.get(url)
    assert 401 == reply.status_code
    assert "/ticket" in reply.json()["error"]["message"]


async def test_tickets_of_hosts_with_the_same_secret(serve: Serve) -> None:
    """Servers with the same SECRET_KEY take each other's, and only they; a principal whose key is
    gone has none any more."""
    keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    headers = {"Authorization": f"Bearer {KEYS['alice']}"}
    one = serve(api_keys=keys, secret_key="a" * 32)
    statuses = []
    async with httpx.AsyncClient(timeout=30) as http:
        payload = {"message": "x", "background": True}
        started = (await http.post(f"{one.url}/api/v1/chat", json=payload, headers=headers)).json()
        for server in (
            serve(api_keys=keys, secret_key="a" * 32),
            serve(api_keys=keys, secret_key="b" * 32),
            serve(api_keys=f"bob:{KEYS['bob']}", secret_key="a" * 32),
        ):
            statuses.append((await http.get(server.url + started["stream_url"])).status_code)
    assert [200, 401, 401] == statuses


async def test_without_keys_addresses_have_no_ticket(http: httpx.AsyncClient) -> None:
    """If no key is required, addresses need no ticket, and none is made."""
    started = (await http.post("/api/v1/chat", json={"message": "x", "background": True})).json()
    ticket = (await http.post(f"/api/v1/runs/{started['run_id']}/ticket")).json()
    assert {"stream_url": started["stream_url"]} == ticket
    assert "?" not in started["stream_url"]
