"""The chat page: its HTML at `GET /` for browsers, and its files below `/static`.

`GET /embed` is the same page for a frame in other pages, and `GET /embed.js` the script that puts a
button and that frame into them.

Its Content-Security-Policy allows scripts, styles and requests of these files only, whatever a
model's output contains. The reference of the API at `/docs` is of these files, too, and needs no
other server.

See docs/decisions/039-the-page-has-no-build-step.md.
See docs/decisions/064-an-answer-is-enriched-where-it-is-seen.md.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from ..core.errors import ConfigurationError
from .addresses import absolute

FOLDER = Path(__file__).parent / "static"
ADDRESS = "/static"

#: With keys, pictures and sounds are read with the key, and shown from `blob:` addresses.
#: Trusted types: text becomes HTML only through DOMPurify (`render.js`).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)

#: Of the reference, whose library has pictures in its style sheet and makes HTML of its own.
DOCS_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # revalidated each time, with 304 as the usual response
}

#: A site in the policy of frames: a scheme and a host, which may begin with `*.`, or every site.
SITE = re.compile(r"https?://(?:\*\.)?[\w.-]+(?::\d+)?|\*")


#: Diagrams are drawn by a library that writes styles and HTML: in a frame whose origin is its own
#: (`sandbox`), and which can load nothing but that library.
FRAME = "diagram.html"
FRAME_FILES = ("/diagram.css", "/diagram-frame.js", "/mermaid.tiny.js")
FRAME_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox allow-scripts",
    )
)


class _Files(StaticFiles):
    """Serves the files of the chat page, with its security headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = HEADERS
                if scope["path"].endswith(f"/{FRAME}"):
                    own = HEADERS | {"Content-Security-Policy": FRAME_POLICY}
                elif scope["path"].endswith(FRAME_FILES):
                    own = HEADERS | {"Cross-Origin-Resource-Policy": "cross-origin"}
                ours = [(name.lower().encode(), text.encode()) for name, text in own.items()]
                message = {**message, "headers": [*message["headers"], *ours]}
            await send(message)

        await super().__call__(scope, receive, with_headers)


def wants_page(request: Request) -> bool:
    """Return True if the client accepts HTML, as browsers do and programs that probe a server do
    not."""
    return "text/html" in request.headers.get("accept", "")


#: Programs with which people look at an address in a terminal, by the name that they send.
TERMINALS = ("curl/", "Wget/", "HTTPie/", "xh/")


def greeting(request: Request) -> str:
    """Return the text for programs: the one that Ollama's clients look for, and for people in a
    terminal where the page and the documentation are."""
    text = "Ollama is running"
    if not request.headers.get("user-agent", "").startswith(TERMINALS):
        return text
    return (
        f"{text}: this is agno-stream, which answers Ollama's clients, too.\n"
        f"The chat page is {absolute(request, '/')} in a browser, the API is described at "
        f"{absolute(request, '/docs')}.\n"
    )


def page_response() -> Response:
    """Return the response with the HTML of the chat page."""
    return FileResponse(FOLDER / "index.html", headers={**HEADERS, "Vary": "Accept"})


def embed_headers(sites: Sequence[str]) -> dict[str, str]:
    """Return the headers of the page in a frame, which its own site and `sites` may show.

    Raises `ConfigurationError` if one of them is no site.
    """
    for site in sites:
        if not SITE.fullmatch(site):
            raise ConfigurationError(
                f"EMBED_ORIGINS: {site!r} is no site. Write it as https://example.org, "
                "https://*.example.org, or * for all"
            )
    allowed = " ".join(["frame-ancestors 'self'", *sites])
    policy = POLICY.replace("frame-ancestors 'none'", allowed)
    return {**HEADERS, "Content-Security-Policy": policy}


def install(app: FastAPI, sites: Sequence[str] = ()) -> None:
    """Add the routes of the chat page, of the reference and of their files to the app; pages of
    `sites` may embed the chat."""
    embedded = embed_headers(sites)
    script = {**HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}
    app.mount(ADDRESS, _Files(directory=FOLDER), name="static")

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def reference() -> Response:
        policy = {"Content-Security-Policy": DOCS_POLICY}
        return FileResponse(FOLDER / "docs.html", headers=HEADERS | policy)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root(request: Request) -> Response:
        if wants_page(request):
            return page_response()
        return PlainTextResponse(greeting(request), headers={"Vary": "Accept, User-Agent"})

    @app.api_route("/embed", methods=["GET", "HEAD"], include_in_schema=False)
    async def embed() -> Response:
        return FileResponse(FOLDER / "index.html", headers=embedded)

    @app.api_route("/embed.js", methods=["GET", "HEAD"], include_in_schema=False)
    async def embed_script() -> Response:
        return FileResponse(FOLDER / "embed.js", headers=script)
