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
) -> ModelCatalog:
    """The catalog of the models in the settings; if `default` is None, `choose_default` decides.

    Raises `ConfigurationError` if a model cannot be used.
    """
    models = ModelCatalog(default or choose_default(providers), list(further), providers, fallback)
    models.check()
    return models


__all__ = ["ModelCatalog", "Providers", "Upstreams", "open_models"]
