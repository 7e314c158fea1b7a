"""The routes for pages that use Vercel's AI SDK."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from ....core.log.follower import Follower
from ....core.log.journal import RunRecord
from ...context import Context, Principal, Server
from ...ignored import ignored_fields
from ...media_links import MediaLinks
from ...requests import read_mended, validate
from ...streaming import RunStream
from .encoder import AiSdkEncoder
from .errors import STREAM_HEADERS, refusal
from .requests import ChatRequest, conversation_of
from .start import Start, earlier_runs

#: Vercel publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/ai/chat", include_in_schema=False)


#: The version of the SDK from which on pages know the chunk `reset-step`.
RESETS = 7

#: The version of the page's SDK. Nothing in its requests says it, so that the page names it.
Sdk = Annotated[str | None, Query()]


class Stopped(msgspec.Struct):
    """The runs that were cancelled."""

    stopped: list[str]


@router.post("")
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    sdk: Sdk = None,
) -> Response:
    """Answer the last message of a page, as a UI message stream.

    The id of the chat is that of the conversation. A message of the assistant with answers on its
    calls goes on.
    """
    fields = await read_mended(request, server.body)
    body = validate(ChatRequest, fields)
    follower = await Start(server, principal, body, idempotency_key, fields).run()
    return await _stream(
        request,
        server,
        follower,
        sdk,
        joins=body.answered is not None,
        headers=ignored_fields(ChatRequest, fields, native=False),
    )


@router.get("/{chat_id:path}/stream")
async def resume(
    request: Request, chat_id: str, server: Server, principal: Principal, sdk: Sdk = None
) -> Response:
    """Replay and follow the message that is being written in a chat; 204 if there is none."""
    live = await _live(server, principal, chat_id)
    if not live:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    follower = await server.runs.follow(live[0].run_id, 0, principal=principal)
    return await _stream(request, server, follower, sdk, replay=True)


@router.delete("/{chat_id:path}/stream")
@router.post("/{chat_id:path}/stop")
async def stop(chat_id: str, server: Server, principal: Principal) -> Response:
    """Cancel what is being written in a chat, wait until it has ended, and return the runs."""
    live = await _live(server, principal, chat_id)
    for record in reversed(live):  # else the next one would begin
        await server.runs.cancel(record.run_id, principal=principal)
    body = msgspec.json.encode(Stopped([record.run_id for record in live]))
    return Response(body, media_type="application/json")


async def _live(server: Context, principal: str, chat_id: str) -> list[RunRecord]:
    """The runs of a chat that have not ended: the one that is being answered, then the others."""
    found = await server.runs.list_active(principal, conversation_of(chat_id))
    return [record for record, _ in sorted(found, key=lambda run: not run[1])]


async def _stream(
    request: Request,
    server: Context,
    follower: Follower,
    sdk: str | None,
    *,
    replay: bool = False,
    joins: bool = False,
    headers: dict[str, str] | None = None,
) -> Response:
    record = follower.record
    try:
        earlier = await earlier_runs(server, record)
    except BaseException:
        follower.close()
        raise
    links = MediaLinks(request, server.tickets, server.media, record)
    encoder = AiSdkEncoder(
        record, earlier, replay=replay, joins=joins, resets=_resets(sdk), links=links
    )
    return RunStream(
        follower,
        encoder,
        refusal=refusal,
        heartbeat=server.heartbeat,
        headers={**STREAM_HEADERS, **(headers or {})},
        takes_back_to=encoder.takes_back,
    )


def _resets(sdk: str | None) -> bool:
    """Whether a page with this version of the SDK knows `reset-step`."""
    major = (sdk or "").partition(".")[0]
    return major.isascii() and major.isdigit() and int(major[:9]) >= RESETS
