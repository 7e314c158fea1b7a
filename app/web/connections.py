"""The connections of one process: how many there may be, and how large a request's head.

See docs/decisions/057-heads-are-bounded-below-the-framework.md.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.errors import AgnoStreamError

#: The key of the `Connections` in the state of uvicorn's lifespan, where protocols find them.
KEY = "agno_stream.connections"

#: Connections above the limit that get 503; further ones are closed without a response.
SPARE = 64


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """The limits of a process, in bytes and seconds.

    `head_bytes` bounds a request's line and fields together, `address_bytes` its address alone,
    `fields` their number, `head_seconds` the time until they are complete. `held_bytes` bounds what
    all connections have sent ahead of the responses that they wait for.
    """

    connections: int = 4000
    head_bytes: int = 32 << 10
    address_bytes: int = 16 << 10
    fields: int = 100
    head_seconds: float = 10.0
    held_bytes: int = 64 << 20


class Refuse(Protocol):
    """Returns the response to an error, in the format of the path's protocol."""

    def __call__(
        self, path: str, error: AgnoStreamError, headers: Mapping[str, str] | None = None
    ) -> Response: ...


class Closable(Protocol):
    """A connection that can be closed, because it has no request in progress."""

    def close_idle(self) -> None: ...


def plain_refusal(
    path: str, error: AgnoStreamError, headers: Mapping[str, str] | None = None
) -> Response:
    """The response to an error for an app without formats of its own."""
    return JSONResponse(error.body(), error.status, headers)


class Connections:
    """Counts the connections of a process; a new one may take the place of an idle one.

    `refuse` makes the responses that the connections send without calling the app.
    """

    def __init__(
        self, bounds: ConnectionBounds | None = None, refuse: Refuse = plain_refusal
    ) -> None:
        self.bounds = bounds or ConnectionBounds()
        self.refuse = refuse
        self.held = 0  # bytes
        self.leaving = False  # the process stops: each response closes its connection
        self._open = 0
        self._idle: dict[Closable, None] = {}  # in the order in which they became idle

    @property
    def count(self) -> int:
        return self._open

    def opened(self, connection: Closable) -> bool | None:
        """Count a new connection, which is idle.

        Returns True if it may send requests, False if they are to be refused, None if it is to be
        closed at once. If the limit is reached, the connection that has been idle for longest is
        closed for it.
        """
        self._open += 1
        crowded = self._open > self.bounds.connections
        if crowded and self._idle:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.close_idle()
            crowded = False
        if self._open > self.bounds.connections + SPARE:
            return None
        self._idle[connection] = None
        return not crowded

    def shared_with(self, app: ASGIApp) -> ASGIApp:
        """Return the app with a lifespan in whose state the protocols find these connections."""

        def sharing(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] == "lifespan" and "state" in scope:
                scope["state"][KEY] = self
            return app(scope, receive, send)

        return sharing

    def closed(self, connection: Closable) -> None:
        self._open -= 1
        self._idle.pop(connection, None)

    def busy(self, connection: Closable) -> None:
        """Note that a connection has a request in progress."""
        self._idle.pop(connection, None)

    def idle(self, connection: Closable) -> None:
        """Note that a connection waits for its next request."""
        self._idle[connection] = None
