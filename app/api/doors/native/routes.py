"""The native door: chat as SSE, NDJSON, plain text and JSON."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from ... import route_docs
from ...context import Context, Principal, Server
from ...ignored import ignored_fields, ignored_parameters
from ...names import agent_in_model
from ...requests import read_object, validate
from ...uploads import Form, is_form, media_bytes, read_form
from . import branching, continuing
from .answering import TEXT, TurnRequest, answer
from .event_ids import parse_event_id
from .following import SSE, LastEventId, resume
from .instructions import check_system
from .requests import ChatRequest, FormRequest

#: Parameters of a query that are read elsewhere: by `resume`, and by the guard.
OTHERS = ("last_event_id", "ticket", "key")

router = APIRouter()  # without a tag, which the routers in it would get beside their own
router.include_router(continuing.router)
router.include_router(branching.router)

ConversationHeader = Annotated[
    str | None,
    Header(
        alias="X-Conversation-Id",
        description="The conversation to continue, if the body names none.",
    ),
]
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A random string that the client chooses. If a request is sent again with the "
        "same key, no second run starts: the response follows the run of the first request.",
    ),
]


@router.post("/api/v1/chat", summary="Chat", tags=["chat"], **route_docs.CHAT_WITH_UPLOADS)
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Send a message to an agent and stream its answer.

    The format is Server-Sent Events, or the one in `Accept`. With `"stream": false` the answer is
    one JSON object; with `"background": true` the response is the address of the stream.
    """
    if is_form(request):
        return await _answer_form(request, server, principal, x_conversation_id, idempotency_key)
    body, headers = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, body, SSE, idempotency_key, headers)


@router.post("/chat", summary="Chat in plain text", tags=["chat"], **route_docs.CHAT)
async def short_chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Send a message to an agent and stream its answer.

    The format is plain text, or the one in `Accept`.
    """
    body, headers = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, body, TEXT, idempotency_key, headers)


@router.head("/api/v1/chat", include_in_schema=False)
async def event_source_head() -> Response:
    """Return the header fields of a stream, and start no run: `HEAD` is safe (RFC 9110, 9.2.1)."""
    return Response(media_type=SSE, headers={"Cache-Control": "no-store"})


@router.get("/api/v1/chat", summary="Chat by EventSource", tags=["chat"], **route_docs.EVENT_SOURCE)
async def event_source(
    request: Request,
    server: Server,
    principal: Principal,
    message: Annotated[str | None, Query(description="The question.")] = None,
    agent: Annotated[str | None, Query(description="The agent, if not the default.")] = None,
    model: Annotated[str | None, Query(description="The model, if not the agent's own.")] = None,
    conversation_id: Annotated[
        str | None, Query(description="The conversation to continue, or a new one's id.")
    ] = None,
    user: Annotated[str | None, Query(description="The end user, as in a body.")] = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Send a message to an agent from a browser's `EventSource`.

    A request with `Last-Event-ID`, as browsers send it when they reconnect, resumes its run and
    never starts another one. After the run's last event the response is 204, which stops the
    browser.
    """
    if last_event_id:
        run_id, _ = parse_event_id(last_event_id)
        return await resume(request, server, principal, run_id, last_event_id)
    fields = {
        "message": message,
        "agent": agent,
        "model": model,
        "conversation_id": conversation_id,
        "user": user,
    }
    body = validate(ChatRequest, fields)
    headers = ignored_parameters([*fields, *OTHERS], request.query_params)
    return await _answer(request, server, principal, body, SSE, further=headers)


async def _read(
    request: Request, server: Context, conversation_id: str | None
) -> tuple[ChatRequest, dict[str, str]]:
    """Return the validated body, and the header that names its unknown fields; the header's
    `conversation_id` is used if the body has none."""
    fields = await read_object(request, server.body)
    if fields.get("conversation_id") is None:
        fields["conversation_id"] = conversation_id
    return validate(ChatRequest, fields), ignored_fields(ChatRequest, fields)


async def _answer_form(
    request: Request,
    server: Context,
    principal: str,
    conversation_id: str | None,
    key: str | None,
) -> Response:
    """Start the run of a question with uploads, which are removed if none starts."""
    form = await read_form(request, server.body, server.media)
    try:
        if form.fields.get("conversation_id") is None:
            form.fields["conversation_id"] = conversation_id
        body = validate(FormRequest, form.fields)
        headers = ignored_fields(FormRequest, form.fields)
        return await _answer(request, server, principal, body, SSE, key, headers, form)
    except BaseException:
        await server.media.drop_uploads(form.paths)
        raise


async def _answer(
    request: Request,
    server: Context,
    principal: str,
    body: ChatRequest,
    default: str,
    key: str | None = None,
    further: Mapping[str, str] = MappingProxyType({}),
    form: Form | None = None,
) -> Response:
    """The response to a question of a body, with the uploads of a form."""
    question = agent_in_model(server, body.question())
    check_system(server, question)
    if form is not None:
        question = dataclasses.replace(
            question,
            images=[*question.images, *form.images],
            attachments=[*question.attachments, *form.attachments],
        )
    server.media.room.check(principal, media_bytes(question))
    turn = TurnRequest(
        question,
        body.conversation_id,
        request=body.model_dump_json(exclude_defaults=True) + (form.digest if form else ""),
        uploads=form.paths if form else (),
    )
    return await answer(request, server, principal, body, turn, default, key, further)
