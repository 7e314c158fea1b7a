"""The routes of the Responses API."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from ...context import Context, Principal, Server
from ...media_links import MediaLinks
from ...reading import run_headers
from ...requests import read_mended, validate
from ...starting import IdempotencyKey
from ...streaming import RunStream
from .answer import JSON, ResponseAnswer, json_response
from .encoder import ResponsesEncoder
from .errors import refusal
from .listing import page
from .passed_over import passed_over
from .reading import find, input_items, whole_response
from .requests import ResponseRequest, raw_items
from .resource import response_id, run_id_of, stored_request
from .start import Start

#: OpenAI publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/v1/responses", include_in_schema=False)


KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]
#: The form of the agent's own tools in the output, if it is not to follow from the request.
FormHeader = Annotated[Literal["function_call", "mcp_call"] | None, Header(alias="X-Server-Tools")]


@router.post("")
async def create(
    request: Request,
    server: Server,
    principal: Principal,
    idempotency_key: KeyHeader = None,
    server_tools: FormHeader = None,
) -> Response:
    """Answer the items of a request, as a stream of events or as one object.

    The response is kept, unless the request has `store: false`. In the background the response is
    returned at once, and its run continues without readers.
    """
    fields = await read_mended(request, server.body)
    body = validate(ResponseRequest, fields)
    key = None
    if idempotency_key is not None:
        key = IdempotencyKey.of(
            idempotency_key, principal, body.model_dump_json(exclude_defaults=True)
        )
    start = Start(server, principal, body, raw_items(fields), key, server_tools)
    follower, wanted = await start.run()
    record = follower.record
    headers = passed_over(body, fields)
    if body.background and not body.stream:
        follower.close()
        return await _current(request, server, principal, record.run_id, headers)
    shown = stored_request(record) if record.request is not None else wanted
    links = MediaLinks(request, server.tickets, server.media, record)
    if not body.stream:
        return ResponseAnswer(follower, shown, links, headers)
    encoder = ResponsesEncoder(record, shown, held=not body.background, links=links)
    return RunStream(
        follower, encoder, refusal=refusal, heartbeat=server.heartbeat, headers=headers
    )


@router.get("/{name}")
async def retrieve(
    request: Request,
    name: str,
    server: Server,
    principal: Principal,
    stream: Annotated[bool, Query()] = False,
    starting_after: Annotated[int, Query(ge=-1)] = -1,
) -> Response:
    """Return a response as it is now, or its events after the one with the number
    `starting_after`."""
    record, log = await find(server, principal, name)
    links = MediaLinks(request, server.tickets, server.media, record)
    if not stream:
        return json_response(
            whole_response(record, log, stored_request(record), links), run_headers(record)
        )
    follower = await server.runs.follow(record.run_id, 0, principal=principal)
    encoder = ResponsesEncoder(record, stored_request(record), after=starting_after, links=links)
    return RunStream(follower, encoder, refusal=refusal, heartbeat=server.heartbeat)


@router.delete("/{name}")
async def delete(name: str, server: Server, principal: Principal) -> Response:
    """Delete a response, after a cancel if it is being written.

    Its turn leaves its conversation, too, unless the client has named the conversation: then that
    has the turn.
    """
    record, _ = await find(server, principal, name)
    await server.runs.cancel(record.run_id, principal=principal)
    if stored_request(record).conversation is None:
        await server.service.forget(record)
        await server.media.remove(record.run_id)
    await server.runs.delete(record.run_id, principal=principal)
    deleted = {"id": response_id(record.run_id), "object": "response", "deleted": True}
    return Response(msgspec.json.encode(deleted), media_type=JSON)


@router.post("/{name}/cancel")
async def cancel(request: Request, name: str, server: Server, principal: Principal) -> Response:
    """Cancel the run of a response, wait until it has ended, and return the response.

    A response that has ended before is not changed.
    """
    run_id = run_id_of(name)
    await server.runs.cancel(run_id, principal=principal)
    return await _current(request, server, principal, run_id)


@router.get("/{name}/input_items")
async def list_input_items(
    name: str,
    server: Server,
    principal: Principal,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
    after: Annotated[str | None, Query()] = None,
    before: Annotated[str | None, Query()] = None,
) -> Response:
    """List the items of the request of a response, a page at a time."""
    record, _ = await find(server, principal, name)
    items = input_items(record)
    body = page(items, limit=limit, order=order, after=after, before=before)
    return Response(msgspec.json.encode(body), media_type=JSON)


async def _current(
    request: Request,
    server: Context,
    principal: str,
    run_id: str,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    record, log = await server.runs.log_of(run_id, principal=principal)
    links = MediaLinks(request, server.tickets, server.media, record)
    found = whole_response(record, log, stored_request(record), links)
    return json_response(found, {**run_headers(record), **headers})
