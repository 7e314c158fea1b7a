"""Which family of models a model is of, and how its settings are changed for one run."""

from typing import Any

from agno.models.base import Model


def is_a(model: Model, *families: str) -> bool:
    """Whether a model's class has one of these names, or inherits from one that has.

    Compares names, because importing the classes would need the packages of all providers.
    """
    return any(base.__name__ in families for base in type(model).__mro__)


def merge(model: Model, name: str, values: dict[str, Any]) -> None:
    """Add values to a dict attribute of the model by replacing it, because other runs share it."""
    if values:
        setattr(model, name, {**(getattr(model, name) or {}), **values})
