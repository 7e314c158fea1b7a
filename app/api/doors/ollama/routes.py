"""The routes of Ollama's API."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request, Response

from ....core.errors import BadRequest
from ....core.log.follower import Follower
from ....core.log.journal import Entry
from ...context import Context, Principal, Server
from ...starting import start_with_history
from ...streaming import RunStream
from ...whole_answer import WholeAnswer
from . import embeddings, listings
from .encoder import Form, OllamaEncoder, complete_object
from .errors import JSON, failure, refusal
from .requests import (
    ChatRequest,
    GenerateRequest,
    NameRequest,
    read,
)

WEIGHTS = (
    "this server has agents and no model weights, so it cannot {}; "
    "its models are set when it is started (MODEL, MODELS, AGENTS)"
)
ConversationHeader = Annotated[str | None, Header(alias="X-Conversation-Id")]


#: Ollama publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(include_in_schema=False)
router.include_router(embeddings.router)


@router.head("/api/version")
@router.get("/api/version")
async def version() -> Response:
    return _json({"version": listings.VERSION})


@router.head("/api/tags")
@router.get("/api/tags")
async def tags(server: Server) -> Response:
    """List the agents and models that a request can name."""
    found = listings.list_all(server)
    return _json({"models": [listings.tags_entry(each, server.since) for each in found]})


@router.get("/api/ps")
async def ps(server: Server) -> Response:
    """List all agents and models as loaded, because the server has no weights to load."""
    found = listings.list_all(server)
    return _json({"models": [listings.ps_entry(each, server.since) for each in found]})


@router.post("/api/show")
async def show(request: Request, server: Server) -> Response:
    """Describe the agent or model that the request names."""
    body, _ = await read(request, NameRequest, server.body)
    if not body.model:
        raise BadRequest("model is required")
    listing = listings.find_listing(server, body.model)
    return _json(listings.show_response(listing, server.since))


@router.post("/api/generate")
async def generate(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer a prompt; a request without prompt and images only loads or unloads the model."""
    body, headers = await read(request, GenerateRequest, server.body)
    empty = not body.prompt and not body.images
    return await _answer(request, server, principal, body, conversation_id, headers, empty=empty)


@router.post("/api/chat")
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer the last message; a request without messages only loads or unloads the model."""
    body, headers = await read(request, ChatRequest, server.body)
    if not body.model:
        raise BadRequest("model is required")
    empty = not body.messages
    return await _answer(request, server, principal, body, conversation_id, headers, empty=empty)


def _no_weights(path: str, method: str, what: str) -> None:
    """Add a route for a feature that an agent server lacks, as pulling a model: it returns 501.

    `what` completes the message "it cannot …".
    """

    async def not_implemented() -> Response:
        return Response(failure(WEIGHTS.format(what)), 501, media_type=JSON)

    router.add_api_route(path, not_implemented, methods=[method])


for _path, _method, _what in (
    ("/api/pull", "POST", "pull a model"),
    ("/api/push", "POST", "push a model"),
    ("/api/create", "POST", "create a model"),
    ("/api/copy", "POST", "copy a model"),
    ("/api/delete", "DELETE", "delete a model"),
    ("/api/blobs/{digest}", "HEAD", "keep blobs"),
    ("/api/blobs/{digest}", "POST", "keep blobs"),
):
    _no_weights(_path, _method, _what)


async def _answer(
    request: Request,
    server: Context,
    principal: str,
    body: GenerateRequest | ChatRequest,
    conversation: str | None,
    headers: Mapping[str, str],
    *,
    empty: bool,
) -> Response:
    """Start a run and return its answer, as a stream or as one object.

    If `empty`, no run starts, and the response only reports the model as loaded or unloaded. The
    server stores question and answer only if the request names a conversation.
    """
    target = listings.find_target(server, body.model)
    form = Form(body.model, chat=isinstance(body, ChatRequest), thinks=body.think is not False)
    if empty:
        reason = "unload" if body.unloads else "load"
        return _json(form.line("", done=True, done_reason=reason))
    follower, form.links = await start_with_history(
        request, server, principal, body, target, conversation
    )
    if not body.stream:
        return OllamaAnswer(follower, form, headers)
    return RunStream(
        follower,
        OllamaEncoder(form),
        refusal=refusal,
        heartbeat=server.heartbeat,
        headers=headers,
    )


class OllamaAnswer(WholeAnswer):
    """The response with the whole answer as one JSON object, or an error if the run failed."""

    media_type = JSON

    def __init__(self, follower: Follower, form: Form, headers: Mapping[str, str]) -> None:
        super().__init__(follower, headers, refusal=refusal)
        self._form = form

    def _json(self, entries: list[Entry]) -> bytes:
        return complete_object(self._form, entries)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)
