"""Every error that the server reports, each with a stable code; `error_codes` is their registry.

AgnoStreamError
├── BadRequest              bad_request
│   ├── BadEventId          bad_last_event_id
│   ├── UnknownHost         unknown_host
│   └── InvalidField        invalid_field
│       ├── KeyReused       idempotency_key_reused
│       └── InvalidDecision invalid_decision
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
├── NoEmbeddings            no_embeddings
├── BodyTimeout             body_timeout
├── HeadTimeout             head_timeout
├── ConversationBusy        conversation_busy
├── AlreadyAsked            already_asked
├── NotPaused               not_paused
├── Gap                     gap
├── TooLarge                too_large
├── AddressTooLong          address_too_long
├── HeadTooLarge            head_too_large
├── UnsupportedEncoding     unsupported_encoding
├── TooManyRuns             too_many_runs
├── RateLimited             rate_limited
├── Overloaded              overloaded
├── NotOpened               not_opened
├── JournalUnavailable      journal_unavailable
├── ConfigurationError      configuration_error (before the server serves)
├── InternalError           internal_error
└── RunFailed               a run that could not give its whole answer: see `run_failures`
"""

from typing import Any

from ..models.chat import ErrorInfo, FinishReason, StreamingChunk
from .error_codes import REGISTRY
from .text import replace_lone_surrogates


class AgnoStreamError(Exception):
    """Base of all errors. `code` is in the registry `error_codes`, which has the HTTP status.

    `retry_after` is the time to wait before another attempt in seconds, None if unknown or useless;
    `details` are further JSON fields for the client.
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
        """The HTTP status of the response, if the error occurs before the first byte."""
        return REGISTRY[self.code].status

    def body(self) -> dict[str, Any]:
        """Return the JSON body of a response in the native protocol: `{"error": {"code", "message",
        ...}}`."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}

    def last_chunk(self, model: str) -> StreamingChunk:
        """Return the last chunk of a run or stream that ends with this error."""
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
    """An event id that is malformed, belongs to another run, or is ahead of the run's log."""

    code = "bad_last_event_id"


class UnknownHost(BadRequest):
    """A `Host` that is not among ALLOWED_HOSTS."""

    code = "unknown_host"


class InvalidField(BadRequest):
    """A field that was not accepted; `details` has `fields`, each with its problem."""

    code = "invalid_field"


class Unauthorized(AgnoStreamError):
    """A request without a key, or with an unknown key."""

    code = "unauthorized"


class Forbidden(AgnoStreamError):
    """Base of the errors for requests that are rejected because of where they come from (403)."""


class LoopbackOnly(Forbidden):
    """A request from another machine to a server without keys."""

    code = "loopback_only"


class CrossSite(Forbidden):
    """A request without a key by a page of another site, or that a browser makes on its own."""

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


class NoEmbeddings(AgnoStreamError):
    """The server has no model for embeddings."""

    code = "no_embeddings"


class InternalError(AgnoStreamError):
    """An unforeseen error of the server; the traceback is in the server's log, never in a
    response."""

    code = "internal_error"


class BodyTimeout(AgnoStreamError):
    """A request body that did not arrive within BODY_TIMEOUT seconds."""

    code = "body_timeout"


class HeadTimeout(AgnoStreamError):
    """A request whose line and header fields did not arrive within HEAD_TIMEOUT seconds."""

    code = "head_timeout"


class ConversationBusy(AgnoStreamError):
    """A request with `on_busy: reject`, while another run answers in the conversation."""

    code = "conversation_busy"


class AlreadyAsked(AgnoStreamError):
    """A run with the requested id exists: a client must follow it instead of starting it."""

    code = "already_asked"


class KeyReused(InvalidField):
    """An `Idempotency-Key` that was sent with another request before."""

    code = "idempotency_key_reused"


class InvalidDecision(InvalidField):
    """Decisions that do not fit what a run waits for; `details` has `decisions`, each with its
    problem."""

    code = "invalid_decision"


class NotPaused(AgnoStreamError):
    """A run that cannot be continued, because it does not wait for a person, or because another run
    continues it: `details` has `continued_by` then."""

    code = "not_paused"


class Gap(AgnoStreamError):
    """Entries of a log that are no longer kept; `details` has `base`, the last missing number."""

    code = "gap"


class TooLarge(AgnoStreamError):
    """A request body of more than MAX_BODY_BYTES bytes."""

    code = "too_large"


class AddressTooLong(AgnoStreamError):
    """A request whose address is longer than the server accepts."""

    code = "address_too_long"


class HeadTooLarge(AgnoStreamError):
    """A request whose line and header fields have more than MAX_HEAD_BYTES bytes, or are too
    many."""

    code = "head_too_large"


class UnsupportedEncoding(AgnoStreamError):
    """A request body in a `Content-Encoding` that the server does not read."""

    code = "unsupported_encoding"


class TooManyRuns(AgnoStreamError):
    """A principal has reached its own limit of concurrent runs."""

    code = "too_many_runs"


class RateLimited(AgnoStreamError):
    """A principal has used up its requests or tokens for the current period."""

    code = "rate_limited"


class Overloaded(AgnoStreamError):
    """The server accepts no new runs: it shuts down, or is at its limit of concurrent runs."""

    code = "overloaded"


class NotOpened(AgnoStreamError):
    """The server has not been started, because the application that mounts it did not do so."""

    code = "not_opened"


class JournalUnavailable(AgnoStreamError):
    """The journal failed, and the requested entries are not in memory."""

    code = "journal_unavailable"
