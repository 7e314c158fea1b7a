"""Embeddings for all doors: within the limits of their principal."""

from ..core.errors import InvalidField
from ..models.parts import Vectors
from .context import Context


async def vectors(
    server: Context, principal: str, model: str, texts: list[str], dimensions: int | None
) -> Vectors:
    """Return the vectors of texts, and count the request and its tokens.

    Raises `InvalidField`, `NoEmbeddings`, `UnknownModel`, `RateLimited` and `RunFailed`.
    """
    server.models.embedder.check(model)
    if not all(text.strip() for text in texts):
        raise InvalidField("input: has an empty text")
    await server.runs.rates.admit(principal)
    found = await server.models.embedder.embed(texts, dimensions)
    await server.runs.rates.record_tokens(principal, found.tokens)
    return found
