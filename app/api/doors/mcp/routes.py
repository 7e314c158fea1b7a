"""The route of MCP's streamable HTTP, without sessions."""

import asyncio
import re
from importlib import import_module
from typing import Any

from fastapi import APIRouter, Request, Response

from ....core.errors import BadRequest, NoMcp
from ...bodies import use_body
from ...context import Principal, Server
from ...json_objects import parse_in_turns
from .exchange import Exchange

router = APIRouter(include_in_schema=False)

_is_batch = re.compile(rb"\s*\[").match

#: The module that imports the SDK.
SDK = f"{__package__}.sdk"

#: It, once it is imported.
_imported: list[Any] = []


@router.post("/mcp")
async def mcp(request: Request, server: Server, principal: Principal) -> Response:
    """Answer one message of a client of MCP, as JSON or as a stream of events.

    There is no `GET`: the server sends nothing but answers.
    """
    sdk = await _sdk()
    body, message = await use_body(request, server.body, _read)
    return Exchange(sdk.serve, server, principal, request, body, message)


async def _read(body: bytearray) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a message, and the message; empty if it is none, which the SDK refuses.

    Raises `BadRequest` for a batch, which no newer protocol has: the SDK would try each message of
    it as all that a message can be.
    """
    sent = bytes(body)
    if _is_batch(sent):
        raise BadRequest("MCP has no batches any more. Send each message by itself.")
    try:
        return sent, await parse_in_turns(body)
    except BadRequest:
        return sent, {}


async def _sdk() -> Any:
    """The module that speaks the protocol, imported with the first request; raises `NoMcp`."""
    if _imported:  # a module is in `sys.modules` before it is whole
        return _imported[0]
    try:
        module = await asyncio.to_thread(import_module, SDK)
    except ImportError:
        raise NoMcp("This server does not speak MCP: agno-stream[mcp] is not installed.") from None
    _imported[:] = [module]
    return module
