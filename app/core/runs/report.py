"""The report on a run that has ended, for metrics, log lines and traces."""

from dataclasses import dataclass
from typing import Protocol

from ...models.chat import ErrorInfo, FinishReason, Requirement, Usage
from ..log.journal import RunRecord
from ..log.meter import Meter


@dataclass(frozen=True, slots=True)
class RunReport:
    """The facts about a run that has ended, for metrics, logs and traces.

    `model` is the model that answered, `duration` is in seconds. `usage` is the provider's count,
    or an estimate (`estimated`) if the provider sent none, as for cancelled runs. `readers` and
    `resumes` count only readers in this process.
    """

    record: RunRecord
    model: str
    ending: FinishReason
    error: ErrorInfo | None
    meter: Meter
    duration: float
    usage: Usage
    readers: int
    resumes: int
    request_id: str | None
    question: str
    text: str
    requirements: list[Requirement] | None = None  # of a paused run


class Observer(Protocol):
    """An object that is notified of the start and the end of each run, in the task that drives the
    run."""

    def began(self, record: RunRecord) -> None:
        """Called when a run was created; the run may have to wait in its queue."""

    def ended(self, report: RunReport) -> None:
        """Called when the last chunk of a run is in its log."""
