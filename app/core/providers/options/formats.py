"""The form of an answer: OpenAI's `response_format` in the words of each family of models.

A model whose provider knows no schemas gets the schema as a part of its system message, as Agno
writes it for the output schema of an agent.
"""

from typing import Any

from agno.models.base import Model
from agno.utils.prompts import get_json_output_prompt
from pydantic import BaseModel

from .families import is_a, merge

#: Families that take a `response_format` as OpenAI has it.
LIKE_OPENAI = (
    "OpenAIChat",
    "Groq",
    "MistralChat",
    "Cerebras",
    "Cohere",
    "HuggingFace",
    "LiteLLM",
    "Llama",
)

#: The instruction for a model that has no switch for JSON.
JSON_ONLY = "Answer with one JSON object and nothing else."


def apply_format(model: Model, response_format: dict[str, Any]) -> None:
    """Set `response_format` on the copy of a model that belongs to its run."""
    kind = response_format.get("type")
    if kind not in ("json_schema", "json_object"):
        return
    schema = (response_format.get("json_schema") or {}).get("schema") or None
    knows_schemas = model.supports_native_structured_outputs or model.supports_json_schema_outputs
    if is_a(model, "Ollama"):
        model.format = schema or "json"  # type: ignore[attr-defined]  # it is an Ollama
    elif is_a(model, "Gemini"):
        json = {"response_mime_type": "application/json"}
        merge(model, "generative_model_kwargs", {**json, "response_json_schema": schema})
    elif is_a(model, "OpenAIResponses"):
        merge(model, "request_params", {"text": _text(model, response_format)})
    elif is_a(model, "Claude") and schema and knows_schemas:
        _apply_to_claude(model, schema)
    elif not is_a(model, *LIKE_OPENAI):
        _instruct(model, schema)
    elif schema is None or knows_schemas:
        merge(model, "request_params", {"response_format": response_format})
    else:
        merge(model, "request_params", {"response_format": {"type": "json_object"}})
        _instruct(model, schema)


def apply_output_schema(model: Model, output_schema: Any, *, streaming: bool) -> None:
    """Set the output schema of an agent, if the model's class of Agno's would drop it."""
    is_class = isinstance(output_schema, type) and issubclass(output_schema, BaseModel)
    if is_class and not (streaming and is_a(model, "MistralChat")):
        return
    if not is_class and not is_a(model, "Gemini", "Ollama", "MistralChat"):
        return
    if is_class:
        schema = {"name": output_schema.__name__, "schema": output_schema.model_json_schema()}
        apply_format(model, {"type": "json_schema", "json_schema": schema})
    elif isinstance(output_schema, dict):
        apply_format(model, output_schema)


def _text(model: Any, response_format: dict[str, Any]) -> dict[str, Any]:
    """The parameter `text` of a response: it has the fields of the schema beside its type."""
    form = {"type": response_format["type"], **(response_format.get("json_schema") or {})}
    return {"format": form} | ({"verbosity": model.verbosity} if model.verbosity else {})


def _apply_to_claude(model: Any, schema: dict[str, Any]) -> None:
    from anthropic import transform_schema  # its SDK is loaded already

    form = {"type": "json_schema", "schema": transform_schema(schema)}
    merge(model, "output_config", {"format": form})
    model.citations = False  # Anthropic refuses both at once


def _instruct(model: Model, schema: dict[str, Any] | None) -> None:
    prompt = JSON_ONLY if schema is None else get_json_output_prompt(schema)
    model.instructions = [*(model.instructions or ()), prompt]
