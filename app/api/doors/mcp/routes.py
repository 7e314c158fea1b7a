"""The route of MCP's streamable HTTP, without sessions."""

from importlib.util import find_spec

from fastapi import APIRouter, Request, Response

from ....core.errors import NoMcp
from ...context import Principal, Server
from ...requests import read_body
from .exchange import Exchange

router = APIRouter(include_in_schema=False)


@router.post("/mcp")
async def mcp(request: Request, server: Server, principal: Principal) -> Response:
    """Answer one message of a client of MCP, as JSON or as a stream of events."""
    if find_spec("mcp") is None:
        raise NoMcp("This server does not speak MCP: install agno-stream[mcp] to use it.")
    body = await read_body(request, server.body)
    return Exchange(server, principal, request, body)
