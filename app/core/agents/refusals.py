"""Why a run of Agno failed: a rule of the agent refused it, its model failed, or its own code."""

from typing import Any

from agno.exceptions import InputCheckError, OutputCheckError

from ..run_failures import REFUSALS, AgentFailed, RunFailed
from .run_models import RunModels


def refusal_of(error: InputCheckError | OutputCheckError) -> RunFailed:
    """The error for clients that an exception of a guardrail stands for."""
    return REFUSALS.get(error.type, AgentFailed)(str(error))


def failure_of(event: Any, models: RunModels | None) -> RunFailed:
    """The error for clients that the event of a failed run stands for: the model's own, if the
    model failed."""
    kind = getattr(event, "error_type", None)
    if kind in REFUSALS:
        message = getattr(event, "content", None) or getattr(event, "error", None)
        return REFUSALS[kind](str(message))
    failure = models.failure if models is not None else None
    if failure is not None:
        return failure
    return AgentFailed(f"The agent failed ({kind or 'in its last step'}); see the server's log.")
