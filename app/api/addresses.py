"""The addresses that the server gives out, with the path at which their reader reaches it.

See docs/decisions/073-addresses-have-the-path-of-their-request.md.
"""

import re
from collections.abc import Awaitable
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.errors import ConfigurationError

#: The path in front of the server for the current request: that of a proxy, and of a `Mount`.
#: Empty, or with a slash at its beginning and none at its end.
prefix: ContextVar[str] = ContextVar("prefix", default="")

#: The same at which people reach the server, as scheme and host; empty if the request's own counts.
_public: ContextVar[str] = ContextVar("public", default="")

#: A member of a JSON object that holds the address of something of a run. A quotation mark inside a
#: string of JSON has a backslash before it, so no text contains this.
_MEMBER = b'"url":"/api/v1/runs/'


class Addressed:
    """ASGI middleware that sets `prefix` for a request; `origin` is PUBLIC_URL's, or empty."""

    def __init__(self, app: ASGIApp, origin: str = "") -> None:
        self._app = app
        self._origin = origin

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        prefix.set(scope.get("root_path", "").rstrip("/"))  # for this task only, as `request_id`
        _public.set(self._origin)
        return self._app(scope, receive, send)


def local(path: str) -> str:
    """Return a path of the server as its reader has to write it; addresses elsewhere are
    unchanged."""
    return f"{prefix.get()}{path}" if path.startswith("/") else path


def absolute(request: Request, path: str) -> str:
    """Return the address of a path of the server, with scheme and host."""
    if not path.startswith("/"):
        return path
    origin = _public.get() or f"{request.url.scheme}://{request.url.netloc}"
    return f"{origin}{local(path)}"


def with_prefix(body: bytes) -> bytes:
    """Return JSON with the prefix in the addresses of media; logs and stores have them without."""
    found = prefix.get()
    if not found or _MEMBER not in body:
        return body
    return body.replace(_MEMBER, b'"url":"' + found.encode() + _MEMBER[7:])


def split_public_url(url: str | None) -> tuple[str, str]:
    """Return the origin and the path of PUBLIC_URL, both empty if it is None.

    Raises `ConfigurationError` if it is not an address.
    """
    if url is None:
        return "", ""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"PUBLIC_URL: {url!r} is not an address. Write it as https://example.org/assistant"
        )
    if path and not re.fullmatch(r"(?:/[\w.~-]+)+", path):
        raise ConfigurationError(
            f"PUBLIC_URL: its path {path!r} may have letters, digits and . _ ~ - between slashes"
        )
    return f"{parts.scheme}://{parts.netloc}", path
