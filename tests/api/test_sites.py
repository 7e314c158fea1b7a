"""Which pages may send requests to a server without keys, by what browsers tell of them."""

from typing import Any

import httpx
import pytest

from tests.api.test_guard import ALICE, DOORS, GUARDED, KEYS, bearer
from tests.conftest import Serve
from tests.provider import Provider
from tests.server import Server

CORS, SAME = {"sec-fetch-mode": "cors"}, {"sec-fetch-site": "same-origin"}
CROSS, SITE = {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}
NONE = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
IMAGE = {"accept": "image/avif,image/webp,*/*;q=0.8"}
STREAM = {"accept": "text/event-stream"}
HTML = {"accept": "text/html,image/avif,*/*;q=0.8"}

#: The fields of a request, where `{own}` is the origin of the server, and whether it is accepted.
PAGES: list[tuple[str, dict[str, str], bool]] = [
    ("a program", {}, True),
    ("a program that takes all", {"accept": "*/*", "user-agent": "curl/8"}, True),
    ("our page", {"origin": "{own}", **SAME, **CORS}, True),
    ("our page, in a browser without the new fields", {"origin": "{own}"}, True),
    ("our page, behind a proxy that changes Host", {"origin": "https://a.example", **SAME}, True),
    ("our page, by EventSource", {**SAME, **STREAM}, True),
    ("the address bar", {**NONE, **HTML}, True),
    ("our page, by an old browser's EventSource", {"referer": "{own}/", **STREAM}, True),
    ("another site", {"origin": "https://evil.example", **CROSS, **CORS}, False),
    ("another site, in a browser without the new fields", {"origin": "https://a.example"}, False),
    ("another port", {"origin": "http://127.0.0.1:1", **SITE}, False),
    ("another port, without the new fields", {"origin": "http://127.0.0.1:1"}, False),
    ("another scheme", {"origin": "ftp://127.0.0.1"}, False),
    ("a sandbox", {"origin": "null", **CROSS}, False),
    ("a file", {"origin": "null"}, False),
    ("a program made of pages", {"origin": "app://evil"}, False),
    ("no origin at all", {"origin": ""}, False),
    ("an image of another site", {**CROSS, **IMAGE}, False),
    ("an image of another port", {**SITE, **IMAGE}, False),
    ("an image, told by its page", {"referer": "https://evil.example/", **IMAGE}, False),
    ("an image, told by what it takes", IMAGE, False),
    ("a script, told by its page", {"referer": "http://a.example/", "accept": "*/*"}, False),
    ("a link of another site", {**CROSS, **HTML, "sec-fetch-mode": "navigate"}, False),
    ("a prefetch", {**NONE, "sec-purpose": "prefetch;prerender", **HTML}, False),
    ("an old prefetch", {"purpose": "prefetch", **HTML}, False),
]


def sent(fields: dict[str, str], server: Server) -> dict[str, str]:
    return {name: text.replace("{own}", server.url) for name, text in fields.items()}


@pytest.mark.parametrize(("name", "fields", "accepted"), PAGES, ids=[row[0] for row in PAGES])
async def test_pages_of_other_sites_start_nothing(
    serve: Serve, provider: Provider, name: str, fields: dict[str, str], accepted: bool
) -> None:
    """By `GET`, as images and links do, a page of another site starts no run and reads nothing."""
    for settings in ({}, {"allow_anonymous": True}):
        server = serve(**settings)
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            http.headers.pop("accept")
            headers = sent(fields, server)
            started = provider.opened
            params = {"message": "Hello?"}
            replies = [
                await http.get("/api/v1/chat", params=params, headers=headers),
                await http.get("/api/v1/conversations", headers=headers),
                await http.get("/v1/models", headers=headers),
            ]
            wanted = 200 if accepted else 403
            assert [wanted] * 3 == [reply.status_code for reply in replies], name
            assert provider.opened - started == int(accepted)
            if not accepted:
                assert "cross_site" == replies[0].json()["error"]["code"]
                assert "CORS_ORIGINS" in replies[2].json()["error"]["message"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
async def test_every_door_refuses_pages_of_other_sites(
    serve: Serve, provider: Provider, origin: str
) -> None:
    """A `POST` that needs no permission of ours, as a form's, starts no run on any door; a named
    origin does."""
    server, friendly = serve(), serve(cors_origins=[origin])
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    async with httpx.AsyncClient(timeout=30) as http:
        for path, body, _ in GUARDED:
            content: Any = httpx.Request("POST", "http://x", json=body).content
            reply = await http.post(server.url + path, content=content, headers=headers)
            assert 403 == reply.status_code
            assert 0 == provider.opened
        path, body, _ = DOORS[0]
        reply = await http.post(friendly.url + path, json=body, headers={"Origin": origin})
        assert 200 == reply.status_code
        assert origin == reply.headers["access-control-allow-origin"]


async def test_a_key_makes_the_site_indifferent(serve: Serve) -> None:
    """Whoever sends a key is who the key says, from whatever page."""
    async with httpx.AsyncClient(base_url=serve(**KEYS).url, timeout=30) as http:
        headers = {"Origin": "https://a.example", **CROSS, **bearer(ALICE)}
        assert 200 == (await http.get("/v1/models", headers=headers)).status_code


async def test_public_paths_are_for_all_pages(serve: Serve) -> None:
    """Health and the page itself can be opened from anywhere, as links to them are."""
    async with httpx.AsyncClient(base_url=serve().url, timeout=30) as http:
        for path in ("/", "/healthz", "/docs"):
            reply = await http.get(path, headers={**CROSS, **HTML})
            assert 200 == reply.status_code
