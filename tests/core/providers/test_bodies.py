"""Bodies that are on the wire's form are posted as they are, and are the same on the wire."""

from typing import Any

import pytest
from agno.models.message import Message

from app.core.providers.tracked import TrackedModel
from tests.core.providers.recorder import recording, stock_model

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "é", "parameters": {"type": "object"}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

HISTORIES: dict[str, list[dict[str, Any]]] = {
    "one": [{"role": "user", "content": "hello"}],
    "many": [
        {"role": "system", "content": "Be short."},
        *({"role": ("user", "assistant")[n % 2], "content": f"ü{n}"} for n in range(100)),
        {"role": "user", "content": "and now?"},
    ],
    "calls": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "42", "tool_call_id": "c1", "tool_name": "f"},
    ],
}


async def _invoke(model: Any, history: str, tools: list[dict[str, Any]] | None) -> None:
    messages = [Message(**message) for message in HISTORIES[history]]
    async for _ in model.ainvoke_stream(messages, Message(role="assistant"), tools=tools):
        pass


@pytest.mark.parametrize("tools", [None, [TOOL]])
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("name", ["OpenAIChat", "OpenRouter", "OpenAIResponses", "Groq", "Gemini"])
async def test_a_body_is_changed(
    name: str, history: str, tools: list[dict[str, Any]] | None
) -> None:
    """The bytes of a request are those that the stock SDK posts."""
    async with recording() as recorder, stock_model(name, recorder.url) as model:
        await _invoke(model, history, tools)
        await _invoke(TrackedModel(model).model, history, tools)
    # Google's SDK writes this one, empty, as soon as there are options of any kind.
    stock, ours = (body.replace(b', "generationConfig": {}', b"") for body in recorder.bodies)
    assert stock == ours


async def test_an_extra_body_is_lost() -> None:
    """What a user puts into `extra_body` counts, as it does without us."""
    async with recording() as recorder, stock_model("OpenAIChat", recorder.url) as model:
        model.extra_body = {"messages": [], "x": 1}  # type: ignore[attr-defined]
        await _invoke(model, "one", None)
        await _invoke(TrackedModel(model).model, "one", None)
    stock, ours = recorder.bodies
    assert stock == ours
