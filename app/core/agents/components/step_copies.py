"""Copies of the steps of a workflow, for one run.

Agno's own copies of steps leave out some of their fields, copy the tools of their agents, and a
router whose selector returns steps would run those of the application.

See docs/decisions/053-a-copy-for-a-run-shares-tools.md.
"""

import copy
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from agno.agent import Agent

from .late import Router, Step, Team, Workflow
from .tree import STEPS

Copy = Callable[[Any], Any]


def copy_of_steps(steps: Any, copied: Copy) -> Any:
    """The steps of a workflow, or one of them, with copies of the components that run them.

    `copied` copies an agent, a team or a workflow. Functions stay as they are.
    """
    if isinstance(steps, list | tuple):
        return type(steps)(copy_of_steps(step, copied) for step in steps)
    if isinstance(steps, Agent | Team | Workflow):
        return copied(steps)
    if steps is None or callable(steps) or not hasattr(steps, "__dict__"):
        return steps
    mine = copy.copy(steps)
    for name in STEPS:
        if getattr(steps, name, None) is not None:
            setattr(mine, name, copy_of_steps(getattr(steps, name), copied))
    if isinstance(mine, Router) and callable(mine.selector):
        mine.selector = _choosing(mine.selector, _pairs(steps.choices, mine.choices))
    if isinstance(mine, Step):
        for name in ("agent", "team", "workflow"):
            if getattr(mine, name) is not None:
                setattr(mine, name, copied(getattr(mine, name)))
                mine.active_executor = getattr(mine, name)
    return mine


def _pairs(originals: Any, copies: Any) -> dict[int, Any]:
    """The copies of a router's choices, by the identity of the original."""
    found: dict[int, Any] = {}
    for original, mine in zip(originals or [], copies or [], strict=True):
        if isinstance(original, list):
            found |= _pairs(original, mine)
        found[id(original)] = mine
    return found


def _choosing(selector: Any, copies: dict[int, Any]) -> Any:
    """A router's selector that returns the run's copy of a step for the step itself."""

    def mine(chosen: Any) -> Any:
        if isinstance(chosen, list) and id(chosen) not in copies:
            return [mine(step) for step in chosen]
        return copies.get(id(chosen), chosen)

    if inspect.iscoroutinefunction(selector):

        @wraps(selector)
        async def achoose(*args: Any, **kwargs: Any) -> Any:
            return mine(await selector(*args, **kwargs))

        return achoose

    @wraps(selector)
    def choose(*args: Any, **kwargs: Any) -> Any:
        return mine(selector(*args, **kwargs))

    return choose
