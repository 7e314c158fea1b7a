"""The steps of a workflow: their states, and which of them writes the answer."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from ....models.chat import Step
from ..components.late import Condition, Router, Steps, Workflow
from .values import shortened, text_of

Kind = Literal["step", "steps", "loop", "iteration", "parallel", "condition", "router"]

#: Kinds of steps by how the names of their events begin; the longest first.
KINDS: dict[str, Kind] = {
    "LoopIteration": "iteration",
    "Loop": "loop",
    "Parallel": "parallel",
    "Condition": "condition",
    "Router": "router",
    "StepsExecution": "steps",
    "Step": "step",
}


def step_of(event: Any) -> Step:
    """The state of a step that an event reports."""
    name = event.event
    kind = next(kind for start, kind in KINDS.items() if name.startswith(start))
    title = str(event.step_name or kind)
    message = (
        getattr(event, "error", None)
        or getattr(event, "confirmation_message", None)
        or getattr(event, "user_input_message", None)
        or getattr(event, "output_review_message", None)
        or (getattr(event, "content", None) if name == "StepProgress" else None)
    )
    return Step(
        id=str(event.step_id or title),
        name=title,
        kind=kind,
        status=_status(name),
        iteration=getattr(event, "iteration", None) if kind == "iteration" else None,
        message=shortened(text_of(message)) if message else None,
    )


def last_step(event: Any) -> Any:
    """The output of the innermost last step, which is that of the workflow; None without any."""
    last: Any = event
    while inside := _results(last):
        last = inside[-1]
    return None if last is event else last


def failed_steps(event: Any) -> Iterator[Step]:
    """The steps that failed and were passed over: Agno reports no event of their end."""
    for result in _results(event):
        if _results(result):
            yield from failed_steps(result)
        elif not result.success:
            name = str(result.step_name or "step")
            message = shortened(text_of(result.error or result.content))
            yield Step(str(result.step_id or name), name, "step", "failed", message=message)


def _results(output: Any) -> list[Any]:
    """The outputs of the steps inside a workflow or a step."""
    found = getattr(output, "step_results", None) or getattr(output, "steps", None)
    flat: list[Any] = []
    for result in found or []:
        flat += result if isinstance(result, list) else [result]
    return flat


def _status(name: str) -> Literal["started", "running", "completed", "failed", "paused"]:
    if name.endswith("Started"):
        return "started"
    if name.endswith("Completed"):
        return "completed"
    if name.endswith("Error"):
        return "failed"
    return "paused" if name.endswith(("Paused", "Review")) else "running"


class Outline:
    """Which step of a workflow writes its answer, as far as that is known before it has run.

    The answer of a workflow is the output of the step that ran last. That is the last one of its
    list, if it runs once: in a loop, in parallel or behind a router nobody knows beforehand.
    """

    def __init__(self, workflow: Workflow) -> None:
        steps = workflow.steps
        self._steps: Sequence[Any] = steps if isinstance(steps, list) else []
        self._branches: dict[str, bool] = {}  # of conditions, by the names of their steps
        self._chosen = 1  # steps that the latest router has chosen

    def note(self, event: Any) -> None:
        """Take note of what a condition or a router has chosen."""
        if event.event == "RouterExecutionStarted":
            self._chosen = len(event.selected_steps or [])
        if event.event == "ConditionExecutionStarted":
            self._branches[event.step_name or ""] = bool(event.condition_result)

    def answers(self, event: Any) -> bool:
        """Whether the step that a `StepStarted` reports is the one that writes the answer."""
        if not self._steps or event.nested_depth or event.step_index is None:
            return False
        place = event.step_index if isinstance(event.step_index, tuple) else (event.step_index,)
        steps: Sequence[Any] = self._steps
        for depth, index in enumerate(place):
            if not steps or index != len(steps) - 1:
                return False
            last = steps[-1]
            if depth == len(place) - 1:
                return self._writes(last)
            steps = self._inside(last)
        return False

    def _writes(self, step: Any) -> bool:
        """Whether a step is run by one agent or team, whose text is its output."""
        if isinstance(step, Router):
            return self._chosen == 1
        return not isinstance(step, Workflow) and getattr(step, "workflow", None) is None

    def _inside(self, step: Any) -> Sequence[Any]:
        if isinstance(step, Condition):
            chosen = self._branches.get(step.name or "", True)
            return list((step.steps if chosen else step.else_steps) or [])
        return list(step.steps or []) if isinstance(step, Steps) else []
