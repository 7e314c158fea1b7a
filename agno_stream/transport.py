"""The HTTP library: how its clients are set up, how they read, and what their exceptions mean.

See docs/decisions/037-clocks-without-threads.md.
See docs/decisions/038-connections-are-reused-if-their-end-is-there.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx2

from agno_stream.answer import Answer
from agno_stream.config import Config, header
from agno_stream.errors import AgnoStreamError, ConnectionLost, ServerUnreachable
from agno_stream.infos import Exchange
from agno_stream.requests import SSE, Request

#: Seconds that an idle connection is kept for the next request: less than a server's own five, so
#: that no question is sent on a connection that the server is just closing.
KEEPALIVE = 3.0

#: Seconds to wait for the end of a body whose last event has arrived.
DRAIN = 0.05

#: Everything that a request may raise.
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)


def client_config(
    config: Config | str | None,
    url: str | None,
    api_key: str | None,
    headers: Mapping[str, str] | None,
) -> Config:
    """Return a copy of the settings with this URL and key and these headers, so that a change
    affects one client only; `config` may be the URL itself.

    Raises `TypeError` for two URLs and for other types, `ValueError` for what is no header.
    """
    if isinstance(config, str):
        if url is not None:
            raise TypeError("the server's URL is given twice")
        config, url = None, config
    if config is not None and not isinstance(config, Config):
        raise TypeError(f"config must be a Config or a URL, not {type(config).__name__}")
    own = replace(config) if config is not None else Config.from_defaults()
    own.url, own.api_key = url or own.url, api_key or own.api_key
    own.headers = {**own.headers, **(headers or {})}
    for name, value in own.headers.items():
        header(f"{name}: {value}")
    return own


def settings(config: Config, version: str) -> dict[str, Any]:
    """Return the keyword arguments with which `httpx2.Client` and `AsyncClient` are made."""
    headers = httpx2.Headers({"User-Agent": f"agno-stream-client/{version}"})
    if config.api_key:
        headers["Authorization"] = f"Bearer {config.api_key}"
    headers.update(dict(config.headers))
    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE
    )
    return {"headers": headers, "limits": limits, "follow_redirects": False}


def arguments(config: Config, request: Request) -> dict[str, Any]:
    """Return the keyword arguments for `request` and `stream` of the HTTP library."""
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


def exchange(reply: httpx2.Response, config: Config) -> Exchange:
    """Return a request and the head of its response, for debugging, without the API key and the
    values of the client's own headers."""
    request = reply.request
    sent = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" in sent:
        sent["authorization"] = "Bearer …"
    sent |= {name.lower(): "…" for name in config.headers}
    received = {name.lower(): value for name, value in reply.headers.items()}
    return Exchange(
        request.method, str(request.url), reply.status_code, sent, received, time.time()
    )


def base(config: Config) -> str:
    """Return the server's address, without a slash at its end."""
    return config.url.rstrip("/")


def translate(error: Exception, config: Config) -> AgnoStreamError:
    """Return the client's error for an exception of the HTTP library."""
    url = base(config)
    failure: AgnoStreamError
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
        failure = ServerUnreachable(f"{url!r} is not the URL of a server, like http://host:8000.")
    elif isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        failure = ServerUnreachable(f"No server answers at {url}.")
    elif isinstance(error, httpx2.TimeoutException):
        failure = ConnectionLost(f"The server at {url} sent nothing for too long.")
    else:
        failure = ConnectionLost(f"The connection to {url} broke.")
    failure.__cause__ = error
    return failure


@contextmanager
def translated(config: Config) -> Iterator[None]:
    """Raise the client's error instead of an exception that the HTTP library raises in the
    block."""
    try:
        yield
    except FAILURES as error:
        raise translate(error, config) from error


@contextmanager
def reported(answer: Answer, config: Config) -> Iterator[None]:
    """Catch an exception that the HTTP library raises in the block, and report it to
    `answer.lost`."""
    try:
        yield
    except FAILURES as error:
        answer.lost(translate(error, config), timed_out=isinstance(error, httpx2.ReadTimeout))


@contextmanager
def body(answer: Answer, reply: httpx2.Response) -> Iterator[Iterator[bytes]]:
    """Yield an iterator over the bytes of a response.

    At the end of the block the end of the body is read, so that the connection can be used again,
    but only if it has arrived already: a read that blocks cannot be interrupted.
    """
    parts = reply.iter_bytes()
    try:
        yield parts
    finally:
        if answer.drains and not reply.is_closed:
            stream = reply.extensions.get("network_stream")  # None of a transport of one's own
            if stream is None or stream.get_extra_info("is_readable"):
                with suppress(*FAILURES):
                    next(parts, None)


@asynccontextmanager
async def async_body(answer: Answer, reply: httpx2.Response) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield an iterator over the bytes of a response.

    At the end of the block the end of the body is read, so that the connection can be used again,
    if it arrives within `DRAIN` seconds.
    """
    parts = reply.aiter_bytes()
    try:
        yield parts
    finally:
        if answer.drains:
            with suppress(TimeoutError, *FAILURES):
                async with asyncio.timeout(DRAIN):
                    await anext(parts, None)
