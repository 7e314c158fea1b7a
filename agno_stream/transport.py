"""The HTTP library: how its clients are set up, and what its exceptions mean."""

import time
from dataclasses import replace
from typing import Any

import httpx2

from agno_stream.config import Config
from agno_stream.errors import AgnoStreamError, ConnectionLost, ServerUnreachable
from agno_stream.requests import SSE, Request
from agno_stream.types import Exchange

#: Seconds that a connection may wait for its next request: less than a server's own five, so that
#: no question goes out on a connection that is just being closed.
KEEPALIVE = 3.0

#: Seconds for telling the server that nobody waits any more; the caller already knows.
FAREWELL = 2.0

#: Everything that a request may raise.
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)


def chosen(config: Config | None, url: str | None, api_key: str | None) -> Config:
    """The settings of a client: its own copy, so that a later change to one reaches no other."""
    own = replace(config) if config is not None else Config.from_defaults()
    own.url, own.api_key = url or own.url, api_key or own.api_key
    return own


def settings(config: Config, version: str) -> dict[str, Any]:
    """The arguments of either of the library's clients."""
    headers = {"User-Agent": f"agno-stream-client/{version}"}
    if config.api_key:
        headers["Authorization"] = f"Bearer {config.api_key}"
    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE
    )
    return {"headers": headers, "limits": limits, "follow_redirects": False}


def arguments(config: Config, request: Request) -> dict[str, Any]:
    """The arguments of the library's `build_request`."""
    headers = {"Accept": request.accept}
    if request.key is not None:
        headers["Idempotency-Key"] = request.key
    if request.accept == SSE:
        headers["Accept-Encoding"] = "identity"  # compression would hold tokens back
    return {
        "method": request.method,
        "url": base(config) + request.path,
        "json": request.json,
        "params": request.params,
        "headers": headers,
        "timeout": httpx2.Timeout(request.patience, connect=config.timeout_connect),
    }


def exchange(reply: httpx2.Response) -> Exchange:
    """What was sent and what came back, as far as the head of the reply."""
    request = reply.request
    sent = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" in sent:
        sent["authorization"] = "Bearer …"
    received = {name.lower(): value for name, value in reply.headers.items()}
    return Exchange(
        request.method, str(request.url), reply.status_code, sent, received, time.time()
    )


def base(config: Config) -> str:
    return config.url.rstrip("/")


def translate(error: Exception, config: Config) -> AgnoStreamError:
    """Our error for one of the library's."""
    url = base(config)
    failure: AgnoStreamError
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
        failure = ServerUnreachable(f"{url!r} is no address of a server, as http://host:8000 is.")
    elif isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        failure = ServerUnreachable(f"No server answers at {url}.")
    elif isinstance(error, httpx2.TimeoutException):
        failure = ConnectionLost(f"The server at {url} said nothing for too long.")
    else:
        failure = ConnectionLost(f"The connection to {url} broke.")
    failure.__cause__ = error
    return failure


def verdict(error: Exception | None, config: Config) -> tuple[AgnoStreamError | None, bool]:
    """What a broken connection died of, and whether it only said nothing for a while; None for
    one that simply ended."""
    if error is None:
        return None, False
    return translate(error, config), isinstance(error, httpx2.ReadTimeout)
