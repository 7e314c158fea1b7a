"""How a model's stream really ended, which Agno does not tell.

Agno drops the provider's finish reason, and reports a stream that was cut in the middle as
completed. `reporting` wraps a model, for one run, in a subclass that keeps both facts.

See docs/decisions/013-the-finish-reason-comes-from-the-provider.md.
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import cache
from typing import Any

from agno.exceptions import (
    ModelProviderError,
)
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from ...models.chat import FinishReason
from ..run_failures import ModelUnavailable, RunFailed, UpstreamCut
from ..text import Sink
from .client_tools import KeepsClientCalls
from .failures import classify
from .upstream import REPLACEABLE, Call, Upstream

#: Families of Agno models whose every complete stream ends in a finish reason. By name, for to
#: import them all would need the packages of all providers.
TELLING = frozenset({"OpenAIChat", "OpenAIResponses", "Ollama", "Claude", "DemoModel"})

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "end_turn": "stop",  # Anthropic's words, from here on
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class ReportsEnding(Model):
    """Mixed in before a model class: keeps `ending` and `failure` of the latest request.

    A request that fails before its first token is made again, as its `upstream` allows. Before the
    first token of the whole run a `fallback` may take over, which `on_fallback` is told of; the
    one that answers is `answering`.
    """

    ending: FinishReason | None
    failure: RunFailed | None
    upstream: Upstream
    fallback: "ReportsEnding | None"
    on_fallback: Callable[[str], None]
    answering: "ReportsEnding"
    spoken: bool  # in any request of this run
    uncounted: int  # characters sent with the request under way, or with one that was cut

    async def aresponse_stream(  # type: ignore[override]  # its further arguments are passed on
        self, messages: list[Message], **kwargs: Any
    ) -> AsyncIterator[Any]:
        # Agno's own fallback would start anew in the middle of an answer, too.
        before = list(messages)
        try:
            async for event in super().aresponse_stream(messages=messages, **kwargs):
                yield event
        except Exception:  # not every class of Agno's makes its own of what its SDK raises
            if self.spoken or self.fallback is None or not isinstance(self.failure, REPLACEABLE):
                raise
            self.answering = self.fallback
            self.on_fallback(self.fallback.id)
        else:
            return
        messages[:] = before
        async for event in self.fallback.aresponse_stream(messages=messages, **kwargs):
            yield event

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ModelResponse]:
        try:
            call = self.upstream.call(self.provider or self.get_provider())
        except ModelUnavailable as refused:
            self.failure = refused
            raise ModelProviderError(refused.message, 503, self.name, self.id) from None
        with call:
            self._pass_on(call)
            self.uncounted = sum(len(str(m.content or "")) for m in kwargs.get("messages", ()))
            while True:
                self.ending = self.failure = None
                spoke = False
                try:
                    stream: Any = super().ainvoke_stream(*args, **kwargs)  # type: ignore[safe-super]  # mixed in before a real model
                    async with aclosing(stream) as deltas:
                        async for delta in deltas:
                            if delta.provider_data and "finish_reason" in delta.provider_data:
                                reason = delta.provider_data["finish_reason"]
                                self.ending = FINISH_REASONS.get(reason)
                            if not spoke:
                                spoke = self.spoken = True
                                call.spoke()
                            yield delta
                    self._check_ending()
                except Exception as error:
                    key = getattr(self, "api_key", None)
                    failure = self.failure or classify(error, self.id, spoke=spoke, key=key)
                    self.failure = failure
                    call.failed(failure)
                    pause = None if spoke else call.pause()
                    if pause is None:
                        self.uncounted *= spoke
                        raise
                else:
                    if not spoke:  # it had nothing to say
                        call.spoke()
                    self.uncounted = 0  # the provider has told
                    return
                await asyncio.sleep(pause)

    def _check_ending(self) -> None:
        if self.ending is None and _tells(type(self)):
            self.failure = UpstreamCut("The model's stream stopped before its answer was complete.")
            raise ModelProviderError(self.failure.message, model_name=self.name, model_id=self.id)

    def _pass_on(self, call: Call) -> None:
        """Send the provider the context of the trace, where its class can."""
        twin: Any = self
        if (headers := call.headers) and hasattr(self, "extra_headers"):
            twin.extra_headers = {**(twin.extra_headers or {}), **headers}

    def _parse_provider_response_delta(self, response: Any, *args: Any, **kwargs: Any) -> Any:
        reason = finish_reason_of(response)
        if reason is not None:
            self.ending = FINISH_REASONS.get(reason, "stop")
        delta: ModelResponse = super()._parse_provider_response_delta(response, *args, **kwargs)  # type: ignore[safe-super]  # as above
        if delta.content is None:
            delta.content = _refusal(response)
        if delta.reasoning_content is None:
            delta.reasoning_content = _thinking(response)
        return delta


def reporting(
    model: Model, sink: Sink | None = None, upstream: Upstream | None = None
) -> ReportsEnding:
    """A copy of `model` for one run that reports its ending; clients and settings are shared.

    Where the model's class allows it, its text goes to `sink` as it comes, and Agno gets it in
    `AlreadySent`s.
    """
    # The client is made on first use and kept on the model: make it before there are copies.
    if hasattr(model, "get_async_client") and getattr(model, "async_client", None) is None:
        model.get_async_client()
    twin: Any = copy.copy(model)
    fast = sink is not None and _streams_as_openai(type(model))
    twin.__class__ = _reporting_class(type(model), fast)
    twin.ending = twin.failure = twin.fallback = None
    twin.upstream = upstream or Upstream(model.id)
    twin.answering = twin
    twin.spoken = False
    twin.uncounted = 0
    twin.client_calls = []  # it is a KeepsClientCalls, too
    if fast:
        twin.sink = sink  # and a FastStreaming
    reporter: ReportsEnding = twin
    return reporter


@cache
def _reporting_class(cls: type[Model], fast: bool) -> type[Model]:
    if not fast:
        return type(cls.__name__, (ReportsEnding, KeepsClientCalls, cls), {})
    from .fast_openai import FastStreaming  # the SDK is loaded only where it is used

    return type(cls.__name__, (ReportsEnding, KeepsClientCalls, FastStreaming, cls), {})


def _streams_as_openai(cls: type[Model]) -> bool:
    """Whether a class is `OpenAIChat`, or one that reads its streams in the same way."""
    stock = next((base for base in cls.__mro__ if base.__name__ == "OpenAIChat"), None)
    ours = ("ainvoke_stream", "_parse_provider_response_delta", "get_async_client")
    return stock is not None and all(getattr(cls, name) is getattr(stock, name) for name in ours)


def _tells(cls: type) -> bool:
    return any(base.__name__ in TELLING for base in cls.__mro__)


def finish_reason_of(event: Any) -> str | None:
    """The finish reason in a provider's stream event, in whichever place its protocol has it."""
    if choices := getattr(event, "choices", None):  # OpenAI chat completions
        reason: str | None = choices[0].finish_reason
        return reason
    kind = getattr(event, "type", None)
    if kind == "response.completed":  # OpenAI responses
        return "stop"
    if kind == "response.incomplete":
        return "length"
    if kind == "message_delta":  # Anthropic
        return getattr(event.delta, "stop_reason", None)
    if getattr(event, "done", None):  # Ollama
        return getattr(event, "done_reason", None) or "stop"
    return None


def _refusal(event: Any) -> str | None:
    """What an OpenAI model says instead of an answer; Agno passes it over."""
    choices = getattr(event, "choices", None)
    return getattr(choices[0].delta, "refusal", None) if choices else None


def _thinking(event: Any) -> str | None:
    """The reasoning of an Ollama model; Agno passes it over when streaming."""
    return getattr(getattr(event, "message", None), "thinking", None)
