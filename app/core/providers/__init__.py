"""Model providers: the catalog of models, and the upstream requests to them."""

from collections.abc import Sequence

from .catalog import ModelCatalog, Providers, choose_default
from .upstream import Upstreams


def open_models(
    providers: Providers,
    *,
    default: str | None,
    further: Sequence[str],
    fallback: str | None,
    embeddings: str | None = None,
) -> ModelCatalog:
    """The catalog of the models in the settings; if `default` is None, `choose_default` decides.
    `embeddings` names the model that makes vectors, None if there is none.

    Raises `ConfigurationError` if a model cannot be used.
    """
    models = ModelCatalog(
        default or choose_default(providers), list(further), providers, fallback, embeddings
    )
    models.check()
    return models


__all__ = ["ModelCatalog", "Providers", "Upstreams", "open_models"]
