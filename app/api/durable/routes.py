"""The address of a run's stream: `GET` reads it once, waits for more, or follows it; `HEAD` returns
how far it goes.

See docs/decisions/063-durable-streams-is-a-resource-of-a-run.md.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ...core.errors import BadRequest
from ...core.log.follower import Follower
from ...models.numbers import event_number
from ..context import Context, Principal, Server
from ..reading import Reading, run_headers
from .cursors import next_cursor
from .description import DESCRIPTION
from .events import EventsStream
from .offsets import NOW, START, Offset, parse_offset
from .pages import Page, read, wait

JSON = "application/json"
PATH = "/api/v1/runs/{run_id}/stream"

#: A page that never changes may be kept for a while by the client's own cache.
CACHED = "private, max-age=60, stale-while-revalidate=300"

LIVE = ("long-poll", "sse")

router = APIRouter(tags=["runs"])


@router.head(PATH, include_in_schema=False)
async def stream_head(run_id: str, server: Server, principal: Principal) -> Response:
    """Return how far the stream goes, whether it is closed, and for how long it is kept."""
    offset, closed = await _tail(server, run_id, principal)
    headers = {"Stream-Next-Offset": str(offset), "Stream-TTL": str(int(server.retention))}
    if closed:
        headers["Stream-Closed"] = "true"
    return Response(media_type=JSON, headers={**headers, "Cache-Control": "no-store"})


@router.get(PATH, summary="Read a run as a durable stream", **DESCRIPTION)
async def read_stream(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    offset: Annotated[
        str | None,
        Query(
            description="Where to begin: `-1` (the start, also if absent), `now`, or a "
            "`Stream-Next-Offset`."
        ),
    ] = None,
    live: Annotated[
        str | None,
        Query(
            description="`long-poll` waits if there is nothing new; `sse` streams. Both need an "
            "`offset`."
        ),
    ] = None,
    cursor: Annotated[
        str | None, Query(description="The last `Stream-Cursor` that was received.")
    ] = None,
) -> Response:
    """Return the chunks of a run after an offset, by the protocol Durable Streams."""
    _check(request, live, offset)
    if offset == NOW:
        position, _ = await _tail(server, run_id, principal)
    else:
        position = parse_offset(START if offset is None else offset)
    follower = await server.runs.follow(
        run_id, position.number, principal=principal, saw_end=position.saw_end
    )
    try:
        await follower.ended()  # raises what has a status of its own
    except BaseException:
        follower.close()
        raise
    if live == "sse":
        return EventsStream(follower, position, next_cursor(cursor), heartbeat=server.heartbeat)
    seconds = server.heartbeat if live else None
    page = await _page(request, follower, position, seconds)
    headers = run_headers(follower.record) | _position(page)
    if live:
        return _polled(page, headers, cursor)
    return _caught_up(request, run_id, position, page, headers, now=offset == NOW)


def _check(request: Request, live: str | None, offset: str | None) -> None:
    if len(request.query_params.getlist("offset")) > 1:
        raise BadRequest("offset: must be sent once")
    if live is not None and live not in LIVE:
        raise BadRequest("live: must be 'long-poll', 'sse' or absent")
    if live is not None and offset is None:
        raise BadRequest("offset: is required with 'live'")


async def _tail(server: Context, run_id: str, principal: str) -> tuple[Offset, bool]:
    """Return the offset behind the newest entry, and whether the run has ended."""
    with await server.runs.follow(run_id, 0, principal=principal) as follower:
        newest = await follower.newest()
        number = event_number(newest.number, follower.recoveries)
    return Offset(number, saw_end=newest.interrupted), newest.ended


async def _page(
    request: Request, follower: Follower, position: Offset, seconds: float | None
) -> Page:
    """Return what follows now; with `seconds` wait so long for it if nothing does yet.

    The follower is closed.
    """
    async with Reading(follower, request.receive) as gone:
        entries = await read(follower)
        if seconds is not None and not entries:
            entries = await wait(follower, gone, seconds)
        return await Page.behind(position, follower, entries)


def _position(page: Page) -> dict[str, str]:
    headers = {"Stream-Next-Offset": str(page.offset)}
    if page.up_to_date:
        headers["Stream-Up-To-Date"] = "true"
    if page.closed:
        headers["Stream-Closed"] = "true"
    return headers


def _polled(page: Page, headers: dict[str, str], cursor: str | None) -> Response:
    """Return the response to `live=long-poll`: 204 if nothing came."""
    headers["Cache-Control"] = "no-store"
    if not page.closed:
        headers["Stream-Cursor"] = next_cursor(cursor)
    if not page.entries:
        return Response(status_code=204, headers=headers)
    return Response(page.body, media_type=JSON, headers=headers)


def _caught_up(
    request: Request,
    run_id: str,
    position: Offset,
    page: Page,
    headers: dict[str, str],
    *,
    now: bool,
) -> Response:
    """Return the response without `live`: 304 if the client has the page already.

    The tag of a page changes when the stream is closed, as its headers do.
    """
    tag = f'"{run_id}:{position}:{page.offset}{":c" if page.closed else ""}"'
    headers |= {"ETag": tag, "Vary": "Authorization"}
    headers["Cache-Control"] = "private, no-cache"
    if now:
        headers["Cache-Control"] = "no-store"
    elif page.closed or not page.up_to_date:
        headers["Cache-Control"] = CACHED
    known = request.headers.get("if-none-match", "")
    if tag in {one.strip().removeprefix("W/") for one in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type=JSON, headers=headers)
