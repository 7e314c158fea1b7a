"""How a model's stream really ended, which Agno does not tell.

Agno drops the provider's finish reason, and reports a stream that was cut in the middle as
completed. `reporting` wraps a model, for one run, in a subclass that keeps both facts.
"""

import copy
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from typing import Any

from agno.exceptions import (
    ContextWindowExceededError,
    ModelAuthenticationError,
    ModelProviderError,
    redact_secrets,
)
from agno.models.base import Model
from agno.models.response import ModelResponse

from app.core.client_tools import KeepsClientCalls
from app.core.errors import (
    ContextTooLong,
    ModelAuthFailed,
    ModelBadResponse,
    ModelNotFound,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    RunFailed,
    UpstreamCut,
)
from app.core.text import Sink
from app.models.chat import FinishReason

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

#: Packages whose exceptions mean that the connection, not the provider, is at fault.
TRANSPORTS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp"})


class ReportsEnding(Model):
    """Mixed in before a model class: keeps `ending` and `failure` of the latest request."""

    ending: FinishReason | None
    failure: RunFailed | None

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ModelResponse]:
        self.ending = None
        spoke = False
        try:
            stream: Any = super().ainvoke_stream(*args, **kwargs)  # type: ignore[safe-super]  # mixed in before a real model
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    if delta.provider_data and "finish_reason" in delta.provider_data:
                        self.ending = FINISH_REASONS.get(delta.provider_data["finish_reason"])
                    spoke = True
                    yield delta
        except Exception as error:
            self.failure = classify(error, self.id, spoke=spoke, key=getattr(self, "api_key", None))
            raise
        if self.ending is None and _tells(type(self)):
            self.failure = UpstreamCut("The model's stream stopped before its answer was complete.")
            raise ModelProviderError(self.failure.message, model_name=self.name, model_id=self.id)

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


def reporting(model: Model, sink: Sink | None = None) -> Model:
    """A copy of `model` for one run that reports its ending; clients and settings are shared.

    Where the model's class allows it, its text goes to `sink` as it comes, and Agno gets it in
    `Streamed`s.
    """
    # The client is made on first use and kept on the model: make it before there are copies.
    if hasattr(model, "get_async_client") and getattr(model, "async_client", None) is None:
        model.get_async_client()
    twin = copy.copy(model)
    fast = sink is not None and _streams_as_openai(type(model))
    twin.__class__ = _reporting_class(type(model), fast)
    twin.ending = twin.failure = None  # type: ignore[attr-defined]  # it is a ReportsEnding now
    twin.client_calls = []  # type: ignore[attr-defined]  # it is a KeepsClientCalls, too
    if fast:
        twin.sink = sink  # type: ignore[attr-defined]  # and a FastStreaming
    return twin


@cache
def _reporting_class(cls: type[Model], fast: bool) -> type[Model]:
    if not fast:
        return type(cls.__name__, (ReportsEnding, KeepsClientCalls, cls), {})
    from app.core.fast_openai import FastStreaming  # the SDK is loaded only where it is used

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


def classify(error: Exception, model_id: str, *, spoke: bool, key: str | None = None) -> RunFailed:
    """What went wrong with a model, for the client: no secret in it, no traceback.

    `spoke` says that a part of the answer had already come. `key` is the one that was sent: some
    providers repeat it.
    """
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 10:
        causes.append(cause)  # type: ignore[arg-type]  # a BaseException would have passed through
    said = str(getattr(error, "message", None) or error)
    if key and len(key) >= 8:  # shorter ones are placeholders, such as "none"
        said = said.replace(key, "[redacted]")
    said = redact_secrets(said)
    if isinstance(error, ContextWindowExceededError) or "context_length_exceeded" in said:
        return ContextTooLong(f"The conversation is too long for the model: {said}")
    status = next((s for e in reversed(causes) if (s := getattr(e, "status_code", None))), None)
    if _is_transport(causes) and not any(hasattr(e, "response") for e in causes):
        if spoke:
            return UpstreamCut(
                "The connection to the model was lost before its answer was complete."
            )
        return ModelUnavailable(f"The model {model_id!r} cannot be reached.", retry_after=5)
    if isinstance(error, ModelAuthenticationError) or status in (401, 403):
        return ModelAuthFailed(
            f"The provider of {model_id!r} did not accept the server's credentials ({status})."
        )
    if status == 404:
        return ModelNotFound(f"The provider does not know the model {model_id!r}: {said}")
    if status == 429:
        return ModelRateLimited(
            f"The provider of {model_id!r} is limiting requests: {said}",
            retry_after=_retry_after(causes),
        )
    answered = any(getattr(e, "status_code", None) for e in causes[1:])
    if status is not None and answered and 400 <= status < 500:
        return ModelRefused(f"The provider refused the request: {said}")
    if status is not None and (answered or status != 502):
        return ModelUnavailable(f"The provider failed ({status}): {said}", retry_after=5)
    # 502 is Agno's default for all that has no status: an error in mid-stream, or rubbish.
    if any(type(e).__module__.partition(".")[0] in ("openai", "ollama") for e in causes):
        return ModelBadResponse(f"The provider reported an error in its stream: {said}")
    return ModelBadResponse("The provider sent something that is not an answer.")


def _is_transport(causes: list[Exception]) -> bool:
    return any(
        isinstance(e, ConnectionError)
        or type(e).__name__ == "APIConnectionError"
        or type(e).__module__.partition(".")[0] in TRANSPORTS
        for e in causes
    )


def _retry_after(causes: list[Exception]) -> float | None:
    for error in causes:
        headers = getattr(getattr(error, "response", None), "headers", {})
        try:
            return float(headers["retry-after"])
        except (KeyError, ValueError):
            continue
    return None
