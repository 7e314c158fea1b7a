"""Conversations in the native API: list, read, rename, pin, export, delete."""

from typing import Annotated, Literal, Self

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, model_validator

from ..core.errors import BadRequest, ConversationBusy, UnknownConversation
from . import conversation_docs
from .addresses import local, with_prefix
from .body_model import BodyModel
from .context import Context, Principal, Server
from .export import exported
from .media import add_media
from .requests import Body, Text, User, read_object, validate

router = APIRouter(prefix="/api/v1", tags=["conversations"])

#: The deprecated `offset` reads what it skips: a page further behind is reached by `before`.
MAX_OFFSET = 10_000

EndUser = Annotated[
    User | None, Query(description="The end user, if the runs had one in their field `user`.")
]


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not 1 <= len(title) <= 200:
        raise ValueError("must have 1 to 200 characters")
    return title


class Change(BodyModel):
    """The body of a request that changes what a list shows of a conversation; what is absent stays
    as it is."""

    title: Annotated[Text, AfterValidator(_title)] | None = None
    pinned: bool | None = None

    @model_validator(mode="after")
    def _has_change(self) -> Self:
        if self.title is None and self.pinned is None:
            raise ValueError("title is missing; send it, or pinned")
        return self


class SelectBranch(BodyModel):
    """The turn whose branch is shown, by the `run_id` of its messages."""

    run_id: Text


class Fork(BodyModel):
    """The last turn of the copy, by the `run_id` of its messages; the last one of the branch that
    is shown, if none is named. `title` is that of the copy; that of the original, if absent."""

    run_id: Text | None = None
    title: Annotated[Text, AfterValidator(_title)] | None = None


@router.get(
    "/conversations",
    summary="List conversations",
    response_model=None,
    **conversation_docs.CONVERSATIONS,
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
            le=MAX_OFFSET,
            deprecated=True,
            description="How many to skip; costs more with each. Use `before`.",
        ),
    ] = 0,
    user: EndUser = None,
) -> Response:
    """List the principal's conversations, the one with the latest message first, and on the first
    page those that are pinned."""
    page = await server.conversations.list(
        principal, limit=limit, before=before, q=q, offset=offset, user=user
    )
    return Response(msgspec.json.encode(page), media_type="application/json")


@router.get(
    "/conversations/{conversation_id}",
    summary="Read a conversation",
    response_model=None,
    **conversation_docs.CONVERSATION,
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
    **conversation_docs.EXPORT,
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
    summary="Rename or pin a conversation",
    response_model=None,
    **conversation_docs.CHANGE,
)
async def change(
    request: Request,
    conversation_id: str,
    server: Server,
    principal: Principal,
    user: EndUser = None,
) -> Response:
    """Give a conversation a title, pin it or unpin it, and return it as it is in the list of
    conversations."""
    body = await _body(request, Change, server, conversation_id, principal, user)
    shown = None
    if body.title is not None:
        shown = await server.conversations.rename(conversation_id, principal, body.title, user)
    if body.pinned is not None:
        shown = await server.conversations.pin(conversation_id, principal, body.pinned, user)
    return Response(msgspec.json.encode(shown), media_type="application/json")


@router.post(
    "/conversations/{conversation_id}/branch",
    summary="Select a branch",
    response_model=None,
    **conversation_docs.SELECT,
)
async def select(
    request: Request,
    conversation_id: str,
    server: Server,
    principal: Principal,
    user: EndUser = None,
) -> Response:
    """Show the branch with a turn, here and on all devices, and continue from it."""
    body = await _body(request, SelectBranch, server, conversation_id, principal, user)
    active = await server.runs.list_active(principal, conversation_id)
    if busy := [record.run_id for record, _ in active if record.user == user]:
        raise ConversationBusy(
            f"Conversation {conversation_id} is being answered by run {busy[0]}; wait for it, or "
            "cancel it.",
            run_id=busy[0],
        )
    await server.branches.select(conversation_id, body.run_id, principal, user)
    return await conversation(conversation_id, server, principal, user)


@router.post(
    "/conversations/{conversation_id}/fork",
    summary="Fork a conversation",
    status_code=201,
    response_model=None,
    **conversation_docs.FORK,
)
async def fork(
    request: Request,
    conversation_id: str,
    server: Server,
    principal: Principal,
    user: EndUser = None,
) -> Response:
    """Copy the turns up to one into a new conversation, and return that without its messages."""
    body = await _body(request, Fork, server, conversation_id, principal, user)
    made = await server.branches.fork(
        conversation_id, principal, run_id=body.run_id, title=body.title, user=user
    )
    return Response(
        msgspec.json.encode(made),
        status_code=201,
        media_type="application/json",
        headers={"Location": local(f"/api/v1/conversations/{made.conversation_id}")},
    )


@router.delete(
    "/conversations/{conversation_id}",
    summary="Delete a conversation",
    status_code=204,
    **conversation_docs.DELETE,
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


async def _body(
    request: Request,
    model: type[Body],
    server: Context,
    conversation_id: str,
    principal: str,
    user: str | None,
) -> Body:
    """The validated body of a request about a conversation; raises `UnknownConversation` first."""
    try:
        return validate(model, await read_object(request, server.body))
    except BadRequest:
        await server.conversations.get(conversation_id, principal, user)
        raise
