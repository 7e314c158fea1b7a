"""Request ids, and the trace span of each request."""

import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.request_context import request_id

if TYPE_CHECKING:
    from ..core.telemetry.tracing import Tracing

HEADER = b"x-request-id"

#: The request ids that are safe in logs and headers. Others are replaced and not rejected, because
#: a client with an odd id still wants its answer.
VALID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")


class Tracked:
    """ASGI middleware that gives each request an id, and a trace span if `tracing` is not None.

    The id is the client's `X-Request-Id`, or a new one if that is absent or has unsafe characters;
    the response has it in the same header.
    """

    def __init__(self, app: ASGIApp, tracing: "Tracing | None" = None) -> None:
        self._app = app
        self._tracing = tracing

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        own = sent if VALID.fullmatch(sent) else uuid4().hex
        status: int | None = None

        # A coroutine here would cost each token, and types without quotes memory of each stream.
        def noting(message: "Message") -> "Awaitable[None]":
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, own.encode())]
            return send(message)

        request_id.set(own)  # for this task only: the web server makes one for each request
        if (tracing := self._tracing) is None:
            return self._app(scope, receive, noting)

        async def traced() -> None:
            begun = tracing.request(scope["method"], scope["path"], headers)
            try:
                await self._app(scope, receive, noting)
            finally:
                route = getattr(scope.get("route"), "path", None)
                tracing.answered(begun, route, status)

        return traced()
