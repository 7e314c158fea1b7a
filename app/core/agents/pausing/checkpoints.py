"""Agno's checkpoints of a run, from which another process can go on with it.

Agno makes one after each batch of tools of an agent (`checkpoint="tool-batch"`). It is kept in the
journal of runs, beside the log, and not in the agent's store.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.db.utils import json_serializer
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.team import Team
from agno.tools.function import Function
from agno.tools.toolkit import Toolkit
from agno.workflow import Workflow

from ..storage.run_store import RunStore
from ..storage.shown import Shown

#: The key in the metadata of an agent or a team that names its tools that may run again, or `True`
#: for all of them.
REPEATABLE = "repeatable_tools"

#: Hints of the Model Context Protocol by which a tool may run again.
HINTS = ("readOnlyHint", "idempotentHint")


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that another process has begun: Agno's state of it at its checkpoint, None if it begins
    anew; and what its reader has seen of it that stands."""

    checkpoint: str | None = None
    shown: Shown | None = None

    def run(self) -> RunOutput | None:
        """Agno's run at the checkpoint."""
        if self.checkpoint is None:
            return None
        return RunOutput.from_dict(json.loads(self.checkpoint))


def can_resume(component: Any, resumed: Resumed) -> bool:
    """Whether a component can go on with a run; what a factory makes is known only now."""
    if resumed.checkpoint is not None:
        return isinstance(component, Agent)
    return isinstance(component, Agent | Team | Workflow)


class Checkpoints:
    """Takes the checkpoints of one run of an agent out of what Agno stores.

    They have the messages of the history, too, which Agno does not store with the run at its end.
    """

    def __init__(self, component: Agent, run_id: str) -> None:
        self._run_id = run_id
        self._latest: RunOutput | None = None
        self._stores = component.checkpoint == "tool-batch"
        self._history = component.store_history_messages
        component.checkpoint = "tool-batch"
        component.store_history_messages = True
        if isinstance(component.db, RunStore | ScratchDb):
            component.db.checkpoints = self

    def take(self, run: Any) -> bool:
        """Take what Agno stores of a run; returns whether it is to be stored, too."""
        if run.run_id != self._run_id or not isinstance(run, RunOutput):
            return True
        checkpoint = run.status == RunStatus.running
        if checkpoint:
            self._latest = RunOutput.from_dict(run.to_dict())
        if not self._history:
            run.messages = [m for m in run.messages or [] if not m.from_history]
        return self._stores or not checkpoint

    def latest(self) -> str | None:
        """The checkpoint since the last call; None if there is none, empty if it lacks results."""
        run, self._latest = self._latest, None
        if run is None:
            return None
        return json_serializer(run.to_dict()) if _complete(run) else ""


class ScratchDb(InMemoryDb):
    """A store in memory for one run, whose checkpoints are taken out."""

    checkpoints: Checkpoints | None = None

    def upsert_run(self, run: Any, *args: Any, **kwargs: Any) -> None:
        if self.checkpoints is None or isinstance(run, dict) or self.checkpoints.take(run):
            super().upsert_run(run, *args, **kwargs)


def _complete(run: RunOutput) -> bool:
    """Whether a run has the results of all its calls: an agent may store none of them."""
    messages = run.messages or []
    results = {message.tool_call_id for message in messages if message.role == "tool"}
    calls = {str(call.get("id")) for message in messages for call in message.tool_calls or []}
    return all(call in results for call in calls) and not any(
        message.role == "tool" and message.content is None for message in messages
    )


def repeatable(component: Any) -> Callable[[str], bool]:
    """Whether a tool may run again whose first outcome is not known: the agent's metadata or the
    tool itself declares it."""
    declared = (getattr(component, "metadata", None) or {}).get(REPEATABLE)
    if declared is True:
        return lambda name: True
    names = {str(name) for name in declared} if isinstance(declared, list | tuple | set) else set()
    tools = getattr(component, "tools", None)
    for function in _functions(tools if isinstance(tools, list) else []):
        hints = function.annotations or {}
        if function.has_side_effects is False or any(hints.get(hint) is True for hint in HINTS):
            names.add(function.name)
    return names.__contains__


def _functions(tools: Iterable[Any]) -> Iterator[Function]:
    for tool in tools:
        if isinstance(tool, Function):
            yield tool
        elif isinstance(tool, Toolkit):
            yield from tool.functions.values()
            yield from tool.async_functions.values()
