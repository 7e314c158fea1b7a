"""Every request by an id, and in a trace if there is one."""

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

#: What goes into logs and headers as it is. Others are replaced, not refused: nobody who asks for
#: an answer means to be turned away for an id.
VALID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")


class Tracked:
    """Takes `X-Request-Id` from the client, or gives one, and says it in the response; begins the
    span of the request where traces are sent."""

    def __init__(self, app: ASGIApp, tracing: "Tracing | None" = None) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        said = headers.get("x-request-id", "")
        own = said if VALID.fullmatch(said) else uuid4().hex
        status: int | None = None

        def noting(message: Message) -> Awaitable[None]:  # no coroutine of its own for each write
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, own.encode())]
            return send(message)

        request_id.set(own)  # for this task: a server makes one for each request
        if self._tracing is None:
            await self._app(scope, receive, noting)
            return
        begun = self._tracing.request(scope["method"], scope["path"], headers)
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", None)
            self._tracing.answered(begun, route, status)
