"""Who is let in: by a key, from this machine, under a name of ours, on every door."""

import hashlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fastapi.routing import iter_route_contexts
from starlette.types import Message, Scope

from app.api.guard import CORS
from app.main import create_app
from tests.conftest import Serve
from tests.server import Bare, Server

ALICE, BOB = "alice-key-0123456789", "bob:key,0123456789"
KEYS = {"api_keys": f"alice:{ALICE}"}
ASKED = {"message": "Hello?", "stream": False}
MESSAGES = [{"role": "user", "content": "Hello?"}]

#: A question at each door, and where the JSON of its errors has their text; nowhere: no JSON.
DOORS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("/api/v1/chat", {"message": "Hello?"}, ("error", "message")),
    ("/chat", {"message": "Hello?"}, ("error", "message")),
    ("/v1/chat/completions", {"model": "general", "messages": MESSAGES}, ("error", "message")),
    ("/v1/completions", {"model": "general", "prompt": "Hello?"}, ("error", "message")),
    ("/v1/responses", {"model": "general", "input": "Hello?"}, ("error", "message")),
    ("/v1/messages", {"model": "general", "messages": MESSAGES}, ("error", "message")),
    ("/agui", {"threadId": "t", "runId": "r", "messages": MESSAGES}, ("message",)),
    ("/ai/chat", {"id": "chat", "messages": [{"role": "user", "content": "Hello?"}]}, ()),
    ("/api/chat", {"model": "general", "messages": MESSAGES}, ("error",)),
    ("/api/generate", {"model": "general", "prompt": "Hello?"}, ("error",)),
]
MCP = (
    "/mcp",
    {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}},
    ("error", "message"),
)
GUARDED = [*DOORS, MCP]  # MCP's is a message, whose answer is no stream of the run


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def keyed(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without a key, of a server that asks for one."""
    async with httpx.AsyncClient(base_url=serve(**KEYS).url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(("path", "body", "place"), GUARDED, ids=[door[0] for door in GUARDED])
async def test_every_door_requires_a_key(
    keyed: httpx.AsyncClient, path: str, body: dict[str, Any], place: tuple[str, ...]
) -> None:
    """Without the key each door refuses in its own shape, and never tells what was sent."""
    wrong = "wrong-key-0123456789"
    for value in ("", "Bearer", f"Bearer {wrong}", f"Basic {ALICE}", ALICE):
        headers = {"Authorization": value} if value else {}
        reply = await keyed.post(path, json=body, headers=headers)
        assert (401, "Bearer") == (reply.status_code, reply.headers["www-authenticate"])
        received: Any = reply.json() if place else reply.text
        for name in place:
            received = received[name]
        assert "key" in received.lower()
        assert wrong not in reply.text
        assert ALICE not in reply.text
    assert 401 == (await keyed.post(path, json=body, headers={"x-api-key": wrong})).status_code
    for headers in ({"Authorization": f"bearer  {ALICE}"}, {"x-api-key": ALICE}):
        reply = await keyed.post(path, json=body, headers=headers)
        assert 200 == reply.status_code


async def test_every_route_requires_a_key(keyed: httpx.AsyncClient) -> None:
    """All routes but those that tell nobody's secrets, and addresses that there are not."""
    for path in ("/", "/health", "/healthz", "/readyz", "/docs", "/openapi.json"):
        assert 200 == (await keyed.get(path)).status_code, path
    for path in (
        "/v1/models",
        "/api/tags",
        "/api/v1/agents",
        "/api/version",
        "/nothing",
        "/healthz/",
    ):
        assert 401 == (await keyed.get(path)).status_code, path
    page = (await keyed.get("/openapi.json")).json()["paths"]
    for path, item in page.items():
        for method in item:
            reply = await keyed.request(method, path.replace("{", "").replace("}", ""))
            expected = 200 if path in ("/healthz", "/readyz") else 401
            assert expected == reply.status_code, (method, path)


async def test_the_openai_sdk_authenticates(keyed: httpx.AsyncClient) -> None:
    """The SDK's own key is ours, and a wrong one is reported as its error for that, at once."""
    async with openai.AsyncOpenAI(base_url=f"{keyed.base_url}/v1", api_key=ALICE) as client:
        answer = await client.chat.completions.create(model="general", messages=MESSAGES)  # type: ignore[arg-type]
        assert answer.choices[0].message.content
    async with openai.AsyncOpenAI(base_url=f"{keyed.base_url}/v1", api_key="x") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
    assert "invalid_api_key" == caught.value.code


async def test_keys_are_read_from_a_file(serve: Serve, tmp_path: Path) -> None:
    """A file may hold hashes instead of keys, and keys with commas in them."""
    digest = hashlib.sha256(ALICE.encode()).hexdigest()
    file = tmp_path / "keys"
    file.write_text(f"# who may\nalice:sha256:{digest}\n\nbob:{BOB}\n", encoding="utf-8")
    async with httpx.AsyncClient(base_url=serve(api_keys_file=file).url) as http:
        for key, status in ((ALICE, 200), (BOB, 200), (f"sha256:{digest}", 401), (digest, 401)):
            assert status == (await http.get("/v1/models", headers=bearer(key))).status_code


async def test_anonymous_requests_beside_keys(serve: Serve) -> None:
    """Where both are allowed, a request without a key is anonymous, and a wrong key still wrong."""
    async with httpx.AsyncClient(base_url=serve(**KEYS, allow_anonymous=True).url) as http:
        payload = {**ASKED, "conversation_id": "c"}
        assert 200 == (await http.post("/api/v1/chat", json=payload)).status_code
        assert 200 == (await http.get("/api/v1/conversations/c")).status_code
        mine = await http.get("/api/v1/conversations/c", headers=bearer(ALICE))
        wrong = await http.get("/api/v1/conversations/c", headers=bearer("x"))
        assert (404, 401) == (mine.status_code, wrong.status_code)
        started = (await http.post("/api/v1/chat", json={**ASKED, "background": True})).json()
        assert 200 == (await http.get(started["stream_url"])).status_code


async def called(server: Server, address: str, path: str = "/v1/models", **headers: str) -> Message:
    """What the app answers on an address that this machine may not have."""
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": (address, 8000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await server.app(scope, receive, send)
    return {**sent[0], "body": b"".join(message.get("body", b"") for message in sent[1:])}


async def test_without_keys_only_loopback_is_served(serve: Serve) -> None:
    """Whatever started it, a server without keys refuses what comes over the network."""
    server = serve()
    for address, status in (
        ("127.0.0.1", 200),
        ("127.8.8.8", 200),
        ("::1", 200),
        ("testserver", 200),
        ("", 200),
        ("192.0.2.1", 403),
        ("2001:db8::1", 403),
        ("10.0.0.1", 403),
    ):
        assert status == (await called(server, address))["status"], address
    refused = await called(server, "192.0.2.1")
    assert "ALLOW_ANONYMOUS=1" in json.loads(refused["body"])["error"]["message"]
    assert 200 == (await called(server, "192.0.2.1", "/healthz"))["status"]
    assert 200 == (await called(serve(allow_anonymous=True), "192.0.2.1"))["status"]
    assert 401 == (await called(serve(**KEYS), "192.0.2.1"))["status"]


async def test_without_keys_cross_site_pages_are_refused(serve: Serve) -> None:
    """A page of another site in a browser on this machine cannot use a server without keys, by
    whatever name it calls it; pages that may are named."""
    strange = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    server = serve()
    for host, status in (
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("app.localhost", 200),
        (f"{socket.gethostname()}:8000", 200),
        ("192.168.1.5:8000", 200),
        ("agno-stream:8000", 403),
        ("wpad", 403),
        ("localhost.evil.example", 403),
        ("evil.example", 403),
        ("evil.example:8000", 403),
    ):
        assert status == (await called(server, "127.0.0.1", host=host))["status"], host
    assert 403 == (await called(server, "127.0.0.1", **strange))["status"]
    assert 200 == (await called(server, "127.0.0.1", **{"sec-fetch-site": "same-origin"}))["status"]
    friends = serve(cors_origins=["https://evil.example"])
    assert 200 == (await called(friends, "127.0.0.1", **strange))["status"]


@pytest.mark.parametrize("settings", [{}, KEYS], ids=["open", "keys"])
async def test_unknown_host_names_are_refused(serve: Serve, settings: dict[str, Any]) -> None:
    """The name in `Host` is checked if names are set; health responds to any name."""
    server = serve(**settings, allowed_hosts=["chat.example.org", "*.Example.com"])
    key = bearer(ALICE)
    async with httpx.AsyncClient(base_url=server.url) as http:
        for host, status in (
            ("chat.example.org", 200),
            ("CHAT.example.org:8000", 200),
            ("a.example.com", 200),
            ("example.com", 400),
            ("evil.org", 400),
            ("127.0.0.1", 400),
            ("", 400),
        ):
            for path in ("/v1/models", "/api/tags", "/api/v1/models"):
                reply = await http.get(path, headers={"Host": host, **key})
                assert status == reply.status_code, host
            assert 200 == (await http.get("/healthz", headers={"Host": host})).status_code


async def test_cors_allows_only_the_listed_origins(serve: Serve) -> None:
    """Pages of other origins may not read anything, unless their origin is named."""
    origin = {"Origin": "https://app.example"}
    asks = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,last-event-id",
    }
    closed, opened = serve(**KEYS), serve(**KEYS, cors_origins=["https://app.example"])
    async with httpx.AsyncClient() as http:
        for path in ("/healthz", "/v1/models", "/api/v1/chat"):
            for reply in (
                await http.get(closed.url + path, headers=origin),
                await http.options(closed.url + path, headers=asks),
                await http.get(opened.url + path, headers={"Origin": "https://evil.example"}),
            ):
                assert "access-control-allow-origin" not in reply.headers
            before = await http.options(opened.url + path, headers=asks)
            assert 200 == before.status_code
            assert "last-event-id" in before.headers["access-control-allow-headers"]
            refused = await http.get(opened.url + path, headers=origin)
            assert "https://app.example" == refused.headers["access-control-allow-origin"]
        reply = await http.post(
            f"{opened.url}/api/v1/chat", json=ASKED, headers={**origin, **bearer(ALICE)}
        )
        assert "X-Run-Id" in reply.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in reply.headers


def test_cors_allows_the_method_of_each_route() -> None:
    """A page of `CORS_ORIGINS` may use every method that a route of the API has."""
    routes = iter_route_contexts(create_app(Bare(model="demo")).routes)
    used = {method for route in routes for method in getattr(route, "methods", None) or ()}
    safe = {"HEAD"}  # browsers send it without asking first
    assert used - safe == set(CORS["allow_methods"])


async def test_security_headers(keyed: httpx.AsyncClient) -> None:
    """Every response has them, errors and streams, too."""
    for reply in (
        await keyed.get("/healthz"),
        await keyed.get("/v1/models"),
        await keyed.get("/nothing", headers=bearer(ALICE)),
        await keyed.post("/api/v1/chat", json={"message": "x"}, headers=bearer(ALICE)),
    ):
        assert "nosniff" == reply.headers["x-content-type-options"]
        assert "no-referrer" == reply.headers["referrer-policy"]
        assert "frame-ancestors 'none'" == reply.headers["content-security-policy"]
        assert "same-origin" == reply.headers["cross-origin-resource-policy"]


def test_the_secret_is_generated_and_kept(serve: Serve, tmp_path: Path) -> None:
    """It is made once, for its owner only, and only where there are keys."""
    file = tmp_path / "secret.key"
    serve()
    assert not file.exists()
    serve(**KEYS)
    made = file.read_bytes()
    assert (0o600, True) == (stat.S_IMODE(file.stat().st_mode), len(made) >= 32)
    serve(**KEYS)
    assert made == file.read_bytes()
    assert [file] == list(tmp_path.glob("secret*"))
