"""The route of MCP's streamable HTTP, without sessions."""

import asyncio
from importlib import import_module
from typing import Any

from fastapi import APIRouter, Request, Response

from ....core.errors import NoMcp
from ...context import Principal, Server
from ...requests import read_body
from .exchange import Exchange

router = APIRouter(include_in_schema=False)

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
    body = await read_body(request, server.body)
    return Exchange(sdk.serve, server, principal, request, body)


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
