"""Agno's checkpoints of a run, from which another process can go on with it.

Agno makes one after each batch of tools of an agent, or of the leader of a team
(`checkpoint="tool-batch"`). It is kept in the journal of runs, beside the log, and not in the
agent's store.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

import json
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.db.utils import json_serializer
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput

from ..components.late import Team, Workflow
from ..storage.run_store import RunStore
from ..storage.shown import Shown

#: Runs of what Agno makes checkpoints of.
AnyRun = RunOutput | TeamRunOutput


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that another process has begun: Agno's state of it at its checkpoint, None if it begins
    anew; and what its reader has seen of it that stands."""

    checkpoint: str | None = None
    shown: Shown | None = None

    def run(self, component: Any) -> AnyRun | None:
        """Agno's run of the component at the checkpoint."""
        if self.checkpoint is None:
            return None
        kind = TeamRunOutput if isinstance(component, Team) else RunOutput
        return kind.from_dict(json.loads(self.checkpoint))


def can_resume(component: Any, resumed: Resumed) -> bool:
    """Whether a component can go on with a run; what a factory makes is known only now."""
    if resumed.checkpoint is not None:
        return isinstance(component, Agent | Team)
    return isinstance(component, Agent | Team | Workflow)


class Checkpoints:
    """Takes the checkpoints of one run of an agent or a team out of what Agno stores.

    They have the messages of the history, too, which Agno does not store with the run at its end.
    """

    def __init__(self, component: Agent | Team, run_id: str) -> None:
        self._run_id = run_id
        self._latest: AnyRun | None = None
        self._stores = component.checkpoint == "tool-batch"
        self._history = component.store_history_messages
        component.checkpoint = "tool-batch"
        component.store_history_messages = True
        if isinstance(component.db, RunStore | ScratchDb):
            component.db.checkpoints = self

    def take(self, run: Any) -> bool:
        """Take what Agno stores of a run; returns whether it is to be stored, too."""
        if run.run_id != self._run_id or not isinstance(run, AnyRun):
            return True
        checkpoint = run.status == RunStatus.running
        if checkpoint:
            self._latest = type(run).from_dict(run.to_dict())
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


def _complete(run: AnyRun) -> bool:
    """Whether a run has the results of all its calls: an agent may store none of them."""
    messages = run.messages or []
    results = {message.tool_call_id for message in messages if message.role == "tool"}
    calls = {str(call.get("id")) for message in messages for call in message.tool_calls or []}
    return all(call in results for call in calls) and not any(
        message.role == "tool" and message.content is None for message in messages
    )
