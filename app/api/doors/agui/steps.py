"""The steps of a workflow as AG-UI's steps, each with a name that no other open step has."""

from typing import Any

import msgspec

from ....models.chat import Step
from . import events as ev
from .voices import Emit

Key = tuple[str, str, int | None]

#: The name of the custom event for what happens within a step.
PROGRESS = "agno-stream.step"


class Steps:
    """Emits the beginnings and ends of steps; anything else about a step is a custom event."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._open: dict[Key, str] = {}

    @property
    def any_open(self) -> bool:
        return bool(self._open)

    def take(self, step: Step) -> None:
        key = (step.kind, step.id, step.iteration)
        if step.status == "started" and key not in self._open:
            self._begin(key, step)
        elif step.status in ("completed", "failed"):
            if key not in self._open:
                self._begin(key, step)
            self._finish(key, _report(step))
        else:
            self._emit(ev.Custom(name=PROGRESS, value=msgspec.to_builtins(step)))

    def end(self) -> None:
        """Close the steps that are open, because the run ends."""
        for key in [*self._open]:
            self._finish(key, None)

    def _begin(self, key: Key, step: Step) -> None:
        wanted = step.name if step.iteration is None else f"{step.name} {step.iteration}"
        name, number = wanted, 1
        while name in self._open.values():
            number += 1
            name = f"{wanted} ({number})"
        self._open[key] = name
        self._emit(ev.StepStarted(step_name=name, metadata={"agno-stream": {"kind": step.kind}}))

    def _finish(self, key: Key, report: dict[str, Any] | None) -> None:
        self._emit(ev.StepFinished(step_name=self._open.pop(key), metadata=report))


def _report(step: Step) -> dict[str, Any] | None:
    """Why a step failed."""
    if step.status != "failed":
        return None
    return {"agno-stream": {"status": "failed", "message": step.message or ""}}
