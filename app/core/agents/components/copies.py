"""Copies of agents, teams and workflows: one for each run, with what must not be copied shared.

Agno's `deep_copy()` gives a run lists and caches of its own, but copies tools, hooks and
dependencies as well. A tool may hold a connection or a state that lasts longer than one run, so
those stay the user's own objects.

See docs/decisions/053-a-copy-for-a-run-shares-tools.md.
"""

import copy
import logging
from enum import Enum
from functools import cache
from typing import Any

from agno.agent import Agent
from agno.agent._utils import deep_copy_field

from ...providers.copies import small_copy
from .late import Team, Workflow
from .step_copies import copy_of_steps
from .tree import walk

logger = logging.getLogger(__name__)

#: Fields whose objects belong to the application, and are the same in every run.
SHARED = (
    *("tools", "pre_hooks", "post_hooks", "tool_hooks", "dependencies", "fallback_config"),
    *("followups", "followup_model"),  # Agno would copy this model alone, and its connections
)

#: Types of values that need no copy; a class or a function is one, too.
ATOMS = (type(None), bool, int, float, str, Enum, type)

#: Agno's lists and caches of one run, by how their names end.
PER_RUN = ("_on_run", "_cache")


def copy_of(component: Any) -> Any:
    """A copy of an agent, team or workflow for one run; anything else as it is.

    Lists of shared objects are copied, so that a run may add to its own.
    """
    if not hasattr(component, "deep_copy"):
        return component
    bare = _bare(component)
    try:
        mine: Any = _agent_copy(bare) if type(bare) is Agent else bare.deep_copy()
    except Exception as error:  # a user's subclass may have another constructor
        logger.warning(
            "%s: deep_copy() failed, so its runs share what is not copied here: %s",
            getattr(component, "id", None) or type(component).__name__,
            error,
        )
        mine = bare
        for name, value in vars(mine).items():
            if name.endswith(PER_RUN) and isinstance(value, list | dict):
                setattr(mine, name, type(value)())
    if isinstance(component, Workflow):
        mine.steps = copy_of_steps(component.steps, copy_of)
        mine.agent = copy_of(component.agent)
        return mine
    if isinstance(component, Team) and isinstance(component.members, list):
        mine.members = [copy_of(member) for member in component.members]
    for original, copied in zip(walk(component), walk(mine), strict=False):
        if isinstance(copied, Agent | Team) and copied is not original:
            _share(original, copied)
    return mine


def _agent_copy(agent: Agent) -> Agent:
    """What `deep_copy()` makes of an agent, at a tenth of its cost: it inspects the signature of
    the class, and calls its constructor, each time."""
    mine = small_copy(agent)
    state = vars(mine)
    for name, value in state.items():
        if not isinstance(value, ATOMS) and not name.startswith("_"):
            state[name] = deep_copy_field(agent, name, value)
    state.update((name, copy.copy(value)) for name, value in _private_state().items())
    return mine


@cache
def _private_state() -> dict[str, Any]:
    """The private attributes of an agent that has not run."""
    fresh = vars(Agent(telemetry=False))
    return {name: value for name, value in fresh.items() if name.startswith("_")}


def _bare(component: Any) -> Any:
    """A component without what its copies share: a copy of a tool may open a connection."""
    bare = copy.copy(component)
    if isinstance(bare, Agent | Team):
        for name in SHARED:
            if getattr(bare, name, None) is not None:
                setattr(bare, name, None)
    if isinstance(bare, Team) and isinstance(bare.members, list):
        bare.members = []
    if isinstance(bare, Workflow):
        bare.steps = bare.agent = None
    return bare


def _share(original: Any, copied: Any) -> None:
    for name in SHARED:
        value = getattr(original, name, None)
        if isinstance(value, list):
            setattr(copied, name, list(value))
        elif isinstance(value, dict):
            setattr(copied, name, dict(value))
        elif value is not None:
            setattr(copied, name, value)
