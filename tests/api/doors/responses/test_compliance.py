"""The scenarios of Open Responses' compliance test, each checked against its own types.

Its suite is not a package, so the seven are written here anew, over plain HTTP as it has them.
"""

import json
from typing import Any

import httpx
import openresponses_types as open_responses
import pytest
from httpx_sse import EventSource

from tests.api.doors.responses.oracles import Event, check_response, events_of, is_complete, text_of
from tests.provider import Provider
from tests.provider_replies import Reply

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


def message(role: str, content: Any) -> Event:
    return {"type": "message", "role": role, "content": content}


WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
CALLS = Reply(tool_calls=[("get_weather", '{"location": "San Francisco, CA"}')])
TURNS = [
    message("user", "My name is Alice."),
    message("assistant", "Hello Alice!"),
    message("user", "What is my name?"),
]
IMAGE = [
    {"type": "input_text", "text": "What do you see? Answer in one sentence."},
    {"type": "input_image", "image_url": PIXEL},
]
QUESTION = [message("user", "Say hello in exactly 3 words.")]

#: A request of each scenario, what the model answers, and the types of the items that come of it.
SCENARIOS: dict[str, tuple[dict[str, Any], Reply, list[str]]] = {
    "basic-response": ({"input": QUESTION}, Reply("Hello to you."), ["message"]),
    "streaming-response": (
        {"input": QUESTION, "stream": True},
        Reply("Hello to you."),
        ["message"],
    ),
    "system-prompt": (
        {"input": [message("system", "You are a pirate."), *QUESTION]},
        Reply("Ahoy there, matey."),
        ["message"],
    ),
    "tool-calling": ({"input": QUESTION, "tools": [WEATHER]}, CALLS, ["function_call"]),
    "tool-calling-streaming": (
        {"input": QUESTION, "tools": [WEATHER], "stream": True},
        CALLS,
        ["function_call"],
    ),
    "image-input": ({"input": [message("user", IMAGE)]}, Reply("A dot."), ["message"]),
    "multi-turn": ({"input": TURNS}, Reply("You are Alice."), ["message"]),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_compliance(http: httpx.AsyncClient, provider: Provider, name: str) -> None:
    """The request is as the specification has it, and so are the response and each event."""
    fields, reply, kinds = SCENARIOS[name]
    payload = {"model": "test-model", **fields}
    open_responses.CreateResponseBody.model_validate_json(json.dumps(payload))
    provider.script(reply)
    if payload.get("stream"):
        async with http.stream("POST", "/v1/responses", json=payload) as streamed:
            assert 200 == streamed.status_code
            assert streamed.headers["content-type"].startswith("text/event-stream")
            events = events_of([event async for event in EventSource(streamed).aiter_sse()])
        is_complete(events)
        assert "response.completed" == events[-1]["type"]
        response = events[-1]["response"]
        assert "".join(reply.text) == text_of(events)
    else:
        whole = await http.post("/v1/responses", json=payload)
        assert 200 == whole.status_code, whole.text
        response = whole.json()
    check_response(response)
    assert "completed" == response["status"]
    assert kinds == [item["type"] for item in response["output"]]
    if kinds == ["function_call"]:
        assert reply.tool_calls[0] == (
            response["output"][0]["name"],
            response["output"][0]["arguments"],
        )
