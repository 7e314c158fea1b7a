"""Keeps the journal ahead of what an agent does, so that another process can go on with its run.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

from collections.abc import Callable
from typing import Any

from agno.agent import Agent

from ....models.chat import StreamingChunk
from ...recovering import Guard
from ..components.late import Team
from .checkpoints import Checkpoints

#: Events of Agno before which a batch of tools has ended, if there was one.
REQUESTS = frozenset({"ModelRequestStarted", "TeamModelRequestStarted"})

#: Events of Agno after which something begins that cannot be undone.
BEGINNINGS = frozenset(
    {
        *("ToolCallStarted", "TeamToolCallStarted", "StepStarted", "LoopExecutionStarted"),
        *("ParallelExecutionStarted", "ConditionExecutionStarted", "RouterExecutionStarted"),
        "StepsExecutionStarted",
    }
)


class Safety:
    """What one run of a component tells its guard, and what it holds back: readers learn that a
    tool has ended only when another process can go on from there.

    The run of an agent or a team makes checkpoints from now on. Without a guard nothing is held
    back.
    """

    __slots__ = ("_checkpoints", "_emit", "_guard", "_held", "_run_id")

    def __init__(
        self,
        guard: Guard | None,
        component: Any,
        run_id: str,
        emit: Callable[[StreamingChunk], None],
    ) -> None:
        self._guard = guard
        self._run_id = run_id
        self._emit = emit
        self._held: list[StreamingChunk] = []
        self._checkpoints: Checkpoints | None = None
        if guard is not None and isinstance(component, Agent | Team):
            self._checkpoints = Checkpoints(component, run_id)

    def emit(self, chunk: StreamingChunk) -> None:
        """Emit a chunk, or hold it back until `keep` or `release`."""
        ends = chunk.tool is not None and chunk.tool.status in ("completed", "failed")
        if self._held or (ends and self._checkpoints is not None):
            self._held.append(chunk)
        else:
            self._emit(chunk)

    async def keep(self, event: Any) -> None:
        """Take note of an event; Agno does not work on until its next event is awaited."""
        if self._guard is None:
            return
        if event.event in BEGINNINGS:
            self.release()
            await self._guard.confirm()
        elif event.event in REQUESTS and event.run_id == self._run_id:
            data = None if self._checkpoints is None else self._checkpoints.latest()
            if data is not None:
                await self._guard.checkpoint(data, self._held)
            self.release()

    def release(self) -> None:
        """Emit what is held back."""
        held, self._held = self._held, []
        for chunk in held:
            self._emit(chunk)

    async def confirm(self) -> None:
        """Wait until the journal has all chunks so far, and this process still has the run."""
        if self._guard is not None:
            await self._guard.confirm()
