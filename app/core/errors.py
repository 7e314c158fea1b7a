"""Every error that the server reports, each with a stable code; `error_codes` is their registry.

AgnoStreamError
├── BadRequest              bad_request
│   ├── BadEventId          bad_last_event_id
│   ├── UnknownHost         unknown_host
│   └── InvalidField        invalid_field
│       └── KeyReused       idempotency_key_reused
├── Unauthorized            unauthorized
├── Forbidden
│   ├── LoopbackOnly        loopback_only
│   └── CrossSite           cross_site
├── NotFound                not_found
│   ├── UnknownAgent        unknown_agent
│   ├── UnknownModel        unknown_model
│   ├── UnknownRun          unknown_run
│   ├── UnknownConversation unknown_conversation
│   └── UnknownMedia        unknown_media
├── MethodNotAllowed        method_not_allowed
├── BodyTimeout             body_timeout
├── ConversationBusy        conversation_busy
├── AlreadyAsked            already_asked
├── Gap                     gap
├── TooLarge                too_large
├── TooManyRuns             too_many_runs
├── RateLimited             rate_limited
├── Overloaded              overloaded
├── JournalUnavailable      journal_unavailable
├── ConfigurationError      configuration_error (before the server serves)
├── InternalError           internal_error
└── RunFailed               a run that could not give its whole answer
    ├── ModelAuthFailed     model_auth_failed
    ├── ModelNotFound       model_not_found
    ├── ModelRefused        model_refused_request
    ├── ContextTooLong      context_too_long
    ├── ModelRateLimited    model_rate_limited
    ├── ModelUnavailable    model_unavailable
    ├── ModelBadResponse    model_bad_response
    ├── UpstreamCut         upstream_cut
    ├── RunTimeout          timeout_first_token | timeout_idle | timeout_total
    ├── RunStopped          cancelled | disconnected
    ├── Interrupted         interrupted
    ├── TooManyRounds       too_many_rounds
    └── AgentFailed         agent_failed
"""

from typing import Any

from ..models.chat import ErrorInfo, FinishReason, StreamingChunk
from .error_codes import REGISTRY
from .text import replace_lone_surrogates


class AgnoStreamError(Exception):
    """Base of the tree. `code` is one of the registry, which has its HTTP status.

    `retry_after` is in seconds; `details` are further JSON fields for the client.
    """

    code: str = "error"
    finish_reason: FinishReason = "error"

    def __init__(
        self, message: str, *, retry_after: float | None = None, **details: object
    ) -> None:
        super().__init__(message)
        self.message = replace_lone_surrogates(message)  # it may quote a provider
        self.retry_after = retry_after
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status of an error that is sent before the first byte."""
        return REGISTRY[self.code].status

    def body(self) -> dict[str, Any]:
        """The JSON body of the native door: `{"error": {"code", "message", ...}}`."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}

    def last_chunk(self, model: str) -> StreamingChunk:
        """The last chunk of a stream that this error ends."""
        return StreamingChunk(
            content="",
            done=True,
            model=model,
            finish_reason=self.finish_reason,
            error=ErrorInfo(code=self.code, message=self.message, retry_after=self.retry_after),
        )


class ConfigurationError(AgnoStreamError):
    """A setting that cannot work; raised before the server serves."""

    code = "configuration_error"


class BadRequest(AgnoStreamError):
    """A request that cannot be read."""

    code = "bad_request"


class BadEventId(BadRequest):
    """An event id that is none of the run's: malformed, of another run, or ahead of its log."""

    code = "bad_last_event_id"


class UnknownHost(BadRequest):
    """A `Host` that is not among ALLOWED_HOSTS."""

    code = "unknown_host"


class InvalidField(BadRequest):
    """A field that was not accepted; `details` has `fields`, each with its problem."""

    code = "invalid_field"


class Unauthorized(AgnoStreamError):
    """A request without a key, or with a key that nobody has."""

    code = "unauthorized"


class Forbidden(AgnoStreamError):
    """A request that no key would allow."""


class LoopbackOnly(Forbidden):
    """A request from another machine to a server without keys."""

    code = "loopback_only"


class CrossSite(Forbidden):
    """A request by a page of another site to a server without keys."""

    code = "cross_site"


class NotFound(AgnoStreamError):
    """Something that does not exist, or belongs to another principal."""

    code = "not_found"


class UnknownAgent(NotFound):
    """No agent has this name."""

    code = "unknown_agent"


class UnknownModel(NotFound):
    """No model has this name."""

    code = "unknown_model"


class UnknownRun(NotFound):
    """No run of this principal has this id, or it is no longer kept."""

    code = "unknown_run"


class UnknownConversation(NotFound):
    """No conversation of this principal has this id."""

    code = "unknown_conversation"


class UnknownMedia(NotFound):
    """No run of this principal has kept this media."""

    code = "unknown_media"


class MethodNotAllowed(AgnoStreamError):
    """The address has routes, but none for this method."""

    code = "method_not_allowed"


class InternalError(AgnoStreamError):
    """Something that nobody foresaw; its traceback is in the server's log, never in an answer."""

    code = "internal_error"


class BodyTimeout(AgnoStreamError):
    """A request body that did not arrive within BODY_TIMEOUT."""

    code = "body_timeout"


class ConversationBusy(AgnoStreamError):
    """A run that was to be rejected while another one answers in its conversation."""

    code = "conversation_busy"


class AlreadyAsked(AgnoStreamError):
    """A run of this id exists: it is to be followed, not started."""

    code = "already_asked"


class KeyReused(InvalidField):
    """An `Idempotency-Key` that came with another request before."""

    code = "idempotency_key_reused"


class Gap(AgnoStreamError):
    """Entries of a log that are no longer kept; `details` has `base`, the last missing number."""

    code = "gap"


class TooLarge(AgnoStreamError):
    """A request body above MAX_BODY_BYTES."""

    code = "too_large"


class TooManyRuns(AgnoStreamError):
    """A principal is at its own limit of concurrent runs."""

    code = "too_many_runs"


class RateLimited(AgnoStreamError):
    """A principal has used its requests or tokens of the current window."""

    code = "rate_limited"


class Overloaded(AgnoStreamError):
    """The server takes no new runs: it is stopping, or at its limit of concurrent runs."""

    code = "overloaded"


class JournalUnavailable(AgnoStreamError):
    """The journal failed, and nothing in memory could stand in for it."""

    code = "journal_unavailable"


class RunFailed(AgnoStreamError):
    """A run ended without its whole answer; becomes the `error` of the last chunk.

    `wait` is the number of seconds after which the provider allows another request, or None.
    """

    wait: float | None = None


class ModelAuthFailed(RunFailed):
    """The provider refused the server's credentials (401, 403)."""

    code = "model_auth_failed"


class ModelNotFound(RunFailed):
    """The provider does not know the model (404)."""

    code = "model_not_found"


class ModelRefused(RunFailed):
    """The provider refused the request (another 4xx)."""

    code = "model_refused_request"


class ContextTooLong(RunFailed):
    """The conversation does not fit into the model's context window."""

    code = "context_too_long"


class ModelRateLimited(RunFailed):
    """The provider limits requests (429)."""

    code = "model_rate_limited"


class ModelUnavailable(RunFailed):
    """The provider cannot be reached, failed (5xx), or its circuit breaker is open."""

    code = "model_unavailable"


class ModelBadResponse(RunFailed):
    """The provider sent something that is not an answer, or an error in its stream."""

    code = "model_bad_response"


class UpstreamCut(RunFailed):
    """The provider's stream ended without its end: the answer is not complete."""

    code = "upstream_cut"
    finish_reason = "upstream_cut"


class AgentFailed(RunFailed):
    """The agent's own code failed: a tool, a hook, a guardrail."""

    code = "agent_failed"


class TooManyRounds(RunFailed):
    """The run made more requests to its model than MAX_ROUNDS allows."""

    code = "too_many_rounds"


class Interrupted(RunFailed):
    """The server that drove the run stopped, or died."""

    code = "interrupted"
    finish_reason = "interrupted"


class RunTimeout(RunFailed):
    """One of the three clocks of a run ran out; `which` is both the code and the finish reason."""

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


class RunStopped(RunFailed):
    """Somebody ended the run: a cancellation, or the last reader left."""

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


def failure_from(info: ErrorInfo) -> RunFailed:
    """The failure that a run's last chunk reports; a code of a newer server counts as `error`."""
    failure = RunFailed(info.message, retry_after=info.retry_after)
    failure.code = info.code if info.code in REGISTRY else "error"
    return failure
