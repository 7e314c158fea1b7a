"""`/v1/embeddings`: the vectors of texts, as numbers or in base64."""

import base64
import struct
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from ....models.parts import Vectors
from ...body_model import BodyModel
from ...requests import Int64, Name


class EmbeddingsRequest(BodyModel):
    """The body of `/v1/embeddings`; unknown fields are ignored."""

    model: Name
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    dimensions: Annotated[Int64, Field(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class Embedding(msgspec.Struct):
    object: str
    index: int
    embedding: list[float] | str


class EmbeddingUsage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class Embeddings(msgspec.Struct):
    object: str
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


def embeddings(found: Vectors, body: EmbeddingsRequest) -> bytes:
    """Return the bytes of the response; base64 is of 32-bit numbers, the lowest byte first."""
    packed = body.encoding_format == "base64"
    data = [
        Embedding("embedding", index, _packed(vector) if packed else vector)
        for index, vector in enumerate(found.vectors)
    ]
    usage = EmbeddingUsage(found.tokens, found.tokens)
    return msgspec.json.encode(Embeddings("list", data, body.model, usage))


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
