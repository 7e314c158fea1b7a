"""What a trusted proxy says of a request: the path in front of the server, the scheme, the client.

See docs/decisions/073-addresses-have-the-path-of-their-request.md.
"""

import re
from collections.abc import Awaitable, Collection, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

#: The key in a request's scope that is True if a trusted proxy has sent the request.
TRUSTED = "agno_stream.trusted"

#: The header fields that `ProxyHeadersMiddleware` reads.
OF_PROXIES = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})

#: A path in front of a server: one segment or more, and no other site (`//name`).
PREFIX = re.compile(r"(?:/[\w.~-]+)+")


class Forwarded:
    """ASGI middleware that reads `X-Forwarded-Prefix`, `-Proto` and `-For` of trusted proxies.

    The prefix is put before the request's `root_path`: it is the path that the proxy has taken
    away. It is not if the `root_path` begins with it, because the web server knows it
    (`uvicorn --root-path`). Without the header `path` is the whole `root_path`, also below a
    `Mount`. A proxy that leaves the path in the request is understood, too, unless the path begins
    like one of the server's own (`own`, their first segments). `proxies` are addresses and
    networks, or `*`.

    Like others here that wait for nothing, it is no coroutine function: each would have a frame for
    as long as a response lasts.
    """

    def __init__(
        self, app: ASGIApp, proxies: Sequence[str], path: str = "", own: Collection[str] = ()
    ) -> None:
        self._app = app
        self._headers = ProxyHeadersMiddleware(app, ",".join(proxies))  # type: ignore[arg-type]  # uvicorn has types of its own for ASGI
        self._path = path
        self._own = own

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        client = scope.get("client")
        scope[TRUSTED] = (client[0] if client else None) in self._headers.trusted_hosts
        root = scope.get("root_path", "")
        if (prefix := self._told(scope)) and not f"{root}/".startswith(f"{prefix}/"):
            self._move(scope, prefix)
        elif root:
            repair(scope)
            if self._path and not prefix:
                replace(scope, self._path)
        elif self._path:
            self._move(scope, self._path)
        if scope[TRUSTED] and any(name in OF_PROXIES for name, _ in scope["headers"]):
            return self._headers(scope, receive, send)  # type: ignore[arg-type]
        return self._app(scope, receive, send)

    def _told(self, scope: Scope) -> str:
        """Return the prefix in the header of a trusted proxy, empty if there is none."""
        if scope[TRUSTED]:
            for name, value in scope["headers"]:
                prefix = value.decode("latin-1").rstrip("/")
                if name == b"x-forwarded-prefix" and PREFIX.fullmatch(prefix):
                    return str(prefix)
        return ""

    def _move(self, scope: Scope, prefix: str) -> None:
        """Put a prefix before the paths of the scope, in so far as it is not there."""
        scope["root_path"] = prefix + scope.get("root_path", "")
        path: str = scope["path"]
        kept = path == prefix or path.startswith(f"{prefix}/")
        if kept and prefix.split("/")[1] not in self._own:
            return
        scope["path"] = prefix + path
        if scope.get("raw_path") is not None:
            scope["raw_path"] = prefix.encode() + scope["raw_path"]


def repair(scope: Scope) -> None:
    """Let the path of a request begin with its `root_path`, which `FastAPI(root_path=...)` adds
    without the path: below a `Mount` routes would not be found."""
    root, above = scope.get("root_path", ""), scope.get("app_root_path", "")
    path: str = scope["path"]
    if root and above and not path.startswith(root) and f"{above}{path}".startswith(root):
        scope["path"] = above + path


def replace(scope: Scope, root: str) -> None:
    """Let a request below a `Mount` have another `root_path`, which its readers know."""
    old: str = scope["root_path"]
    scope["root_path"] = root
    scope["path"] = root + scope["path"].removeprefix(old)
    if scope.get("raw_path") is not None:
        scope["raw_path"] = root.encode() + scope["raw_path"].removeprefix(old.encode())
