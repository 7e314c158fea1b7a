"""What Agno drops: finish reasons, refusals, and the thinking of Ollama's models."""

from typing import Any

import httpx
import pytest
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat
from ollama import ChatResponse, Message
from openai.types.chat import ChatCompletionChunk

from app.core.providers.endings import reporting
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import answer, text


def openai_delta(delta: dict[str, Any], finish_reason: str | None = None) -> ChatCompletionChunk:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    chunk = ChatCompletionChunk.model_validate(
        {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
    )
    chunk.choices[0].finish_reason = finish_reason  # type: ignore[assignment]  # may be a new one
    return chunk


def test_openai_refusal_becomes_text() -> None:
    """The text of a model's refusal becomes content."""
    model: Any = reporting(OpenAIChat(id="m", api_key="k"))
    parsed = model._parse_provider_response_delta(openai_delta({"refusal": "I will not."}))
    assert "I will not." == parsed.content


@pytest.mark.parametrize(
    ("reason", "ending"),
    [("stop", "stop"), ("length", "length"), ("function_call", "tool_calls"), ("new", "stop")],
)
def test_openai_finish_reasons(reason: str, ending: str) -> None:
    """OpenAI's finish reasons are mapped to ours; an unknown one is `stop`."""
    model: Any = reporting(OpenAIChat(id="m", api_key="k"))
    model._parse_provider_response_delta(openai_delta({}, reason))
    assert ending == model.ending


def test_copy_leaves_original_model_unchanged() -> None:
    """A run's model shares the connections of the original and nothing else."""
    original = OpenAIChat(id="m", api_key="k")
    twin = reporting(original)
    twin.temperature = 1.0  # type: ignore[attr-defined]  # an OpenAIChat by another name
    assert (OpenAIChat, None) == (type(original), original.temperature)
    assert original.async_client is twin.async_client  # type: ignore[attr-defined]  # as above
    assert "OpenAIChat" == type(twin).__name__


def test_ollama_done_reason_is_finish_reason() -> None:
    """Ollama's finish reason is the `done_reason` of its last line."""
    model: Any = reporting(Ollama(id="m", host="http://127.0.0.1:9"))
    for done, reason in ((False, None), (True, "length")):
        line = ChatResponse(
            message=Message(role="assistant", content=""), done=done, done_reason=reason
        )
        model._parse_provider_response_delta(line)
    assert "length" == model.ending


async def test_ollama_thinking_becomes_reasoning(serve: Serve, provider: Provider) -> None:
    """The thinking of an Ollama model becomes reasoning."""
    provider.script(Reply("yes", reasoning="let me see"))
    server = serve(model="ollama:m", ollama_host=provider.origin)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        got = await answer(http)
    assert "let me see" == "".join(chunk.get("reasoning", "") for chunk in got)
    assert "yes" == text(got)
