"""The model that streams the answers of the demonstration, as a provider's model would."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from .answers import SlowWord, answer, text_of

#: Pieces of an answer, each with the pause before it in seconds.
Pieces = Iterator[tuple[float, ModelResponse]]


@dataclass
class DemoModel(Model):
    """A model that streams a canned answer chosen by the message; delays are in seconds."""

    id: str = "demo"
    name: str | None = "Demo"
    provider: str | None = "agno-stream"
    delay: float = 0.02
    slow_delay: float = 1.0
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None  # ignored, as are the next two
    top_p: float | None = None
    seed: int | None = None

    def _pieces(self, messages: list[Message], **request: Any) -> Pieces:
        """The pieces of the answer with their pauses; the last one has finish reason and usage."""
        tools = [t["function"] for t in request.get("tools") or [] if "function" in t]
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        finish, sent, held = "stop", 0, ""
        for piece in answer(messages, [] if request.get("tool_choice") == "none" else tools):
            pause = self.slow_delay if isinstance(piece, SlowWord) else self.delay
            if sent == self.max_tokens:
                finish = "length"
                break
            sent += 1
            held += piece.content or ""
            if found := [held.index(stop) for stop in stops if stop and stop in held]:
                held = held[: min(found)]
                break
            # A suffix that may be the start of a stop string is held back until the next piece.
            prefixes = (n for stop in stops for n in range(len(stop)) if held.endswith(stop[:n]))
            ready = len(held) - max(prefixes, default=0)
            yield pause, replace(piece, content=held[:ready] or None)
            held = held[ready:]
            finish = "tool_calls" if piece.tool_calls else finish
        received = sum(len(text_of(message).split()) for message in messages)
        usage = MessageMetrics(received, sent, received + sent)
        ending = {"finish_reason": finish}
        yield 0, ModelResponse(content=held or None, provider_data=ending, response_usage=usage)

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        for pause, piece in self._pieces(*args, **kwargs):
            time.sleep(pause)
            yield self._parse_provider_response_delta(piece)

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponse]:
        for pause, piece in self._pieces(*args, **kwargs):
            await asyncio.sleep(pause)
            yield self._parse_provider_response_delta(piece)

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return self._parse_provider_response(list(self.invoke_stream(*args, **kwargs)))

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        pieces = [piece async for piece in self.ainvoke_stream(*args, **kwargs)]
        return self._parse_provider_response(pieces)

    def _parse_provider_response(self, response: list[ModelResponse], **_: Any) -> ModelResponse:
        return replace(
            response[-1],
            content="".join(piece.content or "" for piece in response),
            reasoning_content="".join(piece.reasoning_content or "" for piece in response) or None,
            tool_calls=[call for piece in response for call in piece.tool_calls],
        )

    def _parse_provider_response_delta(self, response: ModelResponse) -> ModelResponse:
        return response
