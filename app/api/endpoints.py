"""The native door: chat as SSE, NDJSON, plain text and JSON, and the runs behind it."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from app.api import openapi
from app.api.context import Context, Principal, Server
from app.api.protocols.native import encoder_for, negotiate, parse_event_id, saw_end
from app.api.requests import (
    ChatRequest,
    parse_object,
    picture,
    read_body,
    validate,
)
from app.api.streaming import RunStream, WholeAnswer
from app.api.tickets import StreamTicket
from app.core.clock import Timeouts
from app.core.errors import InvalidField
from app.core.follow import Follower
from app.core.journals import RunRecord
from app.core.options import ModelOptions
from app.core.question import PastMessage, Picture, Question
from app.core.run import OnDisconnect, Policy, Run
from app.core.runs import new_id
from app.models.chat import LiveRun, LiveRuns, RunStarted, RunState

SSE = "text/event-stream"
TEXT = "text/plain"
JSON = "application/json"

router = APIRouter(tags=["chat"])

LastEventId = Annotated[
    str | None,
    Header(description="`<run_id>:<n>`: go on after this event. Browsers send it by themselves."),
]
ConversationHeader = Annotated[
    str | None, Header(alias="X-Conversation-Id", description="Continues this conversation.")
]


@router.post("/api/v1/chat", **openapi.CHAT)
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
) -> Response:
    """Ask an agent. Streams Server-Sent Events unless `Accept` or the body says otherwise."""
    asked = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, asked, SSE)


@router.post("/chat", **openapi.CHAT)
async def short_chat(
    request: Request,
    server: Server,
    principal: Principal,
    x_conversation_id: ConversationHeader = None,
) -> Response:
    """Ask an agent, the short way: streams plain text unless `Accept` says otherwise."""
    asked = await _read(request, server, x_conversation_id)
    return await _answer(request, server, principal, asked, TEXT)


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
        run_id, after = parse_event_id(last_event_id)
        follower = await server.runs.follow(
            run_id, after, principal=principal, saw_end=saw_end(last_event_id)
        )
        return await _resumed(request, server, follower)
    asked = validate(
        ChatRequest,
        {"message": message, "agent": agent, "model": model, "conversation_id": conversation_id},
    )
    return await _answer(request, server, principal, asked, SSE)


@router.get("/api/v1/runs", response_model=None, **openapi.LIVE_RUNS)
async def live_runs(
    server: Server, principal: Principal, conversation_id: str | None = None
) -> Response:
    """The runs that have not ended, so that whoever comes later can watch them."""
    live = await server.runs.of(principal, conversation_id)
    body = LiveRuns([_live(server, record, running=running) for record, running in live])
    return Response(msgspec.json.encode(body), media_type=JSON)


@router.get("/api/v1/runs/{run_id}", response_model=None, **openapi.RUN_STATE)
async def run_state(run_id: str, server: Server, principal: Principal) -> Response:
    """What a run has said so far, and whether it has ended."""
    return _json(await server.runs.state(run_id, principal=principal))


@router.get("/api/v1/runs/{run_id}/events", **openapi.RUN_EVENTS)
async def run_events(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    last_event_id: LastEventId = None,
    after: Annotated[str | None, Query(description="As `Last-Event-ID`, or its number.")] = None,
    pace: Annotated[
        str | None, Query(description="`original` replays with the delays of the recording.")
    ] = None,
) -> Response:
    """Replay a run from any event, and follow it while it goes on."""
    if pace not in (None, "original"):
        raise InvalidField("pace: must be 'original' or absent")
    place = last_event_id or after
    number = parse_event_id(place, run_id)[1] if place else 0
    follower = await server.runs.follow(
        run_id, number, principal=principal, saw_end=saw_end(place or "")
    )
    return await _resumed(request, server, follower, pace=pace == "original")


@router.post("/api/v1/runs/{run_id}/ticket", response_model=None, **openapi.TICKET)
async def ticket(run_id: str, server: Server, principal: Principal) -> Response:
    """An address of the run's events for a browser's `EventSource`, which can send no key."""
    await server.runs.record(run_id, principal)
    return _json(server.tickets.address(run_id, principal))


@router.post("/api/v1/runs/{run_id}/cancel", response_model=None, **openapi.RUN_STATE)
async def cancel(run_id: str, server: Server, principal: Principal) -> Response:
    """Stop a run; answers when it has ended, with its state. An ended run is left as it is."""
    return _json(await server.runs.cancel(run_id, principal=principal))


async def _read(request: Request, server: Context, conversation_id: str | None) -> ChatRequest:
    """The body; the conversation may be named in a header instead."""
    fields = parse_object(await read_body(request, server.body))
    if fields.get("conversation_id") is None:
        fields["conversation_id"] = conversation_id
    return validate(ChatRequest, fields)


async def _answer(
    request: Request, server: Context, principal: str, asked: ChatRequest, default: str
) -> Response:
    """Start the run that was asked for, and answer in the form that was asked for."""
    media_type = negotiate(request.headers.get("accept"), default) if asked.stream else JSON
    run = await _start(server, principal, asked, _leaving(asked, media_type))
    record = run.record
    headers = {"X-Run-Id": record.run_id, "X-Conversation-Id": record.conversation_id}
    if asked.background:
        url = server.tickets.address(record.run_id, principal).stream_url
        started = RunStarted(
            run_id=record.run_id, conversation_id=record.conversation_id, stream_url=url
        )
        body = msgspec.json.encode(started)
        return Response(body, 202, headers | {"Location": url}, media_type=JSON)
    follower = await server.runs.follow(record.run_id, 0, principal=principal)
    if asked.stream:
        return _stream(server, follower, media_type)
    return WholeAnswer(follower, headers)


async def _start(
    server: Context, principal: str, asked: ChatRequest, on_disconnect: OnDisconnect
) -> Run:
    run_id, conversation_id = new_id(), asked.conversation_id or new_id()
    stop = asked.options.stop
    history = asked.messages
    question = Question(
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
    turn = server.service.prepare(
        question, run_id=run_id, conversation_id=conversation_id, principal=principal
    )
    policy = Policy(
        timeouts=_timeouts(asked, server.timeouts),
        on_disconnect=on_disconnect,
        on_busy=asked.on_busy,
        grace=server.grace,
    )
    return await server.runs.start(
        turn, policy, run_id=run_id, conversation_id=conversation_id, principal=principal
    )


def _leaving(asked: ChatRequest, media_type: str) -> OnDisconnect:
    """What a reader's leaving means: forms that cannot be resumed have no one to wait for."""
    if asked.background:
        return "continue"
    if asked.on_disconnect is not None:
        return asked.on_disconnect
    return "cancel" if media_type in (TEXT, JSON) else "grace"


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


async def _resumed(
    request: Request, server: Context, follower: Follower, *, pace: bool = False
) -> Response:
    """Follow on from an event; 204 if it was the last one of its run."""
    try:
        ended = await follower.ended()
    except BaseException:
        follower.close()
        raise
    if ended:
        follower.close()
        return Response(status_code=204)
    media_type = negotiate(request.headers.get("accept"), SSE)
    return _stream(server, follower, media_type, pace=pace)


def _stream(
    server: Context, follower: Follower, media_type: str, *, pace: bool = False
) -> Response:
    record = follower.record
    return RunStream(
        follower,
        encoder_for(media_type, record.run_id, record.model),
        heartbeat=server.heartbeat,
        headers={"X-Run-Id": record.run_id, "X-Conversation-Id": record.conversation_id},
        pace=pace,
    )


def _live(server: Context, record: RunRecord, *, running: bool) -> LiveRun:
    return LiveRun(
        run_id=record.run_id,
        conversation_id=record.conversation_id,
        stream_url=server.tickets.address(record.run_id, record.principal).stream_url,
        status="running" if running else "queued",
        question=record.question or "",
        agent=record.agent,
        model=record.model,
        created_at=record.created_at,
    )


def _json(told: RunState | StreamTicket) -> Response:
    return Response(msgspec.json.encode(told), media_type=JSON)
