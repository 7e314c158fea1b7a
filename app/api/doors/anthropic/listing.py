"""`/v1/models` in Anthropic's shape. The path is OpenAI's as well: the header `anthropic-version`,
which Anthropic's clients always send, shows which of the two is meant.

See docs/decisions/062-the-anthropic-door-shows-text-thinking-and-the-clients-tools.md.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from ....core.errors import UnknownModel
from ...context import Context, Server
from ...encoding import encode_line
from ...names import resolve
from .errors import refusal, request_header

VERSION = b"anthropic-version"


class VersionedRoute(APIRoute):
    """A route that only requests with the header `anthropic-version` match."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if all(name != VERSION for name, _ in scope.get("headers", ())):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(route_class=VersionedRoute, include_in_schema=False)


class ModelCard(msgspec.Struct, tag_field="type", tag="model"):
    id: str
    display_name: str
    created_at: datetime
    lifecycle: str = "active"


class ModelPage(msgspec.Struct):
    data: list[ModelCard]
    has_more: bool
    first_id: str | None
    last_id: str | None


@router.get("/models")
async def models(
    server: Server,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    after_id: str | None = None,
    before_id: str | None = None,
) -> Response:
    """List a page of the agents and models that a request can name."""
    cards = list(_cards(server).values())
    ids = [card.id for card in cards]
    more = False
    if before_id in ids:
        cards = cards[: ids.index(before_id)]
        more, cards = len(cards) > limit, cards[-limit:]
    else:
        start = ids.index(after_id) + 1 if after_id in ids else 0
        more, cards = len(cards) > start + limit, cards[start : start + limit]
    first, last = (cards[0].id, cards[-1].id) if cards else (None, None)
    return json_response(ModelPage(cards, more, first, last))


@router.get("/models/{name:path}")
async def model(name: str, server: Server) -> Response:
    """Describe the agent or model with this name, which may contain `/` and `:`."""
    try:
        resolve(server, name)
    except UnknownModel as error:  # by its path alone the error would have OpenAI's shape
        return refusal(error)
    found = _cards(server).get(name) or ModelCard(name, name, server.since)
    return json_response(found)


def json_response(value: msgspec.Struct) -> Response:
    """Return an object of Anthropic's protocol as a response."""
    headers = {**request_header(), "Vary": "anthropic-version"}
    return Response(encode_line(value), headers=headers, media_type="application/json")


def _cards(server: Context) -> dict[str, ModelCard]:
    """Everything that a request can name, by its id; an agent goes before a model."""
    cards = {card.id: card for card in reversed(list(_every_card(server)))}
    return dict(reversed(cards.items()))


def _every_card(server: Context) -> Iterator[ModelCard]:
    for entry in server.agents.entries.values():
        yield ModelCard(entry.id, entry.name, server.since)
    for known in server.models.entries:
        yield ModelCard(known.id, known.id, server.since)
