"""Headers of a client's own, as the token of a proxy before the server."""

from collections.abc import Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agno_stream import AsyncClient, Client, Config
from agno_stream.cli import main
from agno_stream.config import header
from agno_stream.testing import Scripted
from tests.server import Served

TOKEN = {"X-Proxy-Token": "open; sesame"}


class Recording(Scripted):
    """The server's double, which keeps the headers of each request."""

    def __init__(self) -> None:
        super().__init__("Hello.")
        self.seen: list[httpx2.Headers] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request.headers)
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request.headers)
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    "given", [{"headers": TOKEN}, {"config": Config(url="http://server", headers=TOKEN)}]
)
async def test_clients_send_headers_with_each_request(given: dict[str, object]) -> None:
    """Both clients send them with questions and with other calls, beside their own."""
    server = Recording()
    settings: dict[str, object] = {"url": "http://server", "api_key": "key", **given}
    with Client(transport=server, **settings) as client:  # type: ignore[arg-type]
        assert "Hello." == client.generate("Hi", stream=True).text
        client.models()
    async with AsyncClient(transport=server, **settings) as other:  # type: ignore[arg-type]
        assert "Hello." == (await other.generate("Hi")).text
    assert ["open; sesame"] * 3 == [one["x-proxy-token"] for one in server.seen]
    assert ["Bearer key"] * 3 == [one["authorization"] for one in server.seen]
    assert "sesame" not in repr(client.config)


def test_header_of_ones_own_replaces_the_clients() -> None:
    """A header that the client sends anyway is sent once, as it was given, however it is spelt."""
    server = Recording()
    own = {"authorization": "Basic eDp5", "user-agent": "mine"}
    with Client("http://server", api_key="key", headers=own, transport=server) as client:
        client.models()
    [sent] = server.seen
    assert ["Basic eDp5"] == sent.get_list("authorization")
    assert ["mine"] == sent.get_list("user-agent")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X-Token: abc", ("X-Token", "abc")),
        ("X-Token:abc", ("X-Token", "abc")),
        ("X-Token:  a: b  ", ("X-Token", "a: b")),
        ("X-Token:", ("X-Token", "")),
        ("X-Token", None),
        (": abc", None),
        ("X Token: abc", None),
        ("X-Token: a\r\nX-Other: b", None),
        ("X-Token: ü", None),
    ],
)
def test_header_in_one_line(text: str, expected: tuple[str, str] | None) -> None:
    """A header is a name of HTTP, a colon and a value; nothing can add a second one."""
    if expected is not None:
        assert expected == header(text)
        return
    with pytest.raises(ValueError, match="Name: value"):
        header(text)
    name, _, value = text.partition(": ")
    with pytest.raises(ValueError, match="Name: value"):
        Client("http://server", headers={name: value} if ":" in text else {"a b": text})


async def guarded(request: Request) -> JSONResponse:
    if request.headers.get("x-proxy-token") != "open; sesame":
        return JSONResponse({"error": {"code": "forbidden", "message": "No token."}}, 403)
    return JSONResponse({"models": [{"id": "demo", "provider": "demo"}]})


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    with Served(Starlette(routes=[Route("/api/v1/models", guarded)])) as server:
        yield server.url


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--header", "X-Proxy-Token: open; sesame"], 0),
        (["--header", "X-Other: a", "--header", "x-proxy-token: open; sesame"], 0),
        (["--header", "X-Proxy-Token: shut"], 1),
        ([], 1),
    ],
)
def test_command_line_sends_headers(
    proxy: str, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--header` may be repeated; without the right one the proxy refuses."""
    assert code == main(["models", "--url", proxy, *words])
    assert ("demo" in capsys.readouterr().out) == (code == 0)


@pytest.mark.parametrize("command", ["chat", "doctor"])
def test_command_line_refuses_what_is_no_header(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no header is refused before anything is sent."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--header", "token"])
    assert 2 == ended.value.code
    assert "Name: value" in capsys.readouterr().err
