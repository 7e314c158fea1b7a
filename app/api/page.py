"""The chat page: its HTML at `GET /` for browsers, and its files below `/static`.

Its Content-Security-Policy allows scripts, styles and requests of these files only, whatever a
model's output contains. The reference of the API at `/docs` is of these files, too, and needs no
other server.

See docs/decisions/039-the-page-has-no-build-step.md.
See docs/decisions/064-an-answer-is-enriched-where-it-is-seen.md.
"""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

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


def page_response() -> Response:
    """Return the response with the HTML of the chat page."""
    return FileResponse(FOLDER / "index.html", headers={**HEADERS, "Vary": "Accept"})


def install(app: FastAPI) -> None:
    """Add the routes of the chat page, of the reference and of their files to the app."""
    app.mount(ADDRESS, _Files(directory=FOLDER), name="static")

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def reference() -> Response:
        policy = {"Content-Security-Policy": DOCS_POLICY}
        return FileResponse(FOLDER / "docs.html", headers=HEADERS | policy)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root(request: Request) -> Response:
        if wants_page(request):
            return page_response()
        # Ollama's command line checks for this text first.
        return PlainTextResponse("Ollama is running", headers={"Vary": "Accept"})
