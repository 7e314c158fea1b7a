"""The routes of AG-UI: a run by POST, and any run again by GET."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from ....core.errors import BadEventId, BadRequest, UnknownRun
from ....core.log.follower import Follower
from ....core.log.journal import RunRecord
from ....core.log.reading import WholeLog
from ...context import Context, Principal, Server
from ...media_links import MediaLinks
from ...requests import read_mended, validate
from ...steady import numbered
from ...streaming import RunStream
from .cursor import START, Cursor, parse
from .encoder import AguiEncoder
from .errors import refusal
from .passed_over import passed_over
from .request import stored_request
from .requests import RunAgentInput
from .start import Start, key_of

#: AG-UI publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/agui", include_in_schema=False)

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]
Offset = Annotated[str | None, Query()]

#: TanStack AI's offsets: the beginning of a stream, and its end as it is now.
BEGINNING, NOW = "-1", "now"


@router.post("")
async def run(
    request: Request,
    server: Server,
    principal: Principal,
    last_event_id: LastEventId = None,
    offset: Offset = None,
) -> Response:
    """Run the default agent, or the one that `forwardedProps` names."""
    return await _run(request, server, principal, None, last_event_id or offset)


@router.post("/{agent:path}")
async def run_agent(
    request: Request,
    agent: str,
    server: Server,
    principal: Principal,
    last_event_id: LastEventId = None,
    offset: Offset = None,
) -> Response:
    """Run the agent in the address."""
    return await _run(request, server, principal, agent, last_event_id or offset)


@router.get("")
@router.get("/{agent:path}")
async def follow(
    request: Request,
    server: Server,
    principal: Principal,
    last_event_id: LastEventId = None,
    offset: Offset = None,
    run_id: Annotated[str | None, Query(alias="runId")] = None,
) -> Response:
    """Follow a run from its beginning, or from an event id; never start one.

    It is named by the id that the client has given it, or by the server's own. After the last event
    the response is 204, which stops a browser's `EventSource`.
    """
    position = last_event_id or offset or BEGINNING
    if run_id is None and position in (BEGINNING, NOW):
        raise BadRequest("runId is missing: which run is to be followed? A run starts by POST.")
    return await _resume(request, server, principal, run_id, position)


async def _run(
    request: Request, server: Context, principal: str, agent: str | None, position: str | None
) -> Response:
    fields = await read_mended(request, server.body)
    body = validate(RunAgentInput, fields)
    if position is not None and position != BEGINNING:  # a reader that was cut off sends it again
        return await _resume(request, server, principal, body.run_id, position)
    headers = passed_over(body, fields)  # before the run starts, since it looks at all media
    start = Start(server, principal, body, fields, agent or None)
    follower, replayed = await start.run()
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return _stream(request, server, follower, START, headers)


async def _resume(
    request: Request, server: Context, principal: str, name: str | None, position: str
) -> Response:
    """Return the response that continues a stream behind a position.

    Raises `BadEventId`, and `UnknownRun` if there is no such run of this principal.
    """
    if position in (BEGINNING, NOW):
        run_id, cursor = await _find(server, principal, name or ""), START
    else:
        run_id, cursor = parse(position)
        if name is not None and run_id not in (name, key_of(name, principal).run_id):
            raise BadEventId(f"Event id {position[:80]!r} belongs to another run, not to {name}.")
    record, log = await server.runs.log_of(run_id, principal=principal)
    if position == NOW:
        cursor = Cursor(entries=log.last)
    if request.method == "GET" and _is_read(record, log, cursor):
        return Response(status_code=204)
    return _stream(
        request, server, await server.runs.follow(run_id, 0, principal=principal), cursor
    )


def _is_read(record: RunRecord, log: WholeLog, cursor: Cursor) -> bool:
    """Whether a run has ended, and nothing of it is behind the cursor."""
    if not log.entries or not log.entries[-1][1].done:
        return False
    encoder = AguiEncoder(record, stored_request(record), cursor=cursor)
    return not any(encoder.encode(number, chunk) for number, chunk in numbered(record, log))


async def _find(server: Context, principal: str, name: str) -> str:
    """Return the id of a run by the name that the client has given it, or by its own."""
    found = key_of(name, principal).run_id
    try:
        await server.runs.record(found, principal)
    except UnknownRun:
        return name
    return found


def _stream(
    request: Request,
    server: Context,
    follower: Follower,
    cursor: Cursor,
    headers: Mapping[str, str] | None = None,
) -> Response:
    record = follower.record
    links = MediaLinks(request, server.tickets, server.media, record)
    return RunStream(
        follower,
        AguiEncoder(record, stored_request(record), cursor=cursor, links=links),
        refusal=refusal,
        heartbeat=server.heartbeat,
        headers=headers,
    )
