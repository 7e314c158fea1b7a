"""Every error of the client, each with a stable code.

AgnoStreamError
├── ServerUnreachable   server_unreachable   no server answers at the address
├── ForeignServer       foreign_server       the server at the address is no agno-stream server
├── ConnectionLost      connection_lost      the connection broke, and reconnecting failed
├── AnswerTimeout       timeout_first_token | timeout_idle | timeout_total
├── RequestRefused                           the server refused the request
│   ├── NotAllowed      401, 403
│   ├── NotFound        404, as unknown_model, unknown_run
│   └── Overloaded      429, 503
└── AnswerFailed                             the answer began, and failed, as upstream_cut
    └── AnswerStopped   cancelled | disconnected

`CLASSES` is the table from each code to its class.
"""

from collections.abc import Mapping
from typing import Any


class AgnoStreamError(Exception):
    """Base of all errors that a call can raise.

    `message` is a sentence for people, `code` a stable name for programs. `status_code` is the HTTP
    status, or None if no server answered. `text` is the part of the answer that arrived before the
    error; `run_id` and `number` name the event after which `resume` can continue. `retry_after` is
    the time to wait before the next attempt, in seconds, or None if the server named no time.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status_code = status_code
        self.retry_after = retry_after
        self.text = ""
        self.run_id: str | None = None
        self.number = 0

    def __str__(self) -> str:
        """Return the message, after "Timeout:" for a timeout or "Not found:" for something
        unknown."""
        if self.code.startswith("timeout_"):
            return f"Timeout: {self.message}"
        if self.code.startswith("unknown_") or self.code.endswith("not_found"):
            return f"Not found: {self.message}"
        return self.message

    def raw(self) -> dict[str, Any]:
        """Return, as a dict, the last chunk that a server would have sent for this error."""
        stopped = isinstance(self, AnswerTimeout | AnswerStopped)
        info = {"code": self.code, "message": self.message}
        reason = self.code if stopped else "error"
        return {"content": "", "done": True, "finish_reason": reason, "error": info}


class ServerUnreachable(AgnoStreamError):
    """Raised if no connection to the address can be made. Check the address; start the server."""

    code = "server_unreachable"


class ForeignServer(AgnoStreamError):
    """Raised if the reply is none of an agno-stream server. Check the address and the proxy."""

    code = "foreign_server"


class ConnectionLost(AgnoStreamError):
    """Raised if a connection broke and all attempts to reconnect failed.

    If `run_id` is set, the run may still exist: `resume(run_id, after=number)` continues it.
    """

    code = "connection_lost"


class AnswerTimeout(AgnoStreamError):
    """Raised if one of the three timeouts of an answer has expired, here or on the server.

    `code` names the timeout. The run is cancelled. Raise the timeout, or shorten the question.
    """

    code = "timeout_total"


class RequestRefused(AgnoStreamError):
    """Raised if the server refuses a request, most often because of what it contains.

    `code` and `message` name the reason. Correct the request; the same one is refused again, unless
    the error is an `Overloaded`.
    """

    code = "bad_request"


class NotAllowed(RequestRefused):
    """Raised if the API key is missing or wrong, or has no access (401, 403). Set `api_key`."""

    code = "unauthorized"


class NotFound(RequestRefused):
    """Raised if the agent, model, run or conversation does not exist (404), or no longer.

    `agents()`, `models()` and `conversations()` list the existing ids.
    """

    code = "not_found"


class Overloaded(RequestRefused):
    """Raised if the server is at a limit or shutting down (429, 503).

    Send the request again after `retry_after` seconds.
    """

    code = "overloaded"


class AnswerFailed(AgnoStreamError):
    """Raised if an answer fails while it is made, most often at the model's provider.

    `code` names the reason, `text` is the part that arrived. Send the question again, or use
    another model.
    """

    code = "error"


class AnswerStopped(AnswerFailed):
    """Raised if the run was cancelled, or stopped because no reader was left.

    `text` is the part that arrived. Send the question again to get an answer.
    """

    code = "cancelled"


#: The class for each code: first those that the client itself uses, then those of the server.
CLASSES: Mapping[str, type[AgnoStreamError]] = {
    "server_unreachable": ServerUnreachable,
    "foreign_server": ForeignServer,
    "connection_lost": ConnectionLost,
    # Requests that the server refuses.
    "bad_request": RequestRefused,
    "bad_last_event_id": RequestRefused,
    "unknown_host": RequestRefused,
    "invalid_field": RequestRefused,
    "idempotency_key_reused": RequestRefused,
    "body_timeout": RequestRefused,
    "head_timeout": RequestRefused,
    "conversation_busy": RequestRefused,
    "no_embeddings": RequestRefused,
    "no_mcp": RequestRefused,
    "already_asked": RequestRefused,
    "not_paused": RequestRefused,
    "invalid_decision": RequestRefused,
    "gap": RequestRefused,
    "too_large": RequestRefused,
    "address_too_long": RequestRefused,
    "unsupported_encoding": RequestRefused,
    "head_too_large": RequestRefused,
    "internal_error": RequestRefused,
    "method_not_allowed": RequestRefused,
    "unauthorized": NotAllowed,
    "not_signed_in": NotAllowed,
    "loopback_only": NotAllowed,
    "cross_site": NotAllowed,
    "not_found": NotFound,
    "unknown_agent": NotFound,
    "unknown_model": NotFound,
    "unknown_run": NotFound,
    "unknown_conversation": NotFound,
    "unknown_media": NotFound,
    "unknown_turn": NotFound,
    "too_many_runs": Overloaded,
    "rate_limited": Overloaded,
    "overloaded": Overloaded,
    "not_opened": Overloaded,
    "journal_unavailable": Overloaded,
    # Runs that could not give their complete answer.
    "error": AnswerFailed,
    "model_auth_failed": AnswerFailed,
    "model_not_found": AnswerFailed,
    "model_refused_request": AnswerFailed,
    "context_too_long": AnswerFailed,
    "model_rate_limited": AnswerFailed,
    "model_unavailable": AnswerFailed,
    "model_bad_response": AnswerFailed,
    "upstream_cut": AnswerFailed,
    "interrupted": AnswerFailed,
    "agent_failed": AnswerFailed,
    "too_many_rounds": AnswerFailed,
    "input_refused": AnswerFailed,
    "output_refused": AnswerFailed,
    "agent_denied": AnswerFailed,
    "pause_lost": AnswerFailed,
    "turn_gone": AnswerFailed,
    "tools_unavailable": AnswerFailed,
    "conversations_unavailable": AnswerFailed,
    "timeout_first_token": AnswerTimeout,
    "timeout_idle": AnswerTimeout,
    "timeout_total": AnswerTimeout,
    "cancelled": AnswerStopped,
    "disconnected": AnswerStopped,
}

#: The class of a refusal whose code is not in `CLASSES`, as of a newer server, by its status.
CLASSES_BY_STATUS: Mapping[int, type[RequestRefused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    429: Overloaded,
    503: Overloaded,
}
