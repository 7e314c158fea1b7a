"""`/api/embed`, and its older form `/api/embeddings`: the vectors of texts."""

import time
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import Field

from ....core.errors import BadRequest
from ...context import Principal, Server
from ...requests import Int64, Text
from ...vectors import vectors
from .errors import JSON
from .messages import Lenient
from .requests import read

router = APIRouter(include_in_schema=False)


class EmbedRequest(Lenient):
    """The body of `/api/embed`."""

    model: str = ""
    input: Text | Annotated[list[Text], Field(max_length=2048)] = ""
    dimensions: Annotated[Int64, Field(ge=1)] | None = None


class OldRequest(Lenient):
    """The body of `/api/embeddings`."""

    model: str = ""
    prompt: Text = ""


class Embeddings(msgspec.Struct):
    """The vectors in the order of the texts; durations are in nanoseconds."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


@router.post("/api/embed")
async def embed(request: Request, server: Server, principal: Principal) -> Response:
    """Return the vectors of texts, if the server has a model for them."""
    server.models.embedder.check_configured()
    since = time.monotonic_ns()
    body, ignored = await read(request, EmbedRequest, server.body)
    texts = [body.input] if isinstance(body.input, str) else body.input
    model = _named(body.model)
    if texts in ([], [""]):  # loads the model
        server.models.embedder.check(model)
        return _json(Embeddings(model, [], time.monotonic_ns() - since, 1, 0), ignored)
    found = await vectors(server, principal, model, texts, body.dimensions)
    spent = time.monotonic_ns() - since
    return _json(Embeddings(model, found.vectors, spent, 1, found.tokens), ignored)


@router.post("/api/embeddings")
async def old_embeddings(request: Request, server: Server, principal: Principal) -> Response:
    """Return the vector of one text, in the form of older clients."""
    server.models.embedder.check_configured()
    body, ignored = await read(request, OldRequest, server.body)
    if not body.prompt:
        return _json({"embedding": []}, ignored)
    found = await vectors(server, principal, _named(body.model), [body.prompt], None)
    return _json({"embedding": found.vectors[0]}, ignored)


def _named(model: str) -> str:
    if not model:
        raise BadRequest("model is required")
    return model


def _json(value: Embeddings | dict[str, list[float]], headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(value), headers=headers, media_type=JSON)
