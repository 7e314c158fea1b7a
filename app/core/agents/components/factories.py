"""Factories: functions of the application that make what answers, anew for each request."""

import inspect
from collections.abc import Callable
from typing import Any

from agno.agent import Agent
from agno.factory import BaseFactory, FactoryPermissionError, FactoryValidationError

from ...run_failures import AgentDenied, InputRefused
from .entries import AgentEntry
from .kinds import PARAMETERS, Caller
from .late import Team, Workflow


async def made_for(entry: AgentEntry, caller: Caller) -> Any:
    """Return the agent, team or workflow that a factory makes for a request.

    Raises `AgentDenied` and `InputRefused` if the factory refuses the request, and all else that
    it raises.
    """
    try:
        return await made_by(entry.component, caller)
    except FactoryPermissionError as error:
        raise AgentDenied(str(error) or f"{entry.id} is not for this user.") from error
    except FactoryValidationError as error:
        raise InputRefused(f"dependencies: {error}") from error


async def made_by(factory: Any, caller: Caller) -> Any:
    """The agent, team or workflow that a factory makes for a request.

    Raises whatever the factory raises.
    """
    if isinstance(factory, BaseFactory):
        expected: Any = {"TeamFactory": Team, "WorkflowFactory": Workflow}.get(
            type(factory).__name__, Agent
        )
        return await factory.resolve_async(caller.context(), expected)
    made = _called(factory, caller)
    return await made if inspect.isawaitable(made) else made


def _called(factory: Callable[..., Any], caller: Caller) -> Any:
    known = {name: getattr(caller, name, None) for name in PARAMETERS[:6]}
    known |= dict.fromkeys(PARAMETERS[6:], caller.context())
    taken = inspect.signature(factory).parameters
    return factory(**{name: value for name, value in known.items() if name in taken})
