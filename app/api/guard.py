"""What stands before every route: who asks, from where, and under which name of ours.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.access.keys import ANONYMOUS, Keys
from ..core.errors import (
    AgnoStreamError,
    ConfigurationError,
    CrossSite,
    LoopbackOnly,
    Unauthorized,
    UnknownHost,
)
from . import connection
from .errors import Refuse, path_of
from .tickets import PARAMETER, Tickets

#: Addresses that tell nobody's secrets: they answer without a key, and to any name.
OPEN = frozenset(
    {"/", "/health", "/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/openapi.json"}
)

#: The files of the chat page.
FILES = "/static/"

#: The addresses that a ticket opens.
EVENTS = re.compile(r"/api/v1/runs/([^/]+)/(?:events|media/[^/]+)")

SECURITY_HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),  # an address may hold a ticket
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask. Without `keys` everybody on this machine may, or, if it is `anonymous`,
    everybody at all. `hosts` are the names that the server answers to; none: all."""

    keys: Keys
    tickets: Tickets
    anonymous: bool = False
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()

    def principal(self, scope: Scope, headers: Headers) -> str:
        """Who asks; raises `Unauthorized`, and others for what nobody may ask."""
        self._check_host(headers)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if not self.keys:
            if not self.anonymous:
                self._check_machine(scope, headers)
            return ANONYMOUS
        if scheme.lower() == "bearer":
            found = self.keys.principal(key.strip())
            if found is None:
                raise Unauthorized("The key is not known here.")
            return found
        if ticket := self._by_ticket(scope):
            return ticket
        if self.anonymous:
            return ANONYMOUS
        raise Unauthorized("This server asks for a key: send 'Authorization: Bearer <key>'.")

    def _by_ticket(self, scope: Scope) -> str | None:
        found = EVENTS.fullmatch(path_of(scope))
        token = parse_qs(scope["query_string"].decode("latin-1")).get(PARAMETER)
        if not found or not token or scope["method"] != "GET":
            return None
        principal = self.tickets.principal(token[0], found[1])
        known = principal in self.keys.principals
        if not known and not (self.anonymous and principal == ANONYMOUS):
            raise Unauthorized("The token of this address is that of nobody who has a key.")
        return principal

    def _check_host(self, headers: Headers) -> None:
        host = host_of(headers)
        if self.hosts and not any(fnmatchcase(host, name.lower()) for name in self.hosts):
            raise UnknownHost("This server does not answer to the name in 'Host'.")

    def _check_machine(self, scope: Scope, headers: Headers) -> None:
        """Without keys all who reach us are let in, so none but this machine may reach us: neither
        over the network, nor by a page of a strange site in a browser that runs here, be it by a
        name of the site's that leads to us (DNS rebinding)."""
        address = (scope.get("server") or ("", None))[0]
        if is_ip(address) and not ipaddress.ip_address(address).is_loopback:
            raise LoopbackOnly(
                "This server has no keys, so it answers on the loopback address only. "
                "Set API_KEYS, or ALLOW_ANONYMOUS=1 to answer everybody."
            )
        host = host_of(headers)
        if not self.hosts and "." in host and not (is_ip(host) or host.endswith(".localhost")):
            raise LoopbackOnly(
                "This server has no keys, so it answers to no public name. Set API_KEYS, "
                "ALLOWED_HOSTS, or ALLOW_ANONYMOUS=1 to answer everybody."
            )
        origin = headers.get("origin")
        trusted = origin is not None and (origin in self.origins or "*" in self.origins)
        if headers.get("sec-fetch-site") == "cross-site" and not trusted:
            raise CrossSite("This server has no keys, so pages of other sites may not call it.")


class Guard:
    """Puts the principal into the scope, or refuses."""

    def __init__(self, app: ASGIApp, access: Access, refuse: Refuse) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(path_of(scope)):
            try:
                scope["principal"] = self._access.principal(scope, Headers(scope=scope))
            except AgnoStreamError as error:
                headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
                response = self._refuse(path_of(scope), error, headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Secured:
    """Adds the security headers to every response, unless the route has its own, and remembers the
    connection, on which a write may take `write_timeout` seconds."""

    def __init__(self, app: ASGIApp, write_timeout: float) -> None:
        self._app = app
        self._write_timeout = write_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        def secured(message: Message) -> Awaitable[None]:  # no coroutine of its own: see tokens
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [header for header in SECURITY_HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *more]
            return send(message)

        scope[connection.KEY] = connection.Connection(send, self._write_timeout)
        await self._app(scope, receive, secured)


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith(FILES)


def host_of(headers: Headers) -> str:
    """The name in `Host`, without its port."""
    host = headers.get("host", "").lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_address(host: str, *, open_to_all: bool) -> None:
    """Whether to listen on an address; raises `ConfigurationError` for one that others can reach,
    where that is not to be."""
    if open_to_all:
        return
    try:
        found = {
            info[4][0] for info in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)
        }
    except (OSError, UnicodeError):
        found = set()  # the web server will say so
    if not all(ipaddress.ip_address(str(a).partition("%")[0]).is_loopback for a in found):
        raise ConfigurationError(
            f"HOST: {host or 'every address'} can be reached from other machines, and no keys are "
            "set. Set API_KEYS=name:key,... (or API_KEYS_FILE), listen on 127.0.0.1, or set "
            "ALLOW_ANONYMOUS=1 to answer everybody."
        )
