"""Responses that the app does not make as uvicorn wants them: refusals, and those of HTTP/1.0."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from ..core.errors import AgnoStreamError
from .connections import Refuse


def refusing(refuse: Refuse, error: AgnoStreamError) -> ASGIApp:
    """Return an app that answers every request with an error."""

    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        response = refuse(scope["path"], error, {"Connection": "close"})
        await response(scope, receive, send)

    return refused


def response_bytes(response: Response, default: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a response as it is sent, with the fields of all responses."""
    lines = [b"%b: %b\r\n" % field for field in (*default, *response.raw_headers)]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])


class UntilClose:
    """The response to a request of HTTP/1.0, which ends with the connection instead of in chunks.

    Its `send` belongs to an object with a `transport`, like uvicorn's own.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._unframed = False
        self.transport = cycle.transport

    async def send(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            if b"content-length" not in names:
                self._unframed = True
                cycle.chunked_encoding = False
        elif self._unframed and cycle.scope["method"] != "HEAD":
            # uvicorn compares the length of the body with the promised one: none was.
            cycle.expected_content_length = len(message.get("body", b""))
        await cycle.send(message)


def until_close(app: Any, cycle: RequestResponseCycle) -> Any:
    """Return an app whose responses are not sent in chunks, which HTTP/1.0 does not have."""

    async def unframed(scope: Scope, receive: Receive, send: Send) -> None:
        own: Any = UntilClose(cycle).send
        await app(scope, receive, own)

    return unframed
