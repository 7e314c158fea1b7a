"""The form of an answer, as it arrives at each kind of provider."""

import json
from typing import Any

import pytest
from agno.agent import Agent
from agno.models.message import Message
from pydantic import BaseModel

from app.core.providers.options import apply_options
from app.core.providers.tracked import TrackedModel
from app.core.question import ModelOptions
from tests.core.providers.recorder import MODELS, recording, stock_model

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMED = {"name": "place", "schema": SCHEMA, "strict": True}
WITH_SCHEMA = {"type": "json_schema", "json_schema": NAMED}
ANY_JSON = {"type": "json_object"}


class Place(BaseModel):
    city: str


def _in_system_message(request: dict[str, Any]) -> bool:
    """Whether the system message has the schema."""
    system = request.get("system") or request["messages"][0]
    return "city" in json.dumps(system)


#: Where each family has a schema, and what is there.
PLACES: dict[str, Any] = {
    "OpenAIChat": lambda request: request["response_format"] == WITH_SCHEMA,
    "OpenRouter": lambda request: request["response_format"] == WITH_SCHEMA,
    "Perplexity": lambda request: request["response_format"] == WITH_SCHEMA,
    "DeepSeek": lambda request: (
        request["response_format"] == ANY_JSON and _in_system_message(request)
    ),
    "OpenAIResponses": lambda request: (
        request["text"] == {"format": {"type": "json_schema", **NAMED}}
    ),
    "Groq": lambda request: request["response_format"] == ANY_JSON and _in_system_message(request),
    "MistralChat": lambda request: request["response_format"]["json_schema"]["schema"] == SCHEMA,
    "Claude": lambda request: (
        request["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    ),
    "old Claude": lambda request: "output_config" not in request and _in_system_message(request),
    "Ollama": lambda request: request["format"] == SCHEMA,
    "Gemini": lambda request: (
        request["generationConfig"]["responseMimeType"] == "application/json"
        and request["generationConfig"]["responseJsonSchema"] == SCHEMA
    ),
}


def test_a_family_has_no_row() -> None:
    """All models of the recorder are in the table."""
    assert set(MODELS) == set(PLACES)


async def _request(name: str, response_format: dict[str, Any] | None, **agent: Any) -> Any:
    """What the provider gets of a run that streams."""
    async with recording() as recorder, stock_model(name, recorder.url) as model:
        tracked = TrackedModel(model)
        apply_options(tracked.model, ModelOptions(), response_format=response_format)
        run = Agent(model=tracked.model, telemetry=False, **agent)
        async for _ in run.arun("x", stream=True):
            pass
    return json.loads(recorder.bodies[0])


@pytest.mark.parametrize("name", MODELS)
async def test_a_response_format_is_lost(name: str) -> None:
    """The schema of a `response_format` reaches the provider in its own words."""
    request = await _request(name, WITH_SCHEMA)
    assert PLACES[name](request), request


@pytest.mark.parametrize("name", MODELS)
async def test_the_schema_of_an_agent_is_lost(name: str) -> None:
    """The `output_schema` of an agent reaches the provider, whose answers are streamed."""
    request = await _request(name, None, output_schema=Place)
    assert "city" in json.dumps(request), request


@pytest.mark.parametrize("name", ["Gemini", "Ollama", "MistralChat", "OpenAIChat", "Claude"])
async def test_the_schema_of_an_agent_is_a_dict(name: str) -> None:
    """An `output_schema` that is a dict reaches the provider, too."""
    request = await _request(name, None, output_schema=WITH_SCHEMA)
    assert "city" in json.dumps(request), request


@pytest.mark.parametrize("name", MODELS)
async def test_json_without_a_schema(name: str) -> None:
    """A `json_object` is a switch of the provider's, or a sentence in the system message."""
    request = json.dumps(await _request(name, ANY_JSON))
    switches = ('"json_object"', '"format": "json"', "application/json", "JSON object")
    assert any(switch in request for switch in switches), request


@pytest.mark.parametrize("name", MODELS)
async def test_plain_text_is_changed(name: str) -> None:
    """A `response_format` of plain text changes nothing."""
    assert await _request(name, {"type": "text"}) == await _request(name, None)


async def test_a_format_is_shared() -> None:
    """The format of one run is not that of the next run of the same model."""
    async with recording() as recorder, stock_model("old Claude", recorder.url) as model:
        for response_format in (WITH_SCHEMA, None):
            tracked = TrackedModel(model)
            apply_options(tracked.model, ModelOptions(), response_format=response_format)
            messages = [Message(role="user", content="x")]
            async for _ in tracked.model.ainvoke_stream(messages, Message(role="assistant")):
                pass
        assert model.instructions is None
