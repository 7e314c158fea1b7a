"""The addresses of OpenAI's API."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response

from app.api.asking import ask
from app.api.context import Context, Principal, Server
from app.api.protocols.openai.encoder import OpenAIEncoder, completion
from app.api.protocols.openai.errors import refusal
from app.api.protocols.openai.requests import CompletionRequest, read_conversation
from app.api.requests import parse_object, read_body, validate
from app.api.streaming import RunStream, WholeAnswer
from app.core.errors import UnknownModel, failure_from
from app.core.follow import Follower
from app.core.journals import Entry
from app.core.run import Policy

JSON = "application/json"
OWNER = "agno-stream"
ConversationHeader = Annotated[str | None, Header(alias="X-Conversation-Id")]

#: OpenAI publishes a description of its own; ours has the native door only.
router = APIRouter(prefix="/v1", include_in_schema=False)


class ModelCard(msgspec.Struct):
    id: str
    object: str
    created: int
    owned_by: str


@router.get("/models")
async def models(server: Server) -> Response:
    """The agents and the models that may be asked, by the names they are asked by."""
    cards = {card.id: card for card in reversed(list(_cards(server)))}
    return _json({"object": "list", "data": list(cards.values())[::-1]})


@router.get("/models/{name:path}")
async def model(name: str, server: Server) -> Response:
    """One of them; names may hold `/` and `:`."""
    _named(server, name)
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
    """Answer the messages. The client has the history; a conversation that it names is kept
    here besides."""
    fields = parse_object(await read_body(request, server.body))
    asked = validate(CompletionRequest, fields)
    kept = read_conversation(conversation_id)
    agent, model = _named(server, asked.model)
    run, _ = await ask(
        server,
        principal,
        asked.question(agent, model, kept=kept is not None),
        Policy(server.timeouts, on_disconnect="cancel"),
        conversation_id=kept,
    )
    follower = await server.runs.follow(run.run_id, 0, principal=principal)
    if not asked.stream:
        return CompletionAnswer(follower, asked.model)
    encoder = OpenAIEncoder(
        run.run_id, asked.model, run.created_at, include_usage=asked.include_usage
    )
    return RunStream(follower, encoder, heartbeat=server.heartbeat, refusal=refusal)


class CompletionAnswer(WholeAnswer):
    """The answer as one object; one that is not whole is an error."""

    def __init__(self, follower: Follower, name: str) -> None:
        super().__init__(follower)
        self._name = name

    def _response(self, entries: list[Entry]) -> Response:
        error = entries[-1][1].error
        if error is not None:
            return refusal(failure_from(error), self._extra)
        answer, record = self._folded(entries), self._follower.record
        name = self._name if answer.model == record.model else answer.model
        body = completion(answer, name, record.created_at)
        return Response(body, headers=self._extra, media_type=JSON)


def _named(server: Context, name: str) -> tuple[str | None, str | None]:
    """The agent and the model that a name means: an agent, else a model, with which the default
    agent answers. Raises `UnknownModel`."""
    if name in server.agents.entries:
        return name, None
    if name != server.agents.find(None).model:
        try:
            server.models.find(name)
        except UnknownModel:
            known = list(dict.fromkeys(card.id for card in _cards(server)))
            raise UnknownModel(
                f"The model {name!r} does not exist here; there is {', '.join(known)}."
            ) from None
    return None, name


def _cards(server: Context) -> Iterator[ModelCard]:
    since = int(server.since.timestamp())
    for agent in server.agents.entries:
        yield ModelCard(agent, "model", since, OWNER)
    for entry in server.models.entries:
        yield ModelCard(entry.id, "model", since, entry.provider)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)
