"""The chat page: its HTML at `GET /` for browsers, and the files beside it.

It is served with a Content-Security-Policy under which nothing runs, styles or loads but these
files, whatever a model says.

See docs/decisions/039-the-page-has-no-build-step.md.
"""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
ADDRESS = "/static"

#: Trusted types: text becomes HTML only through DOMPurify (`render.js`).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again each time, and answered 304
}


class _Files(StaticFiles):
    """The files, with the page's own headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *ours]}
            await send(message)

        await super().__call__(scope, receive, with_headers)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks; programs that look for a server do not take HTML."""
    return "text/html" in request.headers.get("accept", "")


def page_response() -> Response:
    """The page's HTML."""
    return FileResponse(FOLDER / "index.html", headers={**HEADERS, "Vary": "Accept"})


def install(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.mount(ADDRESS, _Files(directory=FOLDER), name="static")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root(request: Request) -> Response:
        if wants_page(request):
            return page_response()
        # What Ollama's command line looks for before all else.
        return PlainTextResponse("Ollama is running", headers={"Vary": "Accept"})
