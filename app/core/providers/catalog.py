"""The models that the server offers: those in `MODEL` and `MODELS`, created when first used."""

import json
import logging
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

from agno.models.base import Model
from agno.models.utils import get_model

from ..errors import ConfigurationError, UnknownModel
from .embedder import Embedder
from .http.clients import attach

logger = logging.getLogger(__name__)

DEFAULT_OPENAI = "openai:gpt-4o-mini"
DEMO = "demo"

#: The roles that all servers of OpenAI's protocol accept; only OpenAI itself accepts `developer`.
PLAIN_ROLES = {role: role for role in ("system", "user", "assistant", "tool")}


@dataclass(frozen=True, slots=True)
class Providers:
    """URLs and keys of the providers. `ollama_host` is `host:port` or an origin, as for Ollama's
    own tools; None means the provider's default."""

    openai_api_key: str | None = None
    openai_base_url: str | None = None
    ollama_host: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model on the list: `id` is the provider's name for it, `spec` is `<provider>:<id>`.

    `setting` is the setting that names it, for error messages.
    """

    id: str
    provider: str
    spec: str
    setting: str


class ModelCatalog:
    """The models by name: a model's name is its spec or its id alone.

    Raises `ConfigurationError` for a spec that is not `<provider>:<id>`.
    """

    def __init__(
        self,
        default: str,
        further: list[str],
        providers: Providers,
        fallback: str | None = None,
        embeddings: str | None = None,
    ) -> None:
        others = dict.fromkeys(spec for spec in further if spec != default)
        self.entries = [_entry(default, "MODEL"), *(_entry(spec, "MODELS") for spec in others)]
        self.default = self.entries[0]
        self.fallback = None if fallback is None else _entry(fallback, "FALLBACK_MODEL")
        self._providers = providers
        self.embedder = Embedder(
            embeddings,
            key=providers.openai_api_key,
            base_url=providers.openai_base_url,
            ollama=_ollama_origin(providers.ollama_host),
        )
        self._made: dict[str, Model] = {}

    def find(self, name: str | None) -> ModelEntry:
        """The entry with this name, or the default if None; raises `UnknownModel`."""
        if name is None:
            return self.default
        for entry in self.entries:
            if name in (entry.spec, entry.id):
                return entry
        ids = [entry.id for entry in self.entries]
        raise UnknownModel(
            f"There is no model {name!r}. Available models: {', '.join(ids)}.", models=ids
        )

    def model(self, entry: ModelEntry) -> Model:
        """The Agno model of an entry, always the same, so that its connections are reused.

        Raises `ConfigurationError` if it cannot be created.
        """
        if entry.spec not in self._made:
            self._made[entry.spec] = _build(entry, self._providers)
        return self._made[entry.spec]

    @property
    def made(self) -> list[Model]:
        """The models that have been created so far."""
        return list(self._made.values())

    def check(self) -> None:
        """Create every model, so that the server does not start if one cannot be used.

        Raises `ConfigurationError`.
        """
        for entry in (*self.entries, *([self.fallback] if self.fallback else [])):
            self.model(entry)


def choose_default(providers: Providers) -> str:
    """The spec of the model to use if `MODEL` is not set.

    OpenAI's if a key or base URL is set, else the first one of an Ollama that responds, else the
    built-in demonstration.
    """
    if providers.openai_api_key or providers.openai_base_url:
        return DEFAULT_OPENAI
    url = f"{_ollama_origin(providers.ollama_host)}/api/tags"
    try:
        with urllib.request.urlopen(url, timeout=0.5) as answer:  # a URL from the settings
            models = json.load(answer)["models"]
            return f"ollama:{models[0]['name']}"
    except (HTTPException, OSError, ValueError, LookupError, TypeError):
        return DEMO


def _ollama_origin(host: str | None) -> str:
    host = host or "127.0.0.1:11434"
    return (host if "://" in host else f"http://{host}").rstrip("/")


def _entry(spec: str, setting: str) -> ModelEntry:
    if spec == DEMO:
        return ModelEntry(id=DEMO, provider="agno-stream", spec=DEMO, setting=setting)
    provider, model_id = (part.strip() for part in spec.partition(":")[::2])
    if not (provider and model_id):
        raise ConfigurationError(
            f"{setting}: {spec!r} is not '<provider>:<model>', as in 'openai:gpt-4o-mini' or "
            "'ollama:llama3.2', nor 'demo'."
        )
    return ModelEntry(id=model_id, provider=provider.lower(), spec=spec, setting=setting)


def _build(entry: ModelEntry, providers: Providers) -> Model:
    try:
        if entry.spec == DEMO:
            from .demo import DemoModel  # imported only if used

            return DemoModel()
        if entry.provider in ("openai", "openai-chat"):
            from agno.models.openai import OpenAIChat  # imported only if used

            # Self-hosted servers often need no key, but the SDK requires one.
            key = providers.openai_api_key or ("none" if providers.openai_base_url else None)
            if key is None:
                raise ConfigurationError(f"{entry.setting}: {entry.spec} needs OPENAI_API_KEY.")
            chat = OpenAIChat(
                id=entry.id,
                api_key=key,
                base_url=providers.openai_base_url,
                role_map=PLAIN_ROLES if providers.openai_base_url else None,
                max_retries=0,  # `upstream` retries, for all providers alike
            )
            attach(chat)  # its client is made now, not when somebody waits
            return chat
        if entry.provider == "ollama":
            from agno.models.ollama import Ollama  # imported only if used

            return Ollama(id=entry.id, host=_ollama_origin(providers.ollama_host))
        model = get_model(entry.spec)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"{entry.setting}: {entry.spec} cannot be used: {error}"
        ) from error
    if model is None:
        raise ConfigurationError(f"{entry.setting}: {entry.spec} cannot be used.")
    if getattr(model, "max_retries", 0) is None:
        model.max_retries = 0  # type: ignore[attr-defined]  # `upstream` retries
    return model
