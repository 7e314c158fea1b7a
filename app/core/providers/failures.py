"""Maps the exceptions of providers and their SDKs to the errors that clients see."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from agno.exceptions import (
    ContextWindowExceededError,
    ModelAuthenticationError,
    redact_secrets,
)

from ..run_failures import (
    AgentFailed,
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
from .wire.outcome import Outcome

#: Packages whose exceptions mean that the connection failed, not the provider.
TRANSPORTS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp"})

#: Packages whose exceptions mean that the provider sent an error.
SDKS = frozenset({"openai", "ollama"})

#: Packages whose exceptions have nothing about the provider: Python's, Agno's, and ours.
OURS = frozenset({"builtins", "agno", "json", (__package__ or "").partition(".")[0]})

#: The status that Agno invents for exceptions without one: an error within a stream, or bad data.
INVENTED_STATUS = 502

#: Statuses below 500 with which proxies report what passes by itself: timeouts, conflicts of
#: requests, a deployment that is not ready.
PASSING = frozenset({408, 409, 424, 425})

#: Seconds after which clients may retry, if the provider sent no `Retry-After`.
RETRY_AFTER = 5

#: Exceptions looked at in a chain of causes.
MAX_CAUSES = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """What an exception and its causes contain about a failed upstream request.

    `spoke` is True after the first token; `detail` is the exception's message, without secrets;
    `status` is the innermost HTTP status; `responded` is True if the provider sent that status.
    """

    error: Exception
    causes: list[Exception]
    spoke: bool
    detail: str
    status: int | None
    responded: bool

    @property
    def disconnected(self) -> bool:
        """Whether the connection failed before the provider sent the head of a response."""
        return any(
            isinstance(cause, ConnectionError)
            or type(cause).__name__ == "APIConnectionError"
            or _package(cause) in TRANSPORTS
            for cause in self.causes
        ) and not any(hasattr(cause, "response") for cause in self.causes)


class Rule(NamedTuple):
    """An error for the failures that it applies to; `message` may name model, status and detail."""

    applies: Callable[[Failure], bool]
    error: type[RunFailed]
    message: str


#: The first rule that applies decides. The order matters: a lost connection may have a status, too,
#: which Agno invented, and 401 to 429 are special cases of a status from 400 to 499.
RULES = (
    Rule(
        lambda f: (
            isinstance(f.error, ContextWindowExceededError) or "context_length_exceeded" in f.detail
        ),
        ContextTooLong,
        "The conversation is too long for the model: {detail}",
    ),
    Rule(
        lambda f: f.disconnected and f.spoke,
        UpstreamCut,
        "The connection to the model was lost before its answer was complete.",
    ),
    Rule(lambda f: f.disconnected, ModelUnavailable, "The model {model!r} cannot be reached."),
    Rule(
        lambda f: isinstance(f.error, ModelAuthenticationError) or f.status in (401, 403),
        ModelAuthFailed,
        "The provider of {model!r} did not accept the server's credentials ({status}).",
    ),
    Rule(
        lambda f: f.status == 404,
        ModelNotFound,
        "The provider does not know the model {model!r}: {detail}",
    ),
    Rule(
        lambda f: f.status == 429,
        ModelRateLimited,
        "The provider of {model!r} is limiting requests: {detail}",
    ),
    Rule(
        lambda f: f.responded and f.status in PASSING,
        ModelUnavailable,
        "The provider failed ({status}): {detail}",
    ),
    Rule(
        lambda f: f.responded and f.status is not None and 400 <= f.status < 500,
        ModelRefused,
        "The provider refused the request: {detail}",
    ),
    Rule(
        lambda f: f.status is not None and (f.responded or f.status != INVENTED_STATUS),
        ModelUnavailable,
        "The provider failed ({status}): {detail}",
    ),
    Rule(
        lambda f: any(_package(cause) in SDKS for cause in f.causes),
        ModelBadResponse,
        "The provider reported an error in its stream: {detail}",
    ),
    Rule(
        lambda f: all(_package(cause) in OURS for cause in f.causes),
        AgentFailed,
        "The agent failed ({kind}); see the server's log.",
    ),
    Rule(lambda _: True, ModelBadResponse, "The provider sent an invalid response."),
)


def classify(error: Exception, model_id: str, *, spoke: bool, key: str | None = None) -> RunFailed:
    """The error for clients that an exception of a model stands for, without secrets or traceback.

    `spoke` is True if a part of the answer has come. `key` is the API key that was sent, which some
    providers repeat in their messages.
    """
    failure = _failure(error, spoke=spoke, key=key)
    rule = next(rule for rule in RULES if rule.applies(failure))
    message = rule.message.format(
        model=model_id,
        status=failure.status,
        detail=failure.detail,
        kind=type(failure.causes[-1]).__name__,
    )
    return _failed(rule.error, message, _retry_after(failure.causes))


def failure_of(
    outcome: Outcome, error_of_sdk: Exception, model_id: str, *, spoke: bool, key: str | None = None
) -> RunFailed:
    """The error for clients that the end of a response stands for, as it came on the wire.

    The SDK's exception only shows whether Agno knows it for a context that is too long. `spoke` and
    `key` are those of `classify`. An error before the first token is treated as if the provider had
    sent its status.
    """
    error = outcome.error
    if error is None or outcome.finish_reason == "upstream_cut":
        return UpstreamCut("The model's stream stopped before its answer was complete.")
    detail = _without_secrets(error.message, key)
    status = None if spoke else error.status
    if status is None:
        return ModelBadResponse(f"The provider reported an error in its stream: {detail}")
    seen = Failure(
        error=error_of_sdk,
        causes=[],
        spoke=spoke,
        detail=f"{error.code}: {detail}" if error.code == "context_length_exceeded" else detail,
        status=status,
        responded=True,
    )
    rule = next(rule for rule in RULES if rule.applies(seen))
    message = rule.message.format(model=model_id, status=status, detail=detail, kind="")
    return _failed(rule.error, message, _seconds(error.retry_after))


def _failed(kind: type[RunFailed], message: str, wait: float | None) -> RunFailed:
    """The error, with the seconds that the provider wants clients to wait."""
    if not issubclass(kind, ModelUnavailable | ModelRateLimited):
        return kind(message)
    unknown = RETRY_AFTER if issubclass(kind, ModelUnavailable) else None
    failed = kind(message, retry_after=unknown if wait is None else wait)
    failed.wait = wait
    return failed


def _failure(error: Exception, *, spoke: bool, key: str | None) -> Failure:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < MAX_CAUSES:
        causes.append(cause)  # type: ignore[arg-type]  # a BaseException would not have been caught
    detail = _without_secrets(str(getattr(error, "message", None) or error), key)
    statuses = [getattr(cause, "status_code", None) for cause in causes]
    return Failure(
        error=error,
        causes=causes,
        spoke=spoke,
        detail=detail,
        status=next((status for status in reversed(statuses) if status), None),
        responded=any(statuses[1:]),
    )


def _without_secrets(text: str, key: str | None) -> str:
    if key and len(key) >= 8:  # shorter ones are placeholders, such as "none"
        text = text.replace(key, "[redacted]")
    return redact_secrets(text)


def _package(error: Exception) -> str:
    return type(error).__module__.partition(".")[0]


def _retry_after(causes: list[Exception]) -> float | None:
    """The first valid `Retry-After` of the responses that exceptions hold."""
    heads = [getattr(getattr(cause, "response", None), "headers", None) or {} for cause in causes]
    waits = [_seconds(head.get("retry-after")) for head in heads]
    return next((wait for wait in waits if wait is not None), None)


def _seconds(value: str | None) -> float | None:
    """Either form of a `Retry-After` header (RFC 9110, section 10.2.3) in seconds; None if it is
    invalid."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
