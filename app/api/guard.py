"""Authentication and the checks of host and origin, before every route.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.access.keys import ANONYMOUS, Keys
from ..core.errors import (
    AgnoStreamError,
    ConfigurationError,
    LoopbackOnly,
    NotSignedIn,
    Unauthorized,
    UnknownHost,
)
from .errors import Refuse, path_of
from .outside import Outside
from .sites import COOKIES, NAMELESS, check_page, is_of_loopback, is_of_machine
from .tickets import PARAMETER, Tickets

#: Paths that need no key and no known host, because their responses contain no principal's data.
PUBLIC_PATHS = frozenset(
    ["/", "/embed", "/embed.js", "/health", "/healthz", "/readyz", "/docs", "/openapi.json"]
)

#: The prefix of the chat page's files, which are public, too.
PUBLIC_PREFIX = "/static/"

#: The paths for which a ticket authenticates instead of a key.
TICKET_PATH = re.compile(r"/api/v1/runs/([^/]+)/(?:events|stream|media/[^/]+)")

#: The options of CORS for pages of `CORS_ORIGINS`.
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PATCH", "DELETE"],
    "allow_headers": ["*"],
    "expose_headers": [
        *("X-Run-Id", "X-Conversation-Id", "X-Request-Id", "X-Ignored-Fields", "X-Error-Code"),
        *("Location", "Retry-After", "Idempotent-Replayed", "ETag"),
        *("Stream-Next-Offset", "Stream-Up-To-Date", "Stream-Closed", "Stream-Cursor"),
    ],
    "max_age": 600,
}


@dataclass(frozen=True, slots=True)
class Access:
    """Decides which principal sends a request, and rejects a request that is not allowed.

    `outside` finds principals that the application around the server, or a proxy, has
    authenticated. Without it and without `keys`, a request from this machine has the anonymous
    principal; with `anonymous`, every request without a principal of its own has. `hosts` are the
    accepted patterns of the `Host` header; if empty, any host is accepted. Of the pages of other
    sites those of `origins` may send requests without a key.
    """

    keys: Keys
    tickets: Tickets
    anonymous: bool = False
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    outside: Outside = field(default_factory=Outside)

    def principal(self, scope: Scope, headers: Headers, known: str | None = None) -> str:
        """Return the principal of a request, found by its API key or its ticket, else `known`, who
        was authenticated outside.

        Raises `Unauthorized`, `NotSignedIn`, `UnknownHost`, `LoopbackOnly` or `CrossSite`.
        """
        self._check_host(headers)
        if not self.keys and not self.outside:
            if not self.anonymous:
                self._check_machine(scope, headers)
            return self._anonymous(scope, headers)
        key = key_of(headers) if self.keys else None
        if key is not None and (found := self.keys.principal(key)) is not None:
            return found
        if key is None and (principal := self._ticket_principal(scope)) is not None:
            return principal
        if known is not None:
            # Browsers send cookies for pages of any site, so `*` is not enough here.
            origins = [origin for origin in self.origins if origin != "*"]
            check_page(scope["method"], headers, origins, why=COOKIES)
            return known
        if key is not None:
            raise Unauthorized("The key is unknown. Check it against the server's API_KEYS.")
        if self.anonymous:
            return self._anonymous(scope, headers)
        if not self.keys:
            raise NotSignedIn(
                "You are not signed in to the application that this server is part of. Sign in "
                "there, then try again."
            )
        raise Unauthorized(
            "A key is required: send 'Authorization: Bearer <key>', or 'x-api-key: <key>'."
        )

    def _ticket_principal(self, scope: Scope) -> str | None:
        found = TICKET_PATH.fullmatch(path_of(scope))
        token = parse_qs(scope["query_string"].decode("latin-1")).get(PARAMETER)
        if not found or not token or scope["method"] not in ("GET", "HEAD"):
            return None
        principal = self.tickets.principal(token[0], found[1])
        known = principal in self.keys.principals or bool(self.outside)
        if not known and not (self.anonymous and principal == ANONYMOUS):
            raise Unauthorized(
                "The token in this address belongs to a principal that no longer has a key."
            )
        return principal

    def _anonymous(self, scope: Scope, headers: Headers) -> str:
        """Return the principal of a request without a key or user; raises `CrossSite`."""
        why = NAMELESS if self.keys or self.outside else ""
        check_page(scope["method"], headers, self.origins, why)
        return ANONYMOUS

    def _check_host(self, headers: Headers) -> None:
        host = host_of(headers)
        if self.hosts and not any(fnmatchcase(host, name.lower()) for name in self.hosts):
            raise UnknownHost(
                "The host name of this request is not allowed. Add it to the server's "
                "ALLOWED_HOSTS."
            )

    def _check_machine(self, scope: Scope, headers: Headers) -> None:
        """Raise unless the request comes from this machine, which a server without keys requires.

        Raises `LoopbackOnly` for a request from the network, or with the host name of another
        machine: a page of another site may use a name that resolves to this one (DNS rebinding).
        """
        address = (scope.get("server") or ("", None))[0]
        if not is_of_loopback(address):
            raise LoopbackOnly(
                "A server without keys accepts requests on the loopback address only. "
                "Set API_KEYS, or ALLOW_ANONYMOUS=1 to accept everybody."
            )
        if not self.hosts and not is_of_machine(host_of(headers)):
            raise LoopbackOnly(
                "A server without keys answers to the names of its own machine only. Set API_KEYS, "
                "ALLOWED_HOSTS, or ALLOW_ANONYMOUS=1 to accept everybody."
            )


class Guard:
    """ASGI middleware that puts the principal into the scope, or sends an error response."""

    def __init__(self, app: ASGIApp, access: Access, refuse: Refuse) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and not is_public(path_of(scope)):
            if self._access.outside:
                return self._check_outside(scope, receive, send)
            return self._checked(scope, None)(scope, receive, send)
        return self._app(scope, receive, send)

    async def _check_outside(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = await self._access.outside.principal(scope, receive)
        await self._checked(scope, known)(scope, receive, send)

    def _checked(self, scope: Scope, known: str | None) -> ASGIApp:
        """Put the principal into the scope, and return the app; return an error response instead if
        the request is not allowed."""
        try:
            scope["principal"] = self._access.principal(scope, Headers(scope=scope), known)
        except AgnoStreamError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return self._refuse(path_of(scope), error, headers)
        return self._app


def is_public(path: str) -> bool:
    """Return True if requests to a path need neither a key nor an allowed host name."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIX)


def key_of(headers: Headers) -> str | None:
    """Return the API key of a request, None if it has none: the `Bearer` of `Authorization`, else
    `x-api-key`, as Anthropic's clients send it."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return headers.get("x-api-key")


def host_of(headers: Headers) -> str:
    """Return the host name in the `Host` header: lower case, without the port; empty if it is
    absent."""
    host = headers.get("host", "").lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def check_address(host: str, *, open_to_all: bool) -> None:
    """Raise `ConfigurationError` if the server would listen where other machines can connect.

    `open_to_all` is True if keys or ALLOW_ANONYMOUS are set, which makes every address acceptable.
    """
    if open_to_all:
        return
    try:
        found = {
            info[4][0] for info in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)
        }
    except (OSError, UnicodeError):
        found = set()  # the web server reports it when it binds the address
    if not all(ipaddress.ip_address(str(a).partition("%")[0]).is_loopback for a in found):
        raise ConfigurationError(
            f"HOST: {host or 'every address'} can be reached from other machines, and no keys are "
            "set. Set API_KEYS=name:key,... (or API_KEYS_FILE), listen on 127.0.0.1, or set "
            "ALLOW_ANONYMOUS=1 to accept everybody."
        )
