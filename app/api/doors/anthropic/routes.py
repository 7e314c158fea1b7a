"""The routes of Anthropic's API."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response

from ...context import Principal, Server
from ...ignored import ignored_fields
from ...names import resolve
from ...requests import read_mended, validate
from ...starting import start_with_history
from ...streaming import RunStream
from . import listing
from .answer import MessageAnswer
from .encoder import AnthropicEncoder
from .errors import refusal, request_header
from .requests import CountRequest, MessageRequest

ConversationHeader = Annotated[str | None, Header(alias="X-Conversation-Id")]

#: Anthropic publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/v1", include_in_schema=False)
router.include_router(listing.router)


class TokenCount(msgspec.Struct):
    input_tokens: int


@router.post("/messages")
async def messages(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer the last message of a conversation, as a stream or as one object.

    The client keeps the history; the server stores question and answer only if the request names a
    conversation in the header `X-Conversation-Id`.
    """
    fields = await read_mended(request, server.body)
    body = validate(MessageRequest, fields)
    target = resolve(server, body.model)
    follower, links = await start_with_history(
        request, server, principal, body, target, conversation_id
    )
    headers = {**ignored_fields(MessageRequest, fields, native=False), **request_header()}
    if not body.stream:
        return MessageAnswer(follower, body.model, links, headers)
    return RunStream(
        follower,
        AnthropicEncoder(follower.record, body.model, links),
        refusal=refusal,
        heartbeat=server.heartbeat,
        headers=headers,
    )


@router.post("/messages/count_tokens")
async def count_tokens(request: Request, server: Server) -> Response:
    """Estimate the tokens of a request from its characters; media are not counted."""
    fields = await read_mended(request, server.body)
    body = validate(CountRequest, fields)
    resolve(server, body.model)
    return listing.json_response(TokenCount(body.estimate_tokens()))
