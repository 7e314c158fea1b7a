"""Conversations in the native API: list, read, rename, export, delete."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel

from ..core.errors import BadRequest, UnknownConversation
from . import route_docs
from .addresses import with_prefix
from .context import Principal, Server
from .export import exported
from .media import add_media
from .requests import Text, User, parse_object, read_body, validate

router = APIRouter(prefix="/api/v1", tags=["conversations"])

EndUser = Annotated[
    User | None, Query(description="The end user, if the runs had one in their field `user`.")
]


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not 1 <= len(title) <= 200:
        raise ValueError("must have 1 to 200 characters")
    return title


class Rename(BaseModel):
    """The body of a request that renames a conversation."""

    title: Annotated[Text, AfterValidator(_title)]


@router.get(
    "/conversations",
    summary="List conversations",
    response_model=None,
    **route_docs.CONVERSATIONS,
)
async def conversations(
    server: Server,
    principal: Principal,
    limit: Annotated[int, Query(ge=1, le=200, description="How many to return.")] = 50,
    before: Annotated[
        str | None, Query(max_length=1000, description="The `next` of the page before.")
    ] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words in the title.")] = None,
    offset: Annotated[
        int,
        Query(
            ge=0,
            le=1_000_000,
            deprecated=True,
            description="How many to skip; costs more with each. Use `before`.",
        ),
    ] = 0,
    user: EndUser = None,
) -> Response:
    """List the principal's conversations, the one with the latest message first."""
    page = await server.conversations.list(
        principal, limit=limit, before=before, q=q, offset=offset, user=user
    )
    return Response(msgspec.json.encode(page), media_type="application/json")


@router.get(
    "/conversations/{conversation_id}",
    summary="Read a conversation",
    response_model=None,
    **route_docs.CONVERSATION,
)
async def conversation(
    conversation_id: str, server: Server, principal: Principal, user: EndUser = None
) -> Response:
    """Return a conversation with its messages, oldest first."""
    found = await server.conversations.get(conversation_id, principal, user)
    await add_media(found, server.media, principal)
    return Response(with_prefix(msgspec.json.encode(found)), media_type="application/json")


@router.get(
    "/conversations/{conversation_id}/export",
    summary="Export a conversation",
    response_model=None,
    **route_docs.EXPORT,
)
async def export(
    conversation_id: str,
    server: Server,
    principal: Principal,
    user: EndUser = None,
    kind: Annotated[
        Literal["md", "json"], Query(alias="format", description="Markdown or JSON.")
    ] = "md",
) -> Response:
    """Return a conversation as a file, with everything that its reader saw."""
    found = await server.conversations.get(conversation_id, principal, user)
    await add_media(found, server.media, principal)
    return exported(found, kind)


@router.patch(
    "/conversations/{conversation_id}",
    summary="Rename a conversation",
    response_model=None,
    **route_docs.RENAME,
)
async def rename(
    request: Request,
    conversation_id: str,
    server: Server,
    principal: Principal,
    user: EndUser = None,
) -> Response:
    """Give a conversation a title, and return it as it is in the list of conversations."""
    try:
        body = validate(Rename, parse_object(await read_body(request, server.body)))
    except BadRequest:
        await server.conversations.get(conversation_id, principal, user)  # unknown comes first
        raise
    renamed = await server.conversations.rename(conversation_id, principal, body.title, user)
    return Response(msgspec.json.encode(renamed), media_type="application/json")


@router.delete(
    "/conversations/{conversation_id}",
    summary="Delete a conversation",
    status_code=204,
    **route_docs.DELETE,
)
async def delete(
    conversation_id: str, server: Server, principal: Principal, user: EndUser = None
) -> None:
    """Delete a conversation with its messages, media and runs; active ones are cancelled."""
    cancelled = await server.removal.end(principal, conversation_id, user)
    try:
        await server.conversations.delete(conversation_id, principal, user)
    except UnknownConversation:
        if not cancelled:  # else its only run had nothing to store
            raise
    await server.removal.remove(principal, conversation_id, user)
    await server.media.forget(principal, conversation_id, user)
