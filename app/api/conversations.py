"""Conversations as resources of the native door: listed, read, deleted."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from . import route_docs
from .context import Principal, Server
from .media import add_media

router = APIRouter(prefix="/api/v1", tags=["conversations"])


@router.get("/conversations", response_model=None, **route_docs.CONVERSATIONS)
async def conversations(
    server: Server,
    principal: Principal,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """The conversations, the one spoken in last first."""
    page = await server.conversations.list(principal, limit=limit, offset=offset)
    return Response(msgspec.json.encode(page), media_type="application/json")


@router.get(
    "/conversations/{conversation_id}",
    response_model=None,
    **route_docs.CONVERSATION,
)
async def conversation(conversation_id: str, server: Server, principal: Principal) -> Response:
    """A conversation with its messages, in the order they were said."""
    found = await server.conversations.get(conversation_id, principal)
    await add_media(found, server.media, principal)
    return Response(msgspec.json.encode(found), media_type="application/json")


@router.delete("/conversations/{conversation_id}", status_code=204, **route_docs.DELETE)
async def delete(conversation_id: str, server: Server, principal: Principal) -> None:
    """Forget a conversation."""
    await server.conversations.delete(conversation_id, principal)
    await server.media.forget(principal, conversation_id)
