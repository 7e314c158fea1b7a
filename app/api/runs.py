"""Runs in the native API: list, read, follow from any event, cancel."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from ..core.errors import InvalidField
from ..core.log.journal import RunRecord
from ..models.chat import LiveRun, LiveRuns, RunState
from . import route_docs
from .addresses import with_prefix
from .context import Context, Principal, Server
from .doors.native.following import JSON, LastEventId, resume
from .tickets import StreamTicket

router = APIRouter(tags=["runs"])


#: What a list of runs may be limited to.
STATUSES = frozenset({"queued", "running", "paused"})


@router.get("/api/v1/runs", summary="List runs", response_model=None, **route_docs.LIVE_RUNS)
async def live_runs(
    server: Server,
    principal: Principal,
    conversation_id: Annotated[
        str | None, Query(description="List only the runs of this conversation.")
    ] = None,
    status: Annotated[
        str,
        Query(
            description="Which runs, separated by commas: `queued`, `running`, and `paused`, which "
            "are those that wait for a person. An approver sees the paused runs of all principals."
        ),
    ] = "queued,running",
) -> Response:
    """List the principal's runs that have not ended, oldest first; with `status=paused` those that
    wait for a decision."""
    wanted = {name.strip() for name in status.split(",")}
    if not wanted <= STATUSES:
        raise InvalidField(f"status: must be some of {', '.join(sorted(STATUSES))}")
    found: list[LiveRun] = []
    if wanted & {"queued", "running"}:
        for record, running in await server.runs.list_active(principal, conversation_id):
            run = _live(server, record, "running" if running else "queued")
            found += [run] if run.status in wanted else []
    if "paused" in wanted:
        for record, requirements in await server.inbox.waiting(principal, conversation_id):
            run = _live(server, record, "paused")
            run.requirements = requirements
            run.principal = record.principal if server.inbox.approves(principal) else None
            found.append(run)
    found.sort(key=lambda run: run.created_at)
    return Response(msgspec.json.encode(LiveRuns(found)), media_type=JSON)


@router.get(
    "/api/v1/runs/{run_id}", summary="Read a run", response_model=None, **route_docs.RUN_STATE
)
async def run_state(run_id: str, server: Server, principal: Principal) -> Response:
    """Return the current state of a run: its status, and its text so far."""
    state = await server.runs.state(run_id, principal=principal)
    return _json(await server.inbox.mark(state))


@router.get("/api/v1/runs/{run_id}/events", summary="Follow a run", **route_docs.RUN_EVENTS)
async def run_events(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    last_event_id: LastEventId = None,
    after: Annotated[
        str | None,
        Query(description="The same as `Last-Event-ID`: an event id, or only its number."),
    ] = None,
    pace: Annotated[
        str | None,
        Query(description="`original` sends the events at the speed at which they were recorded."),
    ] = None,
) -> Response:
    """Send the events of a run, from its beginning or after an event id, until the run ends."""
    if pace not in (None, "original"):
        raise InvalidField("pace: must be 'original' or absent")
    event_id = last_event_id or after or ""
    return await resume(request, server, principal, run_id, event_id, pace=pace == "original")


@router.post(
    "/api/v1/runs/{run_id}/ticket",
    summary="Sign a stream address",
    response_model=None,
    **route_docs.TICKET,
)
async def ticket(run_id: str, server: Server, principal: Principal) -> Response:
    """Return a signed address of the run's events that needs no key.

    It is for a browser's `EventSource`, which cannot send an `Authorization` header.
    """
    await server.runs.record(run_id, principal)
    return _json(server.tickets.address(run_id, principal))


@router.post(
    "/api/v1/runs/{run_id}/cancel",
    summary="Cancel a run",
    response_model=None,
    **route_docs.RUN_STATE,
)
async def cancel(run_id: str, server: Server, principal: Principal) -> Response:
    """Cancel a run, wait until it has ended, and return its state.

    A run that has ended before is not changed.
    """
    state = await server.runs.cancel(run_id, principal=principal)
    return _json(await server.inbox.mark(state))


def _live(
    server: Context, record: RunRecord, status: Literal["queued", "running", "paused"]
) -> LiveRun:
    return LiveRun(
        run_id=record.run_id,
        conversation_id=record.conversation_id,
        stream_url=server.tickets.address(record.run_id, record.principal).stream_url,
        status=status,
        question=record.question or "",
        agent=record.agent,
        model=record.model,
        created_at=record.created_at,
        replaces=record.replaces,
    )


def _json(body: RunState | StreamTicket) -> Response:
    return Response(with_prefix(msgspec.json.encode(body)), media_type=JSON)
