"""Sets the options of a request on a model, by the names that its family of providers uses."""

from typing import Any

import msgspec
from agno.models.base import Model

from ...question import ModelOptions

#: The options that Ollama has under the same name as `ModelOptions`.
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
    """Set the options of a request on the copy of a model that belongs to its run.

    Options that the model does not have are ignored.
    """
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(options).items() if value is not None
    }
    extra = values.pop("extra", {})
    if _is(model, "Ollama"):
        if "max_tokens" in values:
            extra = {"num_predict": values["max_tokens"], **extra}
        if think is None:
            think = _ollama_think(options.reasoning_effort)
        supported = {name: value for name, value in values.items() if name in OLLAMA}
        _merge(model, "options", {**supported, **extra})
        _merge(model, "request_params", {} if think is None else {"think": think})
        if response_format is not None and (ollama_format := _ollama_format(response_format)):
            model.format = ollama_format  # type: ignore[attr-defined]  # it is an Ollama
        return
    if "max_tokens" in values and getattr(model, "base_url", "") is None:
        values["max_completion_tokens"] = values.pop("max_tokens")  # as OpenAI itself calls it
    if isinstance(think, str):
        values.setdefault("reasoning_effort", think)
    for name, value in values.items():
        if hasattr(model, name):
            setattr(model, name, value)
    if _is(model, "OpenAIChat"):
        further = {"response_format": response_format, "parallel_tool_calls": parallel_tool_calls}
        given = {name: value for name, value in further.items() if value is not None}
        _merge(model, "request_params", given)


def _is(model: Model, family: str) -> bool:
    """Whether a model's class has this name, or inherits from one that has.

    Compares names, because importing the classes would need the packages of all providers.
    """
    return any(base.__name__ == family for base in type(model).__mro__)


def _merge(model: Model, name: str, values: dict[str, Any]) -> None:
    """Add values to a dict attribute of the model by replacing it, because other runs share it."""
    if values:
        setattr(model, name, {**(getattr(model, name) or {}), **values})


def _ollama_think(effort: str | None) -> bool | str | None:
    """OpenAI's `reasoning_effort` as Ollama's `think`; None if Ollama has no such effort."""
    if effort in ("none", "minimal"):
        return False
    return effort if effort in ("low", "medium", "high") else None


def _ollama_format(response_format: dict[str, Any]) -> Any:
    """OpenAI's `response_format` as Ollama's `format`; None for plain text."""
    if response_format.get("type") == "json_schema":
        return response_format["json_schema"].get("schema") or "json"
    return "json" if response_format.get("type") == "json_object" else None
