"""What every response of the server has, and what it knows of its connection.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import connection

SECURITY_HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),  # an address may hold a ticket
    (b"x-content-type-options", b"nosniff"),
)


class Secured:
    """ASGI middleware that adds the `SECURITY_HEADERS` which a response does not have yet.

    It also puts a `Connection` into the scope; `write_timeout` is the longest duration of a write
    on the connection in seconds. `sees_all` is True if a middleware that is not ours is in `app`,
    which may want to see or to change each part of a body.
    """

    def __init__(self, app: ASGIApp, write_timeout: float, *, sees_all: bool = False) -> None:
        self._app = app
        self._write_timeout = write_timeout
        self._sees_all = sees_all

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        # A coroutine here would cost each token, and types without quotes memory of each stream.
        def secured(message: "Message") -> "Awaitable[None]":
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [header for header in SECURITY_HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *more]
            return send(message)

        own = connection.Connection(receive, send, self._write_timeout)
        if self._sees_all:
            own.send_messages_only()
        scope[connection.KEY] = own
        return self._app(scope, receive, secured)
