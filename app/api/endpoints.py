"""The native door: chat as SSE, NDJSON, plain text and JSON."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from app.api import openapi
from app.api.asking import Once, ask
from app.api.context import Context, Principal, Server
from app.api.protocols.native import negotiate, parse_event_id
from app.api.requests import ChatRequest, parse_object, picture, read_body, validate
from app.api.runs import JSON, SSE, LastEventId, resume, stream
from app.api.streaming import WholeAnswer, named
from app.core.clock import Timeouts
from app.core.errors import InvalidField
from app.core.options import ModelOptions
from app.core.question import PastMessage, Picture, Question
from app.core.run import OnDisconnect, Policy
from app.models.chat import RunStarted

TEXT = "text/plain"

router = APIRouter(tags=["chat"])

ConversationHeader = Annotated[
    str | None, Header(alias="X-Conversation-Id", description="Continues this conversation.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="A name of your own for this question: sent again with it, by whomever lost "
        "the answer on its way, it is not asked again but answered by the same run."
    ),
]


@router.post("/api/v1/chat", **openapi.CHAT)
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask an agent. Streams Server-Sent Events unless `Accept` or the body says otherwise."""
    asked = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, asked, SSE, idempotency_key)


@router.post("/chat", **openapi.CHAT)
async def short_chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask an agent, the short way: streams plain text unless `Accept` says otherwise."""
    asked = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, asked, TEXT, idempotency_key)


@router.get("/api/v1/chat", **openapi.EVENT_SOURCE)
async def event_source(
    request: Request,
    server: Server,
    principal: Principal,
    message: Annotated[str | None, Query(description="The question.")] = None,
    agent: str | None = None,
    model: str | None = None,
    conversation_id: str | None = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Ask an agent from a browser's `EventSource`.

    A reconnect, which carries `Last-Event-ID`, resumes its run and never starts another one;
    after the run's last event it is answered 204, which tells the browser to stop.
    """
    if last_event_id:
        run_id, _ = parse_event_id(last_event_id)
        return await resume(request, server, principal, run_id, last_event_id)
    asked = validate(
        ChatRequest,
        {"message": message, "agent": agent, "model": model, "conversation_id": conversation_id},
    )
    return await _answer(request, server, principal, asked, SSE)


async def _read(request: Request, server: Context, conversation_id: str | None) -> ChatRequest:
    """The body; the conversation may be named in a header instead."""
    fields = parse_object(await read_body(request, server.body))
    if fields.get("conversation_id") is None:
        fields["conversation_id"] = conversation_id
    return validate(ChatRequest, fields)


async def _answer(
    request: Request,
    server: Context,
    principal: str,
    asked: ChatRequest,
    default: str,
    key: str | None = None,
) -> Response:
    """Start the run that was asked for, and answer in the form that was asked for."""
    media_type = negotiate(request.headers.get("accept"), default) if asked.stream else JSON
    once = None if key is None else Once.of(key, principal, asked.model_dump_json())
    policy = Policy(
        timeouts=_timeouts(asked, server.timeouts),
        on_disconnect=_leaving(asked, media_type, once),
        on_busy=asked.on_busy,
        grace=server.grace,
    )
    conversation = asked.conversation_id
    record, found = await ask(
        server, principal, _question(asked), policy, conversation_id=conversation, once=once
    )
    headers = {"Idempotent-Replayed": "true"} if found else {}
    if asked.background:
        url = server.tickets.address(record.run_id, principal).stream_url
        started = RunStarted(
            run_id=record.run_id, conversation_id=record.conversation_id, stream_url=url
        )
        headers |= {**named(record), "Location": url}
        return Response(msgspec.json.encode(started), 202, headers, media_type=JSON)
    follower = await server.runs.follow(record.run_id, 0, principal=principal)
    if asked.stream:
        return stream(server, follower, media_type, headers=headers)
    return WholeAnswer(follower, headers)


def _question(asked: ChatRequest) -> Question:
    stop = asked.options.stop
    history = asked.messages
    return Question(
        message=asked.message or "",
        agent=asked.agent,
        model=asked.model,
        history=None if history is None else [PastMessage(m.role, m.content) for m in history],
        images=[Picture(**picture(image)) for image in asked.images],
        options=ModelOptions(
            **asked.options.model_dump(exclude={"stop"}),
            stop=[stop] if isinstance(stop, str) else stop,
        ),
    )


def _leaving(asked: ChatRequest, media_type: str, once: Once | None) -> OnDisconnect:
    """What a reader's leaving means: forms that cannot be resumed have no one to wait for, unless
    the question may come again."""
    if asked.background:
        return "continue"
    if asked.on_disconnect is not None:
        return asked.on_disconnect
    return "cancel" if media_type in (TEXT, JSON) and once is None else "grace"


def _timeouts(asked: ChatRequest, bounds: Timeouts) -> Timeouts:
    chosen = {
        name: value for name, value in asked.timeouts.model_dump().items() if value is not None
    }
    for name, value in chosen.items():
        if value > getattr(bounds, name):
            raise InvalidField(
                f"timeouts.{name}: at most {getattr(bounds, name):g} s on this server",
                bound=getattr(bounds, name),
            )
    return msgspec.structs.replace(bounds, **chosen)
