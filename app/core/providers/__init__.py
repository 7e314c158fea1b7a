"""Model providers: the catalog of models, and the requests to them."""

from collections.abc import Sequence

from .catalog import ModelCatalog, Providers, choose_default
from .upstream import Upstreams


def open_models(
    providers: Providers,
    *,
    default: str | None,
    further: Sequence[str],
    fallback: str | None,
) -> ModelCatalog:
    """The models that settings name; without a default, the first provider that is set up.

    Raises `ConfigurationError` for a model that cannot be used.
    """
    models = ModelCatalog(default or choose_default(providers), list(further), providers, fallback)
    models.check()
    return models


__all__ = ["ModelCatalog", "Providers", "Upstreams", "open_models"]
