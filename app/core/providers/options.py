"""What a request may ask of a model, and how each family of providers spells it."""

from typing import Any

import msgspec
from agno.models.base import Model

from ..question import ModelOptions

#: What Ollama knows by the same name as we do.
OLLAMA = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "num_ctx",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
)


def apply_options(
    model: Model,
    options: ModelOptions,
    *,
    response_format: dict[str, Any] | None = None,
    think: bool | str | None = None,
    parallel_tool_calls: bool | None = None,
) -> None:
    """Set what a request asked for on its own copy of a model; others are not touched."""
    asked: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(options).items() if value is not None
    }
    extra = asked.pop("extra", {})
    if _is(model, "Ollama"):
        if "max_tokens" in asked:
            extra = {"num_predict": asked["max_tokens"], **extra}
        if think is None:
            think = _thinking(options.reasoning_effort)
        known = {name: value for name, value in asked.items() if name in OLLAMA}
        _merge(model, "options", {**known, **extra})
        _merge(model, "request_params", {} if think is None else {"think": think})
        if response_format is not None and (wanted := _ollama_format(response_format)):
            model.format = wanted  # type: ignore[attr-defined]  # it is an Ollama
        return
    if "max_tokens" in asked and getattr(model, "base_url", "") is None:
        asked["max_completion_tokens"] = asked.pop("max_tokens")  # OpenAI's own name for it
    if isinstance(think, str):
        asked.setdefault("reasoning_effort", think)
    for name, value in asked.items():
        if hasattr(model, name):
            setattr(model, name, value)
    if _is(model, "OpenAIChat"):
        further = {"response_format": response_format, "parallel_tool_calls": parallel_tool_calls}
        given = {name: value for name, value in further.items() if value is not None}
        _merge(model, "request_params", given)


def _is(model: Model, family: str) -> bool:
    """By name, for to import them all would need the packages of all providers."""
    return any(base.__name__ == family for base in type(model).__mro__)


def _merge(model: Model, name: str, values: dict[str, Any]) -> None:
    """Add to a dict of the model's, which other runs share, by giving it a new one."""
    if values:
        setattr(model, name, {**(getattr(model, name) or {}), **values})


def _thinking(effort: str | None) -> bool | str | None:
    """OpenAI's `reasoning_effort` as Ollama's `think`."""
    if effort in ("none", "minimal"):
        return False
    return effort if effort in ("low", "medium", "high") else None


def _ollama_format(response_format: dict[str, Any]) -> Any:
    """OpenAI's `response_format` as Ollama's `format`; None for plain text."""
    if response_format.get("type") == "json_schema":
        return response_format["json_schema"].get("schema") or "json"
    return "json" if response_format.get("type") == "json_object" else None
