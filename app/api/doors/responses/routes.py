"""The routes of the Responses API."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, TypedDict

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from ....core.runs.run import OnDisconnect, Policy
from ...context import Context, Principal, Server
from ...media_links import MediaLinks
from ...names import Target, resolve
from ...reading import run_headers
from ...requests import parse_object, read_body, validate
from ...starting import IdempotencyKey, start_in_background, start_or_replay
from ...streaming import RunStream
from .answer import JSON, ResponseAnswer, json_response
from .encoder import ResponsesEncoder
from .errors import refusal
from .input import messages_of, read_items
from .listing import page
from .passed_over import passed_over
from .reading import find, input_items, whole_response
from .requests import ResponseRequest, raw_items
from .resource import response_id, run_id_of, stored_request
from .thread import thread_of

#: OpenAI publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/v1/responses", include_in_schema=False)


class Further(TypedDict):
    """What a run is started with besides its question and its policy."""

    conversation_id: str | None
    key: IdempotencyKey | None
    request: str | None


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
    fields = parse_object(await read_body(request, server.body))
    body = validate(ResponseRequest, fields)
    target = resolve(server, body.model) if body.model is not None else Target()
    thread = await thread_of(server, principal, body, raw_items(fields))
    question = body.question(
        target,
        thread.messages,
        before=messages_of(read_items(thread.before)),
        continues=thread.continues,
        user=thread.user,
    )
    key = None
    if idempotency_key is not None:
        key = IdempotencyKey.of(
            idempotency_key, principal, body.model_dump_json(exclude_defaults=True)
        )
    wanted = body.repeated(thread.stored, thread.before, thread.follows)
    if server_tools is not None:
        wanted.hosted = server_tools == "mcp_call"
    policy = Policy(server.timeouts, on_disconnect=_on_disconnect(body, key), grace=server.grace)
    further: Further = {
        "conversation_id": thread.conversation_id,
        "key": key,
        "request": msgspec.json.encode(wanted).decode() if body.kept else None,
    }
    headers = passed_over(body, fields)
    if body.background and not body.stream:
        started, _ = await start_in_background(server, principal, question, policy, **further)
        return await _current(request, server, principal, started.run_id, headers)
    follower, _ = await start_or_replay(server, principal, question, policy, **further)
    record = follower.record
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


def _on_disconnect(body: ResponseRequest, key: IdempotencyKey | None) -> OnDisconnect:
    """Return what happens to the run when its last reader leaves.

    A run in the background continues. The reader of a stream that is kept may return, and so may
    one with an idempotency key: the run waits. Any other run is cancelled.
    """
    if body.background:
        return "continue"
    return "grace" if (body.stream and body.kept) or key is not None else "cancel"
