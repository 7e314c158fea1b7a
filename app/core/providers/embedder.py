"""Vectors of texts, from the model in `EMBEDDINGS`."""

from typing import TYPE_CHECKING

from agno.exceptions import ModelProviderError

from ...models.parts import Vectors
from ..errors import ConfigurationError, NoEmbeddings, UnknownModel
from .failures import classify

if TYPE_CHECKING:  # the SDK is imported with the first request
    from openai import AsyncOpenAI

#: Seconds that a request may take, its retries included.
TIMEOUT = 60.0


class Embedder:
    """One model that makes vectors, at a server of OpenAI's protocol; Ollama is one, too.

    `model` is its id, and None if there is none. `spec` is `<provider>:<id>`. Raises
    `ConfigurationError` for a provider that is neither OpenAI nor Ollama, or has no key.
    """

    def __init__(
        self, spec: str | None, *, key: str | None, base_url: str | None, ollama: str
    ) -> None:
        provider, _, model = (spec or "").partition(":")
        self.spec = spec
        self.model = model.strip() or None
        self._client: AsyncOpenAI | None = None
        self._key, self._url = key or ("none" if base_url else None), base_url
        if spec is None:
            return
        if provider.strip().lower() == "ollama":
            self._key, self._url = "ollama", f"{ollama}/v1"
        elif provider.strip().lower() != "openai":
            raise ConfigurationError(
                f"EMBEDDINGS: {spec!r} is neither 'openai:<model>' nor 'ollama:<model>'."
            )
        if self.model is None or self._key is None:
            raise ConfigurationError(f"EMBEDDINGS: {spec} needs a model, and OPENAI_API_KEY.")

    def check_configured(self) -> None:
        """Raise `NoEmbeddings` if there is no model."""
        if self.model is None:
            raise NoEmbeddings(
                "This server makes no embeddings. Set EMBEDDINGS, as in "
                "'openai:text-embedding-3-small' or 'ollama:nomic-embed-text'."
            )

    def check(self, name: str) -> None:
        """Raise `NoEmbeddings` if the server has no model for embeddings, and `UnknownModel` if the
        model has another name."""
        self.check_configured()
        if name not in (self.model, self.spec, f"{self.model}:latest"):
            raise UnknownModel(
                f"The model {name!r} makes no embeddings. This server has {self.model}."
            )

    async def embed(self, texts: list[str], dimensions: int | None) -> Vectors:
        """Return the vectors of these texts; raises what `check` raises, and `RunFailed`."""
        from openai import OpenAIError, omit

        assert self.model is not None
        try:
            found = await self._opened().embeddings.create(
                model=self.model,
                input=texts,
                dimensions=omit if dimensions is None else dimensions,
                encoding_format="float",
            )
        except OpenAIError as error:
            seen = ModelProviderError(str(error), model_id=self.model)  # as Agno's models raise it
            seen.__cause__ = error
            raise classify(seen, self.model, spoke=False, key=self._key) from error
        ordered = sorted(found.data, key=lambda item: item.index)
        return Vectors([item.embedding for item in ordered], found.usage.prompt_tokens)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _opened(self) -> "AsyncOpenAI":
        if self._client is None:
            from openai import AsyncOpenAI, DefaultAioHttpClient

            self._client = AsyncOpenAI(
                api_key=self._key,
                base_url=self._url,
                timeout=TIMEOUT,
                http_client=DefaultAioHttpClient(),
            )
        return self._client
