"""Every error that the server tells a client, each with a stable code and an HTTP status.

AgnoStreamError
├── BadRequest            400  bad_request
│   ├── BadEventId        400  bad_last_event_id
│   ├── UnknownHost       400  unknown_host
│   └── InvalidField      422  invalid_field
│       └── KeyReused          idempotency_key_reused
├── Unauthorized          401  unauthorized
├── Forbidden             403
│   ├── LoopbackOnly           loopback_only
│   └── CrossSite              cross_site
├── NotFound              404
│   ├── UnknownAgent           unknown_agent
│   ├── UnknownModel           unknown_model
│   ├── UnknownRun             unknown_run
│   └── UnknownConversation    unknown_conversation
├── BodyTimeout           408  body_timeout
├── ConversationBusy      409  conversation_busy
├── AlreadyAsked          409  already_asked
├── Gap                   410  gap
├── TooLarge              413  too_large
├── TooManyRuns           429  too_many_runs
├── RateLimited           429  rate_limited
├── Overloaded            503  overloaded
├── JournalUnavailable    503  journal_unavailable
├── ConfigurationError         configuration_error (before the server serves)
└── RunFailed                  a run that could not give its whole answer
    ├── ModelAuthFailed   502  model_auth_failed
    ├── ModelNotFound     502  model_not_found
    ├── ModelRefused      400  model_refused_request
    ├── ContextTooLong    413  context_too_long
    ├── ModelRateLimited  429  model_rate_limited
    ├── ModelUnavailable  503  model_unavailable
    ├── ModelBadResponse  502  model_bad_response
    ├── UpstreamCut       502  upstream_cut
    ├── RunTimeout        504  timeout_first_token | timeout_idle | timeout_total
    ├── RunStopped        499  cancelled | disconnected
    ├── Interrupted       503  interrupted
    └── AgentFailed       500  agent_failed
"""

from typing import Any

from ..models.chat import ErrorInfo, FinishReason, StreamingChunk
from .text import replace_lone_surrogates


class AgnoStreamError(Exception):
    """Base of the tree. `details` are further JSON fields for the client."""

    code: str = "error"
    status: int = 500
    finish_reason: FinishReason = "error"

    def __init__(
        self, message: str, *, retry_after: float | None = None, **details: object
    ) -> None:
        super().__init__(message)
        self.message = replace_lone_surrogates(message)  # it may quote a provider, and is sent on
        self.retry_after = retry_after
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON shape that every door but the compatible ones answers with."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}

    def last_chunk(self, model: str) -> StreamingChunk:
        """The end of a stream that this error ends."""
        return StreamingChunk(
            content="",
            done=True,
            model=model,
            finish_reason=self.finish_reason,
            error=ErrorInfo(code=self.code, message=self.message, retry_after=self.retry_after),
        )


class ConfigurationError(AgnoStreamError):
    code = "configuration_error"


class BadRequest(AgnoStreamError):
    code = "bad_request"
    status = 400


class BadEventId(BadRequest):
    code = "bad_last_event_id"


class UnknownHost(BadRequest):
    code = "unknown_host"


class InvalidField(BadRequest):
    code = "invalid_field"
    status = 422


class Unauthorized(AgnoStreamError):
    code = "unauthorized"
    status = 401


class Forbidden(AgnoStreamError):
    status = 403


class LoopbackOnly(Forbidden):
    code = "loopback_only"


class CrossSite(Forbidden):
    code = "cross_site"


class NotFound(AgnoStreamError):
    code = "not_found"
    status = 404


class UnknownAgent(NotFound):
    code = "unknown_agent"


class UnknownModel(NotFound):
    code = "unknown_model"


class UnknownRun(NotFound):
    code = "unknown_run"


class UnknownConversation(NotFound):
    code = "unknown_conversation"


class BodyTimeout(AgnoStreamError):
    code = "body_timeout"
    status = 408


class ConversationBusy(AgnoStreamError):
    code = "conversation_busy"
    status = 409


class AlreadyAsked(AgnoStreamError):
    """The run of this question is there: it is to be followed instead of started."""

    code = "already_asked"
    status = 409


class KeyReused(InvalidField):
    code = "idempotency_key_reused"


class Gap(AgnoStreamError):
    code = "gap"
    status = 410


class TooLarge(AgnoStreamError):
    code = "too_large"
    status = 413


class TooManyRuns(AgnoStreamError):
    """A principal has as many runs as it may."""

    code = "too_many_runs"
    status = 429


class RateLimited(AgnoStreamError):
    """A principal has asked as often, or for as many tokens, as it may for now."""

    code = "rate_limited"
    status = 429


class Overloaded(AgnoStreamError):
    code = "overloaded"
    status = 503


class JournalUnavailable(AgnoStreamError):
    """What only the journal knows cannot be told now."""

    code = "journal_unavailable"
    status = 503


class RunFailed(AgnoStreamError):
    """A run ended without its whole answer; becomes the `error` of the last chunk.

    `wait` is for how many seconds the provider asked not to be asked again, if it did.
    """

    wait: float | None = None


class ModelAuthFailed(RunFailed):
    code = "model_auth_failed"
    status = 502


class ModelNotFound(RunFailed):
    code = "model_not_found"
    status = 502


class ModelRefused(RunFailed):
    code = "model_refused_request"
    status = 400


class ContextTooLong(RunFailed):
    code = "context_too_long"
    status = 413


class ModelRateLimited(RunFailed):
    code = "model_rate_limited"
    status = 429


class ModelUnavailable(RunFailed):
    code = "model_unavailable"
    status = 503


class ModelBadResponse(RunFailed):
    code = "model_bad_response"
    status = 502


class UpstreamCut(RunFailed):
    code = "upstream_cut"
    status = 502
    finish_reason = "upstream_cut"


class AgentFailed(RunFailed):
    code = "agent_failed"
    status = 500


class Interrupted(RunFailed):
    code = "interrupted"
    status = 503
    finish_reason = "interrupted"


class RunTimeout(RunFailed):
    """One of the three clocks of a run ran out; `which` is both the code and the ending."""

    status = 504

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


class RunStopped(RunFailed):
    """Somebody ended the run: a cancel, or the last reader left."""

    status = 499

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


STATUSES: dict[str, int] = {
    error.code: error.status
    for error in (
        ModelAuthFailed,
        ModelNotFound,
        ModelRefused,
        ContextTooLong,
        ModelRateLimited,
        ModelUnavailable,
        ModelBadResponse,
        UpstreamCut,
        AgentFailed,
        Interrupted,
    )
}


def failure_from(info: ErrorInfo) -> RunFailed:
    """The failure that a run's last chunk tells of, with its HTTP status."""
    failure = RunFailed(info.message, retry_after=info.retry_after)
    failure.code = info.code
    stopped = RunTimeout.status if info.code.startswith("timeout_") else RunStopped.status
    failure.status = STATUSES.get(info.code, stopped)
    return failure
