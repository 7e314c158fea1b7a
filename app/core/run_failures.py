"""Why a run did not end well: what becomes of it is its last chunk, or a response with a status.

RunFailed
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
│   ├── TakenOver       interrupted
│   └── HandedOver      interrupted
├── TooManyRounds       too_many_rounds
├── InputRefused        input_refused
├── OutputRefused       output_refused
├── AgentDenied         agent_denied
├── PauseLost           pause_lost
├── TurnGone            turn_gone
├── ToolsUnavailable    tools_unavailable
├── ConversationsUnavailable conversations_unavailable
└── AgentFailed         agent_failed
"""

from ..models.chat import ErrorInfo, FinishReason
from .error_codes import REGISTRY
from .errors import AgnoStreamError


class RunFailed(AgnoStreamError):
    """Base of the reasons for which a run has no complete answer; it becomes the last chunk's
    `error`.

    `wait` is the number of seconds after which the provider allows another request, None if
    unknown.
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
    """The provider's stream broke off before its end mark: the answer is not complete."""

    code = "upstream_cut"
    finish_reason = "upstream_cut"


class AgentFailed(RunFailed):
    """The agent's own code failed: a tool, a hook, a guardrail."""

    code = "agent_failed"


class InputRefused(RunFailed):
    """A guardrail or hook of the agent refused the question; the turn is not stored."""

    code = "input_refused"


class OutputRefused(RunFailed):
    """A guardrail or hook of the agent refused the answer; the turn is not stored."""

    code = "output_refused"


class AgentDenied(RunFailed):
    """The factory of an agent makes none for this principal."""

    code = "agent_denied"


class PauseLost(RunFailed):
    """The store of conversations no longer has the paused run that is to be continued."""

    code = "pause_lost"


class TurnGone(RunFailed):
    """The turn that a run answers again was deleted before the run began; nothing is stored."""

    code = "turn_gone"


class ToolsUnavailable(RunFailed):
    """The agent's tools are on a server that cannot be reached."""

    code = "tools_unavailable"


class ConversationsUnavailable(RunFailed):
    """The store of conversations cannot be read, or a turn cannot be stored in it."""

    code = "conversations_unavailable"


class TooManyRounds(RunFailed):
    """The run made more requests to its model than MAX_ROUNDS allows."""

    code = "too_many_rounds"


class Interrupted(RunFailed):
    """The server process that drove the run stopped or died."""

    code = "interrupted"
    finish_reason = "interrupted"


class TakenOver(Interrupted):
    """Another process has found this one dead, and has gone on with the run, or ended it."""


class HandedOver(Interrupted):
    """This process stops, and another one goes on with the run."""


class RunTimeout(RunFailed):
    """A timeout of the run expired; `which` is both the error code and the finish reason."""

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


class RunStopped(RunFailed):
    """A client cancelled the run, or its last reader left; `which` is both code and finish
    reason."""

    def __init__(self, which: FinishReason, message: str) -> None:
        super().__init__(message)
        self.code = self.finish_reason = which


def failure_from(info: ErrorInfo) -> RunFailed:
    """Return the error in a run's last chunk as an exception; an unknown code becomes `error`."""
    failure = RunFailed(info.message, retry_after=info.retry_after)
    failure.code = info.code if info.code in REGISTRY else "error"
    return failure


def server_stopped() -> Interrupted:
    """Return the failure of a run whose server stopped, or died."""
    return Interrupted("The server stopped before the answer was complete.")


def taken_over() -> TakenOver:
    """Return the failure of a run that another process has taken over from this one."""
    return TakenOver("The server was taken for dead before the answer was complete.")


def handed_over() -> HandedOver:
    """Return the reason of a stop after which another process goes on with the run."""
    return HandedOver("The server stops; another one goes on.")


def cancelled() -> RunStopped:
    """Return the failure of a run that a client cancelled."""
    return RunStopped("cancelled", "The run was cancelled.")


#: Why nothing was answered: who gets such an error sends the question again.
NOT_BEGUN = (ConversationsUnavailable, TurnGone)

#: Agno's types of errors that guardrails and hooks raise, whose messages are for the user.
REFUSALS: dict[str, type[RunFailed]] = {
    "input_check_error": InputRefused,
    "output_check_error": OutputRefused,
}
