"""The models of one run: copies whose upstream requests are tracked."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.utils import get_model

from ...models.chat import COMPLETE, FinishReason, Usage
from ..providers.tracked import TrackedModel
from ..run_failures import RunFailed
from .components.late import Team, Workflow
from .components.tree import ANSWERING, OTHER_MODELS, fallbacks_of, followups_of, parts_of

#: Characters per token, to estimate the tokens that the provider did not count.
CHARS_PER_TOKEN = 4

#: Makes a tracked copy of a model; the model that answers gets the options of the question.
Track = Callable[..., TrackedModel]


class Part:
    """An agent, team or workflow of a run: the models that write its text, and the `inner` ones,
    which may write it as well."""

    __slots__ = ("component", "inner", "own")

    def __init__(self, component: Any) -> None:
        self.component = component
        self.own: list[TrackedModel] = []
        self.inner: list[Part] = []

    @property
    def order(self) -> int:
        """The place of its latest request among all requests of the run; 0 without any."""
        return max((*(m.order for m in self.own), *(part.order for part in self.inner)), default=0)

    def writers(self) -> list[TrackedModel]:
        """The models that wrote its text: several if a leader has called several members."""
        latest = max(self.own, key=lambda model: model.order, default=None)
        if isinstance(self.component, Workflow):
            part = max(self.inner, key=lambda part: part.order, default=None)
            return part.writers() if part is not None and part.order else []
        if latest is None or latest.order == 0:
            return []
        called = [part for part in self.inner if part.order > latest.order]
        if latest.answering.finish_reason != "tool_calls" or not called:
            return [latest]
        return [model for part in called for model in part.writers()]


class RunModels:
    """Gives a run's copy of a component tracked models.

    `leader` is the model of the agent, or of the leader of the team; of a workflow, that of the
    last step. `default` is the server's model, for agents without one.
    """

    __slots__ = ("_answer", "_count", "_default", "_track", "all", "leader")

    def __init__(self, component: Any, chosen: Model, default: Model, track: Track) -> None:
        self._track = track
        self._default = default
        self._count = itertools.count(1)
        self.all: list[TrackedModel] = []
        self.leader: TrackedModel
        self._answer = Part(component)
        if isinstance(component, Workflow):
            for part in parts_of(component):
                self._inside(self._answer, part, None)
            if not self.all:  # all steps are functions
                self._add(default)
            self.leader = self.all[-1]
        else:
            self.leader = self._add(chosen, answers=component.output_model is None)
            component.model = self.leader.model
            self._answer.own.append(self.leader)
            self._others(self._answer)
            above = chosen if isinstance(component, Team) else None
            for part in parts_of(component):
                self._inside(self._answer, part, above)
        del self._track  # it would hold what made it for as long as the run

    def _add(self, source: Model, **kwargs: Any) -> TrackedModel:
        tracked = self._track(source, **kwargs)
        tracked.count_with(self._count)
        self.all.append(tracked)
        return tracked

    def _inside(self, outer: Part, component: Any, above: Model | None) -> None:
        """Track the models of a member, a step, or the agent of a step."""
        source, part = None, Part(component)
        if isinstance(component, Agent | Team):
            source = get_model(component.model) or above or self._default
            part.own.append(self._add(source))
            component.model = part.own[0].model
            self._others(part)
        if component is not getattr(outer.component, "reasoning_agent", None):
            outer.inner.append(part)
        for inner in parts_of(component):
            self._inside(part, inner, source if isinstance(component, Team) else None)

    def _others(self, part: Part) -> None:
        component = part.component
        for name in OTHER_MODELS:
            source = get_model(getattr(component, name, None))
            if source is not None:
                tracked = self._add(source)
                setattr(component, name, tracked.model)
                if name in ANSWERING:
                    part.own.append(tracked)
        asking = followups_of(component)
        if asking is not None and (source := get_model(asking.model)) is not None:
            component.followups = replace(asking, model=self._add(source).model)
        if (config := getattr(component, "fallback_config", None)) is not None:
            component.fallback_config = copy.copy(config)
            for name, models in fallbacks_of(component):
                found = [self._add(model) for model in models]
                for tracked in found:
                    tracked.stay()  # Agno copies them in each run
                setattr(component.fallback_config, name, [tracked.model for tracked in found])
                part.own += found

    def listen(self, on_alive: Callable[[], None]) -> None:
        """Call `on_alive` for all that comes from any of the models."""
        for tracked in self.all:
            tracked.on_alive = on_alive

    @property
    def failure(self) -> RunFailed | None:
        """Why the latest request of the run failed; None if it did not.

        If a fallback fails before its first token, too, it is the failure of the chosen model.
        """
        latest = max(self.all, key=lambda tracked: tracked.order)
        answering = latest.answering
        if answering is not latest and not answering.spoke:
            return latest.failure or answering.failure
        return answering.failure

    @property
    def answer_failure(self) -> RunFailed | None:
        """Why no model has completed the text of the answer; None if one has."""
        failures = [tracked.answering.failure for tracked in self._answer.writers()]
        return failures[-1] if failures and all(failures) else None

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended: `length` if the text of any of its writers did."""
        reasons = [tracked.answering.finish_reason for tracked in self._answer.writers()]
        complete = [reason for reason in reasons if reason in COMPLETE]
        limited = [reason for reason in complete if reason in ("length", "content_filter")]
        return (limited or complete or [None])[-1]

    @property
    def uncounted(self) -> int:
        """The number of characters sent in requests whose usage in tokens no provider has
        reported."""
        return sum({id(t): t.uncounted for m in self.all for t in (m, m.answering)}.values())


def estimated(counted: Usage | None, models: RunModels | None, pieces: int) -> Usage:
    """The tokens that the provider counted, plus an estimate of the others; `pieces` are those of
    the text so far."""
    known = counted or Usage(0, 0, 0)
    sent = known.input_tokens + (models.uncounted // CHARS_PER_TOKEN if models else 0)
    received = max(known.output_tokens, pieces)
    return Usage(sent, received, sent + received, estimated=True)
