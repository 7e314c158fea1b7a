"""What the server can serve: agents, teams, workflows, agents of other frameworks, factories."""

import inspect
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.factory import BaseFactory, RequestContext, TrustedContext

from ...errors import ConfigurationError
from .external import is_external
from .late import Team, Workflow

#: What a factory that is a plain function may take, by the names of its parameters.
PARAMETERS = (
    *("user_id", "session_id", "session_state", "dependencies", "metadata", "principal"),
    *("ctx", "context", "request_context"),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal and user of a question, with its session and data, as a factory gets them."""

    principal: str
    user_id: str
    session_id: str
    session_state: dict[str, Any] | None = None
    dependencies: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def context(self) -> RequestContext:
        """As Agno's factories get it."""
        return RequestContext(
            user_id=self.user_id,
            session_id=self.session_id,
            input=self.dependencies,
            trusted=TrustedContext(claims={"sub": self.principal}),
        )


def kind_of(thing: Any) -> str | None:
    """The kind of a thing that can be served; None if it cannot."""
    if isinstance(thing, Agent):
        return "agent"
    if isinstance(thing, Team):
        return "team"
    if isinstance(thing, Workflow):
        return "workflow"
    if isinstance(thing, BaseFactory) or is_factory(thing):
        return "factory"
    return "external" if is_external(thing) else None


def is_factory(thing: Any) -> bool:
    """Whether this is a function that makes an agent for each request: one with parameters."""
    if not (inspect.isfunction(thing) or inspect.ismethod(thing)):
        return False
    return bool(inspect.signature(thing).parameters)


def check_factory(thing: Any) -> None:
    """Raises `ConfigurationError` for a function that needs what the server does not have."""
    if reason := no_factory(thing):
        raise ConfigurationError(f"AGENTS: the factory {thing.__qualname__}() {reason}")


def no_factory(thing: Any) -> str | None:
    """Why a function with parameters is no factory; None for everything else."""
    if not is_factory(thing):
        return None
    for name, parameter in inspect.signature(thing).parameters.items():
        variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name not in PARAMETERS and parameter.default is parameter.empty and not variable:
            return (
                f"has a parameter {name!r}; it may have "
                f"{', '.join(PARAMETERS)}, and others with a default."
            )
    return None
