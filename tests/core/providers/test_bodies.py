"""Bodies that are on the wire's form are posted as they are, and are the same on the wire."""

import asyncio
import json
import time
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
    async for _ in model.ainvoke_stream(
        messages=messages, assistant_message=Message(role="assistant"), tools=tools
    ):
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


def _turns(count: int, **of: Any) -> list[dict[str, Any]]:
    """Messages of a user and a model in turn, with all that JSON escapes."""
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": f'ü\u2028"\\\n{n} \x7f', **of} for n in range(count)]


LONG: dict[str, list[dict[str, Any]]] = {
    "plain": [*_turns(206), {"role": "user", "content": "and now?"}],
    "system before and after": [
        {"role": "system", "content": "Be short."},
        *_turns(206, from_history=True),
        {"role": "system", "content": "Be nice."},
        {"role": "user", "content": "and now?"},
    ],
    "begins with a model": [{"role": "assistant", "content": "hi"}, *_turns(207)],
    "ends with a model": _turns(206),
    "calls in the middle": [*_turns(8), *HISTORIES["calls"], *_turns(207)],
    "an empty message": [*_turns(8), {"role": "user", "content": ""}, *_turns(207)],
    "blanks around words": [*_turns(4), {"role": "user", "content": " x \n"}, *_turns(207)],
    "the same twice": [*_turns(206), *_turns(1), *_turns(207)],
    "short": _turns(21),
    "reasoning": [*_turns(206, reasoning_content="hm"), {"role": "user", "content": "and now?"}],
}


@pytest.mark.parametrize("history", LONG)
@pytest.mark.parametrize("name", ["Claude", "old Claude", "MistralChat", "Gemini", "OpenAIChat"])
async def test_a_long_history_is_changed(name: str, history: str) -> None:
    """A request with a history of any kind says the same as that of the stock class and SDK, also
    when it is sent again."""
    async with recording() as recorder, stock_model(name, recorder.url) as model:
        for invoked in (model, *[TrackedModel(model).model] * 2):
            messages = [Message(**message) for message in LONG[history]]
            async for _ in invoked.ainvoke_stream(
                messages=messages, assistant_message=Message(role="assistant")
            ):
                pass
            assert len(LONG[history]) == len(messages)
    stock, *ours = (json.loads(body) for body in recorder.bodies)
    assert [stock] * 2 == [_without_empty(body, stock) for body in ours]


def _without_empty(body: Any, stock: Any) -> Any:
    """A body without the options that Google's SDK writes, empty, where there are any."""
    return {key: value for key, value in body.items() if value or key in stock}


@pytest.mark.parametrize("name", ["Claude", "MistralChat", "Gemini"])
async def test_a_long_history_stops_the_loop(name: str) -> None:
    """A request with ten thousand messages takes the loop for less than half of the work that it
    is for the stock class, and all of them are sent."""
    messages = [Message(**message) for message in _turns(10_000)]
    messages.append(Message(role="user", content="and now?"))
    async with recording() as recorder, stock_model(name, recorder.url) as model:
        tracked = TrackedModel(model).model
        await _invoke(model, "one", None)  # what is loaded at first use
        stock = await _longest_turn(model, messages)
        assert await _longest_turn(tracked, messages) < stock / 2
    bodies = [json.loads(body) for body in recorder.bodies[1:]]
    assert bodies[0] == _without_empty(bodies[1], bodies[0])


async def _longest_turn(model: Any, messages: list[Message]) -> float:
    """The most CPU time, in seconds, for which others had to wait during a request."""
    turns: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            turns.append(time.thread_time() - last)
            last += turns[-1]

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    async for _ in model.ainvoke_stream(
        messages=messages, assistant_message=Message(role="assistant")
    ):
        pass
    await asyncio.sleep(0)
    watching.cancel()
    return max(turns)


async def test_an_extra_body_is_lost() -> None:
    """What a user puts into `extra_body` counts, as it does without us."""
    async with recording() as recorder, stock_model("OpenAIChat", recorder.url) as model:
        model.extra_body = {"messages": [], "x": 1}  # type: ignore[attr-defined]
        await _invoke(model, "one", None)
        await _invoke(TrackedModel(model).model, "one", None)
    stock, ours = recorder.bodies
    assert stock == ours
