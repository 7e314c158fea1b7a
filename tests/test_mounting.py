"""The server below a path: in an application of one's own, and behind a proxy."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from agno.agent import Agent
from agno.media import Image
from agno.tools.function import ToolResult
from fastapi import Cookie, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer
from fastapi.testclient import TestClient

from agno_stream import Client
from app import create_app, lifespan
from app.api.outside import Outside, check_function
from app.core.errors import ConfigurationError
from app.web.forwarded import Forwarded
from tests.applications.kind import PIXEL
from tests.nginx import HEALTHY, Nginx, configuration
from tests.server import Bare, Served, Server

CHAT = "/api/v1/chat"
PICTURE = {"message": "tool", "agent": "painter"}


def paint() -> ToolResult:
    """Paint a picture."""
    return ToolResult(content="Done.", images=[Image(content=PIXEL, mime_type="image/png")])


def painter() -> Agent:
    return Agent(id="painter", name="Painter", tools=[paint])


async def user_of(request: Request) -> str | None:
    """Who has logged in at the application: in a test the cookie is the name."""
    if request.cookies.get("user") == "banned":
        raise HTTPException(418, "Not you.")
    return request.cookies.get("user")


events: list[str] = []


@asynccontextmanager
async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    events.append("opened")
    yield {"mine": 1}
    events.append("closed")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application with users of its own, which mounts one server for all, and one for them."""
    folder = tmp_path_factory.mktemp("mounted")
    open_to_all = create_app(Bare(data_dir=folder / "a", model="demo"), agents=[painter()])
    for_users = create_app(
        Bare(data_dir=folder / "b", model="demo"), agents=[painter()], principal=user_of
    )
    unopened = create_app(Bare(data_dir=folder / "c", model="demo"), agents=[painter()])
    app = FastAPI(lifespan=lifespan(open_to_all, lifespan(for_users, own)))
    app.mount("/deep/ai", open_to_all)
    app.mount("/users", for_users)
    app.mount("/unopened", unopened)

    @app.get("/mine")
    async def mine(request: Request) -> Any:
        return request.state.mine

    with Served(app) as served:
        yield served


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Nginx]]:
    """A proxy that serves the server at three paths: it takes the path away, or leaves it."""
    folder = tmp_path_factory.mktemp("proxied")
    told = "proxy_set_header X-Forwarded-Prefix"
    places = {
        "taken": (f"{HEALTHY} {told} /site/ai;", "/", "/site/ai/"),
        "kept": (f"{HEALTHY} {told} /assistant;", "", "/assistant/"),
        "known": (HEALTHY, "/", "/known/"),
    }
    locations = "\n".join(
        f"location {path} {{ proxy_pass http://agno_stream{to}; {lines}"
        "proxy_set_header X-Remote-User $arg_user; }"
        for lines, to, path in places.values()
    )
    with (
        Server(folder / "data", agents=[painter()], public_url="https://example.org/known") as one,
        Nginx(folder / "nginx", configuration(server=locations), one.port) as nginx,
    ):
        yield dict.fromkeys(places, nginx)


def addresses(text: str) -> list[str]:
    """The addresses of the server in a text."""
    return re.findall(r"[^\s\"'(<>]*/api/v1/runs/[^\s\"')\\]+", text)


def everything(http: httpx.Client) -> Iterator[tuple[str, str]]:
    """What the server says where, in which addresses of runs stand."""
    started = http.post(CHAT, json={**PICTURE, "background": True})
    assert 202 == started.status_code, started.text
    run = started.json()
    yield "Location", started.headers["location"]
    yield "background", started.text
    url = httpx.URL(http.base_url).join(run["stream_url"])
    yield "events", http.get(url).text
    for name in ("ndjson", "json"):
        kind = f"application/{'x-ndjson' if name == 'ndjson' else 'json'}"
        body = {**PICTURE, "stream": name == "ndjson"}
        yield name, http.post(CHAT, json=body, headers={"Accept": kind}).text
    path = f"/api/v1/runs/{run['run_id']}"
    yield "state", http.get(path).text
    yield "durable", http.get(f"{path}/stream").text
    yield "durable events", http.get(f"{path}/stream?offset=-1&live=sse").text
    yield "ticket", http.post(f"{path}/ticket").text
    conversation = f"/api/v1/conversations/{run['conversation_id']}"
    yield "conversation", http.get(conversation).text
    yield "export", http.get(f"{conversation}/export").text
    yield "export as JSON", http.get(f"{conversation}/export?format=json").text
    question = {"model": "painter", "messages": [{"role": "user", "content": "tool"}]}
    yield "OpenAI", http.post("/v1/chat/completions", json=question).text
    parts = [{"type": "text", "text": "tool"}]
    body = {"id": "ui", "messages": [{"id": "m", "role": "user", "parts": parts}]}
    yield "AI SDK", http.post("/ai/chat", json={**body, "model": "painter"}).text
    yield "Responses", http.post("/v1/responses", json={"model": "painter", "input": "tool"}).text


def check_addresses(http: httpx.Client, prefix: str) -> None:
    """Every address begins with the prefix, and leads to where it says."""
    origin = httpx.URL(http.base_url).copy_with(path="/")
    for where, text in everything(http):
        found = addresses(text)
        assert found, where
        for address in found:
            url = httpx.URL(address)
            assert url.path.startswith(f"{prefix}/api/v1/runs/"), (where, address)
            if url.path.endswith(("events", "stream")) or "media" in url.path:
                assert 200 == http.get(origin.join(url.raw_path.decode())).status_code, where
    run = http.post(CHAT, json={"message": "Hello?", "stream": False}).json()
    forks = f"/api/v1/conversations/{run['conversation_id']}/fork"
    copy = http.post(forks, json={"run_id": run["run_id"]}).headers["location"]
    assert copy.startswith(f"{prefix}/api/v1/conversations/")
    assert 200 == http.get(origin.join(copy)).status_code


def test_addresses_below_a_mount(host: Served) -> None:
    """Whatever the server says below a path, its addresses have the path, and work."""
    with httpx.Client(base_url=f"{host.url}/deep/ai", timeout=30) as http:
        check_addresses(http, "/deep/ai")


@pytest.mark.parametrize(
    ("place", "path"), [("taken", "/site/ai"), ("kept", "/assistant"), ("known", "/known")]
)
def test_addresses_behind_a_proxy(proxy: dict[str, Nginx], place: str, path: str) -> None:
    """A proxy may take its path away or leave it, and say so in a header or in the settings."""
    with httpx.Client(base_url=f"{proxy[place].url}{path}", timeout=30) as http:
        check_addresses(http, path)


def test_an_absolute_address_is_the_public_one(proxy: dict[str, Nginx]) -> None:
    """Addresses with a host have that of PUBLIC_URL."""
    body = {"model": "painter", "messages": [{"role": "user", "content": "tool"}]}
    text = httpx.post(f"{proxy['known'].url}/known/v1/chat/completions", json=body, timeout=30).text
    assert "https://example.org/known/api/v1/runs/" in text


def test_documentation_below_a_mount(host: Served) -> None:
    """The documentation of the API finds its document, whose server has the path."""
    assert 'src="static/docs.js"' in httpx.get(f"{host.url}/deep/ai/docs").text
    assert 200 == httpx.get(f"{host.url}/deep/ai/static/docs.js").status_code
    document = httpx.get(f"{host.url}/deep/ai/openapi.json").json()
    assert [{"url": "/deep/ai"}] == document["servers"]
    assert httpx.get(f"{host.url}/deep/ai", follow_redirects=True).text == "Ollama is running"


def test_a_terminal_is_told_where_the_page_is(host: Served) -> None:
    """curl gets the address of the page, with the path; Ollama's clients get Ollama's text."""
    headers = {"User-Agent": "curl/8.5.0"}
    text = httpx.get(f"{host.url}/deep/ai/", headers=headers).text
    assert text.startswith("Ollama is running")
    assert f"{host.url}/deep/ai/ in a browser" in text


def test_errors_below_a_mount_have_the_shape_of_their_door(host: Served) -> None:
    """A path is refused in the protocol of its door, wherever the server is mounted."""
    errors = [
        httpx.post(f"{host.url}/deep/ai{path}", json={"model": "nobody"}).json()
        for path in (CHAT, "/v1/chat/completions", "/api/chat")
    ]
    assert ["code", "code", None] == [
        "code" if isinstance(error["error"], dict) else None for error in errors
    ]
    assert "type" in errors[1]["error"]


def test_the_client_reads_media_below_a_path(host: Served, proxy: dict[str, Nginx]) -> None:
    """The client's address may have a path, whether the server knows of it or not."""
    for url in (f"{host.url}/deep/ai", f"{proxy['taken'].url}/site/ai/"):
        with Client(url) as client:
            answer = client.generate("tool", agent="painter")
            assert [PIXEL] == [client.download(item) for item in answer.media]
            assert "".join(c.text for c in client.generate_stream("echo Hi")) == "Hi"


def test_the_application_keeps_its_own_lifespan(host: Served) -> None:
    """The application's start has run, and its state reaches its routes."""
    assert "opened" in events
    assert 1 == httpx.get(f"{host.url}/mine").json()


def test_a_server_that_was_not_opened_says_what_to_do(host: Served) -> None:
    """Without its lifespan the server refuses requests with a sentence that mends it."""
    reply = httpx.post(f"{host.url}/unopened{CHAT}", json={"message": "Hi"})
    error = reply.json()["error"]
    assert (503, "not_opened") == (reply.status_code, error["code"])
    assert "FastAPI(lifespan=lifespan(server))" in error["message"]


# The application's users.


def as_user(name: str | None) -> dict[str, str]:
    return {"Cookie": f"user={name}"} if name else {}


def test_users_of_the_application_have_what_is_theirs(host: Served) -> None:
    """The application says who asks; each user's conversations are of that user alone."""
    url = f"{host.url}/users"
    names = ["ann", "bo@example.org", "auth0|7/admin", "Zoë" + "x" * 70]
    for name in names:
        cookie = {b"Cookie": f"user={name}".encode()}
        body = {"message": f"echo {name}", "stream": False}
        assert 200 == httpx.post(f"{url}{CHAT}", json=body, headers=cookie).status_code
    for name in names:
        found = httpx.get(
            f"{url}/api/v1/conversations", headers={b"Cookie": f"user={name}".encode()}
        )
        assert [f"echo {name}"] == [c["title"] for c in found.json()["conversations"]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (as_user("ann"), 200),
        (as_user("banned"), 418),
        ({**as_user("ann"), "Origin": "https://evil.example"}, 403),
        ({**as_user("ann"), "Sec-Fetch-Site": "cross-site"}, 403),
        ({**as_user("ann"), "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Authorization": "Bearer nothing"}, 401),
    ],
)
def test_who_is_let_in(host: Served, headers: dict[str, str], status: int) -> None:
    """Nobody is let in without a user, nor a page of another site with a user's cookie; what the
    application raises is the application's own error."""
    reply = httpx.get(f"{host.url}/users/api/v1/agents", headers=headers)
    assert status == reply.status_code
    assert " key" not in reply.text  # the server has none
    assert 200 == httpx.get(f"{host.url}/users/", headers=headers).status_code


def test_a_stream_address_of_a_user_needs_no_cookie(host: Served) -> None:
    """The signed address of a user's run opens it, for an `EventSource` of another site."""
    body = {"message": "echo Hi", "background": True}
    started = httpx.post(f"{host.url}/users{CHAT}", json=body, headers=as_user("ann")).json()
    assert "token=" in started["stream_url"]
    assert '"content":"Hi"' in httpx.get(f"{host.url}{started['stream_url']}").text
    assert 401 == httpx.get(f"{host.url}{started['stream_url'][:-3]}").status_code


@pytest.mark.parametrize(
    ("proxies", "headers", "status"),
    [
        (["127.0.0.1"], [("X-User", "ann")], 200),
        (["127.0.0.0/8"], [("X-User", "ann")], 200),
        (["127.0.0.1"], [], 401),
        (["127.0.0.1"], [("X-User", "")], 401),
        (["127.0.0.1"], [("X-User", "ann"), ("X-User", "bo")], 401),  # one is the client's
        (["192.0.2.1"], [("X-User", "ann")], 401),
        (["127.0.0.1"], [("X-User", "ann"), ("X-Forwarded-For", "192.0.2.9")], 200),
        (["192.0.2.9"], [("X-User", "ann"), ("X-Forwarded-For", "192.0.2.9")], 401),
    ],
)
def test_a_user_in_a_header(
    tmp_path: Path, proxies: list[str], headers: list[tuple[str, str]], status: int
) -> None:
    """The header of a trusted proxy names the user, and nobody else can send it."""
    with Server(tmp_path, principal_header="X-User", forwarded_allow_ips=proxies) as server:
        assert status == httpx.get(f"{server.url}/api/v1/agents", headers=headers).status_code


# The paths in a request's scope.


async def receive() -> dict[str, str]:
    return {"type": "http.disconnect"}


MOUNTED = {"path": "/m/chat", "root_path": "/x/m", "app_root_path": "/x"}


@pytest.mark.parametrize(
    ("scope", "header", "setting", "expected"),
    [
        ({"path": "/chat"}, None, "", ("/chat", "")),
        ({"path": "/chat"}, "/x", "", ("/x/chat", "/x")),
        ({"path": "/chat"}, "/x/", "", ("/x/chat", "/x")),
        ({"path": "/x/chat"}, "/x", "", ("/x/chat", "/x")),
        ({"path": "/x"}, "/x", "", ("/x", "/x")),
        ({"path": "/xy"}, "/x", "", ("/x/xy", "/x")),
        ({"path": "/api/chat"}, "/api", "", ("/api/api/chat", "/api")),  # Ollama's own route
        ({"path": "/chat"}, "//evil.example", "", ("/chat", "")),
        ({"path": "/chat"}, "https://evil.example", "", ("/chat", "")),
        ({"path": "/chat"}, "/x", "/y", ("/x/chat", "/x")),
        ({"path": "/chat"}, None, "/y", ("/y/chat", "/y")),
        ({"path": "/m/chat", "root_path": "/m"}, None, "/y", ("/y/chat", "/y")),  # all of it
        ({"path": "/m/chat", "root_path": "/m"}, None, "/x/m", ("/x/m/chat", "/x/m")),
        ({"path": "/m/chat", "root_path": "/m"}, "/x", "/y", ("/x/m/chat", "/x/m")),
        # `uvicorn --root-path /x` knows the prefix, too, or the proxy leaves it in the request.
        ({"path": "/x/m/chat", "root_path": "/x/m"}, "/x", "", ("/x/m/chat", "/x/m")),
        ({"path": "/x/m/chat", "root_path": "/x/m"}, None, "/x/m", ("/x/m/chat", "/x/m")),
        ({"path": "/x/chat", "root_path": "/x"}, "/x", "", ("/x/chat", "/x")),
        ({"path": "/xy/chat", "root_path": "/xy"}, "/x", "", ("/x/xy/chat", "/x/xy")),
        ({"path": "/m/chat", "root_path": "/m"}, "/x", "", ("/x/m/chat", "/x/m")),
        # `FastAPI(root_path="/x")` around a mount, whose proxy takes the path away.
        (MOUNTED, None, "", ("/x/m/chat", "/x/m")),
        (MOUNTED, "/x", "", ("/x/m/chat", "/x/m")),
    ],
)  # fmt: skip
async def test_the_path_of_a_request(
    scope: dict[str, str], header: str | None, setting: str, expected: tuple[str, str]
) -> None:
    """The path begins with the prefix, whoever has put it there, or nobody."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    headers = [(b"x-forwarded-prefix", header.encode())] if header else []
    full = {
        "type": "http",
        "client": ("10.0.0.1", 5),
        "headers": headers,
        "raw_path": b"/",
        **scope,
    }
    await Forwarded(app, ["10.0.0.0/8"], setting, {"api", "chat"})(full, receive, send)
    assert expected == (seen["path"], seen.get("root_path", ""))


@pytest.mark.parametrize("known", [False, True])
def test_addresses_of_an_application_below_a_path(tmp_path: Path, known: bool) -> None:
    """A mounting application has a prefix of a proxy, whether it is told of it once or twice."""
    server = create_app(Bare(data_dir=tmp_path / "data", model="demo"), agents=[painter()])
    app = FastAPI(lifespan=lifespan(server))
    app.mount("/assistant", server)
    lines = "proxy_set_header X-Forwarded-Prefix /shop;"
    location = f"location /shop/ {{ proxy_pass http://agno_stream/; {HEALTHY} {lines} }}"
    with (
        Served(app, root_path="/shop" if known else "") as one,
        Nginx(tmp_path / "nginx", configuration(server=location), one.port) as nginx,
        httpx.Client(base_url=f"{nginx.url}/shop/assistant", timeout=30) as http,
    ):
        check_addresses(http, "/shop/assistant")
        question = {"model": "painter", "messages": [{"role": "user", "content": "tool"}]}
        text = http.post("/v1/chat/completions", json=question).text
        assert f"{nginx.url}/shop/assistant/api/v1/runs/" in text  # with the port of `Host`


def test_the_start_below_a_mount_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that has no log for the server gets its model, agents and folder in the log
    of uvicorn."""
    caplog.set_level("INFO", "uvicorn.error")
    server = create_app(Bare(data_dir=tmp_path, model="demo"), agents=[painter()])
    with TestClient(FastAPI(lifespan=lifespan(server))):
        pass
    lines = [r.getMessage() for r in caplog.records if r.name == "uvicorn.error"]
    assert [f"agents: painter; data: {tmp_path}"] == [x.partition("); ")[2] for x in lines]
    assert lines[0].startswith("agno-stream: model: demo (")


async def dependency(user: Annotated[str, Depends(user_of)]) -> str:
    return user


#: Functions of a request with something that FastAPI fills in.
FILLED_IN = [
    lambda request, value=default: value
    for default in (Depends(user_of), Header(""), Cookie(None), Query(""))
]


@pytest.mark.parametrize(
    "function",
    [
        dependency,
        lambda: "ann",
        lambda request, session: "ann",
        *FILLED_IN,
    ],
)
def test_a_dependency_of_fastapi_is_no_principal(tmp_path: Path, function: Any) -> None:
    """A function that needs FastAPI to be called is refused at the start, not at each request."""
    with pytest.raises(ConfigurationError, match=r"^principal: .*the request alone"):
        create_app(Bare(data_dir=tmp_path, model="demo"), agents=[], principal=function)


async def test_a_dependency_is_called_in_principal() -> None:
    """A security scheme of FastAPI finds the token of a request, as docs/embedding.md has it."""
    oauth2 = OAuth2PasswordBearer(tokenUrl="login", auto_error=False)

    async def principal(request: Request) -> str | None:
        return await oauth2(request)

    for headers, expected in (([], None), ([(b"authorization", b"Bearer ann")], "ann")):
        scope = {"type": "http", "headers": headers}
        assert expected == await Outside(principal).principal(scope, receive)


class Users:
    """What finds users, as an object."""

    def __call__(self, request: "HTTPConnection", cache: int = 5) -> str:
        return "ann"


@pytest.mark.parametrize("function", [user_of, Users(), lambda *_: "ann", lambda r, **_: "ann"])
def test_a_function_of_the_request_is_a_principal(function: Any) -> None:
    """Whatever can be called with a request is accepted."""
    check_function(function)


def test_the_reference_says_who_needs_a_key(host: Served) -> None:
    """The document of the API does not say of a server with users that it needs nobody."""
    for path, said in (("users", "a user"), ("deep/ai", "needs none")):
        document = httpx.get(f"{host.url}/{path}/openapi.json").json()
        assert said in document["components"]["securitySchemes"]["key"]["description"]


@pytest.mark.parametrize(
    "settings",
    [
        {"public_url": "example.org/ai"},
        {"public_url": "https://example.org/a b"},
        {"public_url": "https://example.org/?x=1"},
        {"embed_origins": ["https://a.example; script-src *"]},
        {"embed_origins": ["a.example"]},
    ],
)
def test_addresses_that_cannot_be(tmp_path: Path, settings: dict[str, Any]) -> None:
    """An address that would not work is refused at the start, by the name of its setting."""
    with pytest.raises(Exception, match=f"^{next(iter(settings)).upper()}: "):
        create_app(Bare(data_dir=tmp_path, model="demo", **settings))


def test_pictures_in_text_are_below_the_path(host: Served) -> None:
    """The pixel of the tool is the one that the address in an answer of text leads to."""
    body = {"model": "painter", "messages": [{"role": "user", "content": "tool"}]}
    text = httpx.post(f"{host.url}/deep/ai/v1/chat/completions", json=body, timeout=30).text
    content = json.loads(text)["choices"][0]["message"]["content"]
    address = re.findall(r"\((http[^)]+)\)", content)[0]
    assert PIXEL == httpx.get(address).content
