"""Sets the options of a request on a model, by the names that its family of providers uses."""

from typing import Any

import msgspec
from agno.models.base import Model

from ...question import ModelOptions
from .families import is_a, merge
from .formats import apply_format

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
    if response_format is not None:
        apply_format(model, response_format)
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(options).items() if value is not None
    }
    extra = values.pop("extra", {})
    if is_a(model, "Ollama"):
        if "max_tokens" in values:
            extra = {"num_predict": values["max_tokens"], **extra}
        if think is None:
            think = _ollama_think(options.reasoning_effort)
        supported = {name: value for name, value in values.items() if name in OLLAMA}
        merge(model, "options", {**supported, **extra})
        merge(model, "request_params", {} if think is None else {"think": think})
        return
    if "max_tokens" in values and getattr(model, "base_url", "") is None:
        values["max_completion_tokens"] = values.pop("max_tokens")  # as OpenAI itself calls it
    if isinstance(think, str):
        values.setdefault("reasoning_effort", think)
    for name, value in values.items():
        if hasattr(model, name):
            setattr(model, name, value)
    if parallel_tool_calls is not None and is_a(model, "OpenAIChat"):
        merge(model, "request_params", {"parallel_tool_calls": parallel_tool_calls})


def _ollama_think(effort: str | None) -> bool | str | None:
    """OpenAI's `reasoning_effort` as Ollama's `think`; None if Ollama has no such effort."""
    if effort in ("none", "minimal"):
        return False
    return effort if effort in ("low", "medium", "high") else None
