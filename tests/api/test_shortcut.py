"""Questions get the same responses on the short way as on that through the whole framework."""

import logging
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import errors
from app.api.doors import native
from app.api.shortcut import Shortcut, endpoints_of
from app.core.errors import UnknownRun
from app.main import DOORS, create_app
from tests.server import Bare, Served

#: The endpoints on the short way: those that start runs are what it is for.
SHORT = {
    "/ai/chat",
    "/api/chat",
    "/api/embed",
    "/api/embeddings",
    "/api/generate",
    "/api/show",
    "/api/v1/chat",
    "/chat",
    "/mcp",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
}

HELLO = {"message": "hello", "background": True}
OF_OPENAI = {"model": "general", "messages": [{"role": "user", "content": "hello"}]}

#: Requests: path, header fields, and body, as an object or as bytes.
REQUESTS: dict[str, tuple[str, dict[str, str], object]] = {
    "a question": ("/api/v1/chat", {"X-Conversation-Id": "one"}, HELLO),
    "a question to the short address": ("/chat", {}, HELLO),
    "a question without a message": ("/v1/chat/completions", {}, {**OF_OPENAI, "messages": []}),
    "no question of Ollama's client": ("/api/generate", {}, {"model": "general"}),
    "a count of Anthropic's client": ("/v1/messages/count_tokens", {}, OF_OPENAI),
    "an address with a query": ("/api/v1/chat?x=1", {}, HELLO),
    "an address with a slash": ("/api/v1/chat/", {}, HELLO),
    "an escaped address": ("/api/v1/%63hat", {}, HELLO),
    "the request's own id": ("/api/v1/chat", {"X-Request-Id": "mine"}, HELLO),
    "a malformed id": ("/api/v1/chat", {"X-Request-Id": "a b"}, HELLO),
    "a malformed key": ("/api/v1/chat", {"Idempotency-Key": "a b"}, HELLO),
    "an unknown agent": ("/api/v1/chat", {}, {**HELLO, "agent": "nobody"}),
    "an unknown model": ("/v1/chat/completions", {}, {**OF_OPENAI, "model": "nobody"}),
    "broken JSON": ("/api/v1/chat", {}, b"{"),
    "a wrong field": ("/v1/messages", {}, {"messages": 3}),
    "another site's page": ("/api/v1/chat", {"Origin": "https://evil.example"}, HELLO),
    "an unknown encoding": ("/api/v1/chat", {"Content-Encoding": "br"}, b"x"),
    "no address": ("/nowhere", {}, HELLO),
}

#: What differs from request to request.
OWN = (
    *("date", "x-run-id", "x-conversation-id", "x-request-id", "request-id"),
    *("location", "content-length"),
)


class Silent:
    """A middleware of somebody else, which changes nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    """Clients of a server with the short way, and of one without."""
    apps = [
        create_app(Bare(data_dir=tmp_path_factory.mktemp("data"), model="demo", agents=None))
        for _ in range(2)
    ]
    apps[1].add_middleware(Silent)
    with Served(apps[0]) as short, Served(apps[1]) as whole:
        clients = [httpx.Client(base_url=each.url, timeout=30) for each in (short, whole)]
        yield clients
        for client in clients:
            client.close()


@pytest.mark.parametrize("request_", REQUESTS)
def test_both_ways_have_the_same_responses(request_: str, servers: list[httpx.Client]) -> None:
    """A response has the same status, header fields and shape on both ways."""
    path, headers, body = REQUESTS[request_]
    seen = []
    for client in servers:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        reply = client.post(path, headers=headers, **content)
        ids = reply.headers.get_list("x-request-id")
        assert len(ids) < 2
        if request_ == "the request's own id":
            assert ids == ["mine"]
        fields = sorted((n, v) for n, v in reply.headers.multi_items() if n not in OWN)
        shape = sorted(reply.json()) if "json" in reply.headers.get("content-type", "") else []
        seen.append((reply.status_code, len(ids), fields, shape))
    assert seen[0] == seen[1]


def test_the_endpoints_that_start_runs_are_on_the_short_way() -> None:
    """No parameter of an endpoint that starts runs is of a kind that only FastAPI can find."""
    assert set(endpoints_of(door.router for door in DOORS)) >= SHORT


router = APIRouter()


@router.post("/known")
async def known() -> Response:
    """Fail by an error of the registry."""
    raise UnknownRun("no such run")


@router.post("/http")
async def http() -> Response:
    """Fail by an error of the framework."""
    raise HTTPException(418, "a teapot")


@router.post("/unforeseen")
async def unforeseen(request: Request) -> Response:
    """Fail by a mistake."""
    raise ValueError(request.url.path)


@router.post("/late")
async def late() -> Response:
    """Fail after the status was sent."""

    class Late(PlainTextResponse):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            start = {"type": "http.response.start", "status": 200, "headers": []}
            await send(start)
            raise UnknownRun("too late")

    return Late("")


def test_failures_are_those_of_the_framework(caplog: pytest.LogCaptureFixture) -> None:
    """Failures of an endpoint have the same responses on both ways; unforeseen ones are logged,
    and what fails after its status is broken off."""

    def made(*, short: bool) -> ASGIApp:
        app = FastAPI()
        app.include_router(router)
        errors.install(app, errors.by_door((), native.DOOR.refuse))
        if not short:
            return app
        stack = Shortcut(app, app, endpoints_of([router]), {**app.exception_handlers}, None)

        async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
            scope["app"] = app
            await stack(scope, receive, send)

        return outermost

    seen = []
    for short in (True, False):
        caplog.clear()
        with (
            caplog.at_level(logging.ERROR),
            Served(made(short=short), lifespan="off") as server,
            httpx.Client(base_url=server.url) as client,
        ):
            replies = [client.post(path) for path in ("/known", "/http", "/unforeseen")]
            with pytest.raises(httpx.TransportError):
                httpx.post(f"{server.url}/late")
        tracebacks = [str(record.exc_info and record.exc_info[0]) for record in caplog.records]
        seen.append(([(reply.status_code, reply.json()) for reply in replies], tracebacks))
    assert [404, 418, 500] == [status for status, _ in seen[0][0]]
    assert seen[0][0] == seen[1][0]
    assert len(seen[0][1]) == len(seen[1][1]) == 2
