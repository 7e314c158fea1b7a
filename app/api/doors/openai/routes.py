"""The routes of OpenAI's API."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response

from ....core.log.follower import Follower
from ....core.log.journal import Entry
from ...context import Context, Principal, Server
from ...ignored import ignored_fields
from ...media_links import MediaLinks
from ...names import resolve
from ...requests import read_mended, validate
from ...starting import start_with_history
from ...streaming import RunStream
from ...vectors import vectors
from ...whole_answer import WholeAnswer
from .embeddings import EmbeddingsRequest, embeddings
from .encoder import OpenAIEncoder, completion
from .errors import refusal
from .requests import CompletionRequest
from .text_completions import TextAnswer, TextCompletionEncoder, TextRequest

JSON = "application/json"
OWNER = "agno-stream"
ConversationHeader = Annotated[str | None, Header(alias="X-Conversation-Id")]

#: OpenAI publishes its own documentation, so the OpenAPI document has the native door only.
router = APIRouter(prefix="/v1", include_in_schema=False)


class ModelCard(msgspec.Struct):
    id: str
    object: str
    created: int
    owned_by: str


@router.get("/models")
async def models(server: Server) -> Response:
    """List the agents and models that a request can name."""
    cards = {card.id: card for card in reversed(list(_cards(server)))}
    return _json({"object": "list", "data": list(cards.values())[::-1]})


@router.get("/models/{name:path}")
async def model(name: str, server: Server) -> Response:
    """Describe the agent or model with this name, which may contain `/` and `:`."""
    resolve(server, name)
    since = int(server.since.timestamp())
    known = {card.id: card for card in reversed(list(_cards(server)))}
    return _json(known.get(name) or ModelCard(name, "model", since, OWNER))


@router.post("/chat/completions")
async def chat_completions(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer the last message of a conversation, as a stream or as one object.

    The client keeps the history; the server stores question and answer only if the request names a
    conversation in the header `X-Conversation-Id`.
    """
    fields = await read_mended(request, server.body)
    body = validate(CompletionRequest, fields)
    target = resolve(server, body.model)
    follower, links = await start_with_history(
        request, server, principal, body, target, conversation_id
    )
    record = follower.record
    headers = ignored_fields(CompletionRequest, fields, native=False)
    if not body.stream:
        return CompletionAnswer(follower, body.model, links, headers)
    encoder = OpenAIEncoder(
        record.run_id,
        body.model,
        record.created_at,
        include_usage=body.include_usage,
        links=links,
    )
    return RunStream(
        follower, encoder, refusal=refusal, heartbeat=server.heartbeat, headers=headers
    )


@router.post("/completions")
async def completions(
    request: Request,
    server: Server,
    principal: Principal,
    conversation_id: ConversationHeader = None,
) -> Response:
    """Answer a prompt with a text, as a stream or as one object."""
    fields = await read_mended(request, server.body)
    body = validate(TextRequest, fields)
    target = resolve(server, body.model)
    follower, links = await start_with_history(
        request, server, principal, body, target, conversation_id
    )
    headers = ignored_fields(TextRequest, fields, native=False)
    if not body.stream:
        return TextAnswer(follower, body, links, headers)
    encoder = TextCompletionEncoder(follower.record, body, links)
    return RunStream(
        follower, encoder, refusal=refusal, heartbeat=server.heartbeat, headers=headers
    )


@router.post("/embeddings")
async def make_embeddings(request: Request, server: Server, principal: Principal) -> Response:
    """Return the vectors of texts, if the server has a model for them."""
    fields = await read_mended(request, server.body)
    server.models.embedder.check_configured()
    body = validate(EmbeddingsRequest, fields)
    found = await vectors(server, principal, body.model, body.texts, body.dimensions)
    headers = ignored_fields(EmbeddingsRequest, fields, native=False)
    return Response(embeddings(found, body), headers=headers, media_type=JSON)


class CompletionAnswer(WholeAnswer):
    """The response with the whole answer as one JSON object, or an error if the run failed."""

    def __init__(
        self, follower: Follower, name: str, links: MediaLinks, headers: Mapping[str, str]
    ) -> None:
        super().__init__(follower, headers, links=links, refusal=refusal)
        self._name = name

    def _json(self, entries: list[Entry]) -> bytes:
        answer, record = self._folded(entries), self._follower.record
        name = self._name if answer.model == record.model else answer.model
        return completion(answer, name, record.created_at)


def _cards(server: Context) -> Iterator[ModelCard]:
    since = int(server.since.timestamp())
    for agent in server.agents.entries:
        yield ModelCard(agent, "model", since, OWNER)
    for entry in server.models.entries:
        yield ModelCard(entry.id, "model", since, entry.provider)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)
