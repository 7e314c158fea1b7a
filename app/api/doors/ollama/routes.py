"""The addresses of Ollama's API."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request, Response

from ....core.errors import (
    BadRequest,
    ModelBadResponse,
    failure_from,
)
from ....core.log.follower import Follower
from ....core.log.journal import Entry
from ....core.runs.run import Policy
from ...context import Context, Principal, Server
from ...media_links import MediaLinks
from ...requests import read_conversation_id
from ...starting import start_or_replay
from ...streaming import RunStream, WholeAnswer
from . import names
from .encoder import Form, OllamaEncoder, whole
from .errors import JSON, failure, refusal
from .requests import (
    ChatRequest,
    GenerateRequest,
    NameRequest,
    read,
)

WEIGHTS = (
    "this server puts agents behind Ollama's API and keeps no model weights, so it cannot {}; "
    "its models are set where it is started (MODEL, MODELS, AGENTS)"
)
ConversationHeader = Annotated[str | None, Header(alias="X-Conversation-Id")]


#: Ollama publishes a description of its own; ours has the native door only.
router = APIRouter(include_in_schema=False)


@router.head("/api/version")
@router.get("/api/version")
async def version() -> Response:
    return _json({"version": names.VERSION})


@router.head("/api/tags")
@router.get("/api/tags")
async def tags(server: Server) -> Response:
    """The agents and the models that may be asked."""
    return _json({"models": [names.tag(n, server.since) for n in names.everything(server)]})


@router.get("/api/ps")
async def ps(server: Server) -> Response:
    """The same: all of them are loaded, since there is nothing to load."""
    return _json({"models": [names.loaded(n, server.since) for n in names.everything(server)]})


@router.post("/api/show")
async def show(request: Request, server: Server) -> Response:
    asked = await read(request, NameRequest, server.body)
    if not asked.model:
        raise BadRequest("model is required")
    return _json(names.shown(names.find(server, asked.model), server.since))


@router.post("/api/generate")
async def generate(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer a prompt; an empty one loads the model, or unloads it."""
    asked = await read(request, GenerateRequest, server.body)
    empty = not asked.prompt and not asked.images
    return await _answer(request, server, principal, asked, conversation_id, empty=empty)


@router.post("/api/chat")
async def chat(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer the last of the messages; none at all loads the model, or unloads it."""
    asked = await read(request, ChatRequest, server.body)
    if not asked.model:
        raise BadRequest("model is required")
    return await _answer(
        request, server, principal, asked, conversation_id, empty=not asked.messages
    )


def _no_weights(path: str, method: str, what: str) -> None:
    """A route of those that manage weights, or that no agent can serve."""

    async def sorry() -> Response:
        return Response(failure(WEIGHTS.format(what)), 501, media_type=JSON)

    router.add_api_route(path, sorry, methods=[method])


for _path, _method, _what in (
    ("/api/pull", "POST", "pull a model"),
    ("/api/push", "POST", "push a model"),
    ("/api/create", "POST", "create a model"),
    ("/api/copy", "POST", "copy a model"),
    ("/api/delete", "DELETE", "delete a model"),
    ("/api/embed", "POST", "make embeddings"),
    ("/api/embeddings", "POST", "make embeddings"),
    ("/api/blobs/{digest}", "HEAD", "keep blobs"),
    ("/api/blobs/{digest}", "POST", "keep blobs"),
):
    _no_weights(_path, _method, _what)


async def _answer(
    request: Request,
    server: Context,
    principal: str,
    asked: GenerateRequest | ChatRequest,
    conversation: str | None,
    *,
    empty: bool,
) -> Response:
    """Start the run that was asked for, and answer as it was asked for.

    The client has the history. A conversation that it names is kept here besides.
    """
    named = names.find(server, asked.model)
    form = Form(asked.model, chat=isinstance(asked, ChatRequest), thinks=asked.think is not False)
    if empty:
        reason = "unload" if asked.unloads else "load"
        return _json(form.line("", done=True, done_reason=reason))
    kept = read_conversation_id(conversation)
    follower, _ = await start_or_replay(
        server,
        principal,
        asked.question(named.agent, named.model, remembered=kept is not None),
        Policy(server.timeouts, on_disconnect="cancel"),
        conversation_id=kept,
    )
    form.links = MediaLinks(request, server.tickets, server.media, follower.record)
    if not asked.stream:
        return OllamaAnswer(follower, form)
    return RunStream(follower, OllamaEncoder(form), refusal=refusal, heartbeat=server.heartbeat)


class OllamaAnswer(WholeAnswer):
    """The answer as one object; one that is not whole is an error."""

    def __init__(self, follower: Follower, form: Form) -> None:
        super().__init__(follower)
        self._form = form

    def _response(self, entries: list[Entry]) -> Response:
        error = entries[-1][1].error
        if error is not None:
            return refusal(failure_from(error), self._extra)
        try:
            body = whole(self._form, entries)
        except ModelBadResponse as broken:
            return refusal(broken, self._extra)
        return Response(body, headers=self._extra, media_type=JSON)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)
