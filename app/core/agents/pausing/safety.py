"""Keeps the journal ahead of what an agent does, so that another process can go on with its run.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

from typing import Any

from agno.agent import Agent

from ...recovering import Guard
from .checkpoints import Checkpoints

#: Events of Agno after which something begins that cannot be undone.
BEGINNINGS = frozenset(
    {
        *("ToolCallStarted", "TeamToolCallStarted", "StepStarted", "LoopExecutionStarted"),
        *("ParallelExecutionStarted", "ConditionExecutionStarted", "RouterExecutionStarted"),
        "StepsExecutionStarted",
    }
)


class Safety:
    """What one run of a component tells its guard; an agent's run makes checkpoints from now on."""

    def __init__(self, guard: Guard, component: Any, run_id: str) -> None:
        self._guard = guard
        self._run_id = run_id
        self._checkpoints = None
        if isinstance(component, Agent):
            self._checkpoints = Checkpoints(component, run_id)

    async def keep(self, event: Any) -> None:
        """Take note of an event; Agno does not work on until its next event is awaited."""
        if event.event in BEGINNINGS:
            await self._guard.confirm()
        elif event.event == "ModelRequestStarted" and event.run_id == self._run_id:
            data = None if self._checkpoints is None else self._checkpoints.latest()
            if data is not None:
                await self._guard.checkpoint(data)
