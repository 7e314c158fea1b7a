"""`HEAD` at every address that has `GET`: the same response without its body (RFC 9110, 9.3.2)."""

import asyncio

from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .connection import Connection
from .errors import path_of


class HeadAsGet:
    """ASGI middleware that answers `HEAD` by the route for `GET`, if there is no route for `HEAD`.

    A stream ends after its header fields, as if its reader had left.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _has_only_get(scope):
            await self._app(scope, receive, send)
            return
        Connection.of(scope, receive, send).send_messages_only()
        ended = asyncio.Event()
        requested = False

        async def no_body() -> Message:
            nonlocal requested
            if not requested:
                requested = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await ended.wait()
            return {"type": "http.disconnect"}

        async def head_only(message: Message) -> None:
            if ended.is_set() or message["type"] != "http.response.start":
                return
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            ended.set()

        await self._app({**scope, "method": "GET"}, no_body, head_only)


def _has_only_get(scope: Scope) -> bool:
    path = path_of(scope)
    methods = {
        method
        for route in iter_route_contexts(scope["app"].routes)
        if route.path_regex.match(path)
        for method in route.methods or ()
    }
    return "GET" in methods and "HEAD" not in methods
