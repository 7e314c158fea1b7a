"""The models of one run: copies whose upstream requests are tracked."""

from collections.abc import Callable
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.utils import get_model
from agno.team import Team
from agno.workflow import Workflow

from ...models.chat import FinishReason
from ..providers.tracked import TrackedModel
from ..run_failures import RunFailed
from .components.tree import OTHER_MODELS, parts_of

#: Makes a tracked copy of a model; the model that answers gets the options of the question.
Track = Callable[..., TrackedModel]


class RunModels:
    """Gives a run's copy of a component tracked models.

    `leader` is the model of the agent, or of the leader of the team, whose text is the answer; of
    a workflow, that of the last step. `default` is the server's model, for agents without one.
    """

    def __init__(self, component: Any, chosen: Model, default: Model, track: Track) -> None:
        self._track = track
        self._default = default
        self.all: list[TrackedModel] = []
        self.leader: TrackedModel
        if isinstance(component, Workflow):
            for part in parts_of(component):
                self._inside(part, None)
            if not self.all:  # all steps are functions
                self._add(default)
            self.leader = self.all[-1]
        else:
            self.leader = self._add(chosen, answers=component.output_model is None)
            component.model = self.leader.model
            self._others(component)
            above = chosen if isinstance(component, Team) else None
            for part in parts_of(component):
                self._inside(part, above)

    def _add(self, source: Model, **kwargs: Any) -> TrackedModel:
        tracked = self._track(source, **kwargs)
        self.all.append(tracked)
        return tracked

    def _inside(self, component: Any, above: Model | None) -> None:
        """Track the models of a member, a step, or the agent of a step."""
        source = None
        if isinstance(component, Agent | Team):
            source = get_model(component.model) or above or self._default
            component.model = self._add(source).model
            self._others(component)
        for part in parts_of(component):
            self._inside(part, source if isinstance(component, Team) else None)

    def _others(self, component: Any) -> None:
        for name in OTHER_MODELS:
            source = get_model(getattr(component, name, None))
            if source is not None:
                setattr(component, name, self._add(source).model)

    def listen(self, on_alive: Callable[[], None]) -> None:
        """Call `on_alive` for all that comes from any of the models."""
        for tracked in self.all:
            tracked.on_alive = on_alive

    @property
    def failure(self) -> RunFailed | None:
        """Why the model that answers failed, or else any other."""
        leading = (self.leader, self.leader.answering)
        found = (tracked.failure for tracked in (*leading, *self.all))
        return next((failure for failure in found if failure is not None), None)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended. If the leader only called a member, that member's reason."""
        own = self.leader.answering.finish_reason
        if own not in (None, "tool_calls"):
            return own
        spoke = [tracked for tracked in self.all if tracked.spoke and tracked is not self.leader]
        return spoke[0].finish_reason if len(spoke) == 1 and not self.leader_spoke else own

    @property
    def leader_spoke(self) -> bool:
        """Whether the leader's last request wrote text, and not only a call of a member."""
        return self.leader.answering.finish_reason not in (None, "tool_calls")

    @property
    def uncounted(self) -> int:
        """Characters sent in requests whose usage is not known."""
        return sum({id(t): t.uncounted for m in self.all for t in (m, m.answering)}.values())
