"""The runs of the native door: listed, read, followed from any event, cancelled."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from app.api import openapi
from app.api.context import Context, Principal, Server
from app.api.protocols.native import encoder_for, negotiate, parse_event_id, saw_end
from app.api.streaming import RunStream
from app.api.tickets import StreamTicket
from app.core.errors import InvalidField
from app.core.follow import Follower
from app.core.journals import RunRecord
from app.models.chat import LiveRun, LiveRuns, RunState

SSE = "text/event-stream"
JSON = "application/json"

router = APIRouter(tags=["runs"])

LastEventId = Annotated[
    str | None,
    Header(description="`<run_id>:<n>`: go on after this event. Browsers send it by themselves."),
]


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
    place = last_event_id or after or ""
    return await resume(request, server, principal, run_id, place, pace=pace == "original")


@router.post("/api/v1/runs/{run_id}/ticket", response_model=None, **openapi.TICKET)
async def ticket(run_id: str, server: Server, principal: Principal) -> Response:
    """An address of the run's events for a browser's `EventSource`, which can send no key."""
    await server.runs.record(run_id, principal)
    return _json(server.tickets.address(run_id, principal))


@router.post("/api/v1/runs/{run_id}/cancel", response_model=None, **openapi.RUN_STATE)
async def cancel(run_id: str, server: Server, principal: Principal) -> Response:
    """Stop a run; answers when it has ended, with its state. An ended run is left as it is."""
    return _json(await server.runs.cancel(run_id, principal=principal))


async def resume(
    request: Request,
    server: Context,
    principal: str,
    run_id: str,
    place: str,
    *,
    pace: bool = False,
) -> Response:
    """Follow a run on from an event id, or from its beginning; 204 if that was its last event."""
    after = parse_event_id(place, run_id)[1] if place else 0
    follower = await server.runs.follow(run_id, after, principal=principal, saw_end=saw_end(place))
    try:
        ended = await follower.ended()
    except BaseException:
        follower.close()
        raise
    if ended:
        follower.close()
        return Response(status_code=204)
    media_type = negotiate(request.headers.get("accept"), SSE)
    return stream(server, follower, media_type, pace=pace)


def stream(
    server: Context,
    follower: Follower,
    media_type: str,
    *,
    headers: Mapping[str, str] | None = None,
    pace: bool = False,
) -> Response:
    """A run in one of the native forms."""
    record = follower.record
    return RunStream(
        follower,
        encoder_for(media_type, record.run_id, record.model),
        heartbeat=server.heartbeat,
        headers=headers,
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
