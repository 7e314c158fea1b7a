"""The response to one message of a client: the SDK's, around which a session is but a name."""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from starlette.types import Message, Receive, Scope, Send

from ....core.errors import UnknownRun
from ...context import Context
from .calls import Caller

Serve = Callable[[Caller, Scope, Receive, Send], Awaitable[None]]

SESSION = "mcp-session-id"


class Exchange(Response):
    """The response to a message, made by the SDK, which is behind `serve`, of the message's bytes.

    Clients of protocols before 2026-07-28 get an id of a session with `initialize`, and repeat it.
    The server keeps nothing of it: it makes the ids of the runs of their calls, so that each
    process finds the run that `notifications/cancelled` names.
    """

    def __init__(
        self,
        serve: Serve,
        server: Context,
        principal: str,
        request: Request,
        body: bytes,
        message: dict[str, Any],
    ) -> None:
        super().__init__()
        self._serve = serve
        self._caller = Caller(server, principal, request, request.headers.get(SESSION))
        self._body = body
        self._message = message

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._message.get("method") == "notifications/cancelled":
            await self._cancel(self._message.get("params"))
        begins = self._message.get("method") == "initialize"
        reply = _with_session(send) if begins else send
        await self._serve(self._caller, _trimmed(scope), _replayed(self._body, receive), reply)

    async def _cancel(self, params: Any) -> None:
        caller = self._caller
        request_id = params.get("requestId") if isinstance(params, dict) else None
        if not isinstance(request_id, str | int) or (key := caller.key(request_id, None)) is None:
            return
        with suppress(UnknownRun):  # it was no call, or is no longer kept
            await caller.server.runs.cancel(key.run_id, principal=caller.principal)


def _trimmed(scope: Scope) -> Scope:
    """A scope whose headers have no white space around their values (RFC 9110, 5.5): the SDK
    compares them with the message."""
    headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


def _with_session(send: Send) -> Send:
    async def reply(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            header = (SESSION.encode(), uuid.uuid4().hex.encode())
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return reply


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A channel that has the body, which was received before, and then what comes."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay
