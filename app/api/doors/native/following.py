"""The response that streams a run in a native format, from its beginning or an event id."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Header, Request, Response

from ....core.log.follower import Follower
from ...context import Context
from ...streaming import RunStream
from .encoder import encoder_for, negotiate
from .errors import error_response
from .event_ids import parse_event_id, saw_end

SSE = "text/event-stream"
JSON = "application/json"

LastEventId = Annotated[
    str | None,
    Header(
        description="The id of the last event that was received, `<run_id>:<n>`: the stream "
        "continues after it. Browsers send it by themselves when they reconnect."
    ),
]


async def resume(
    request: Request,
    server: Context,
    principal: str,
    run_id: str,
    event_id: str,
    *,
    pace: bool = False,
) -> Response:
    """Return the response that streams a run after an event id, or from its beginning if that is
    empty.

    The response is 204 if the event id is that of the run's last event: there is nothing left to
    send.
    """
    after = parse_event_id(event_id, run_id)[1] if event_id else 0
    follower = await server.runs.follow(
        run_id, after, principal=principal, saw_end=saw_end(event_id)
    )
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
    """Return the response that streams a run's entries from the follower's position in a native
    format."""
    record = follower.record
    return RunStream(
        follower,
        encoder_for(media_type, record.run_id, record.model, follower.recoveries),
        takes_back=media_type != "text/plain",
        refusal=error_response,
        heartbeat=server.heartbeat,
        headers=headers,
        pace=pace,
    )
