"""`/api/embed`, and its older form `/api/embeddings`: the vectors of texts."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

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


class AnyRequest(Lenient):
    """The fields of both routes; those after `model` change nothing here."""

    model: str = ""
    truncate: bool | None = None
    keep_alive: float | str | None = None
    options: dict[str, Any] | None = None


class EmbedRequest(AnyRequest):
    """The body of `/api/embed`."""

    input: Text | Annotated[list[Text], Field(max_length=2048)] = ""
    dimensions: Annotated[Int64, Field(ge=1)] | None = None


class OldRequest(AnyRequest):
    """The body of `/api/embeddings`."""

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
    body, headers = await read(request, EmbedRequest, server.body)
    texts = [body.input] if isinstance(body.input, str) else body.input
    model = _named(body.model)
    if texts in ([], [""]):  # loads the model
        server.models.embedder.check(model)
        return _json(Embeddings(model, [], time.monotonic_ns() - since, 1, 0), headers)
    found = await vectors(server, principal, model, texts, body.dimensions)
    spent = time.monotonic_ns() - since
    return _json(Embeddings(model, found.vectors, spent, 1, found.tokens), headers)


@router.post("/api/embeddings")
async def old_embeddings(request: Request, server: Server, principal: Principal) -> Response:
    """Return the vector of one text, in the form of older clients."""
    server.models.embedder.check_configured()
    body, headers = await read(request, OldRequest, server.body)
    if not body.prompt:
        return _json({"embedding": []}, headers)
    found = await vectors(server, principal, _named(body.model), [body.prompt], None)
    return _json({"embedding": found.vectors[0]}, headers)


def _named(model: str) -> str:
    if not model:
        raise BadRequest("model is required")
    return model


def _json(value: Embeddings | dict[str, list[float]], headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(value), headers=headers, media_type=JSON)
