"""The report on a run that has ended, for metrics, log lines and traces."""

from dataclasses import dataclass
from typing import Protocol

from ...models.chat import ErrorInfo, FinishReason, Usage
from ..log.journal import RunRecord
from ..log.meter import Meter


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run that has ended. `model` is the model that answered; `duration` is in seconds.

    `usage` is the count of the provider, or an estimate (`estimated`) if it sent none, as for
    cancelled runs. `readers` and `resumes` are those of this process.
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


class Observer(Protocol):
    """Called for each run of this process, in the task that drives it."""

    def began(self, record: RunRecord) -> None:
        """The run was created; it may wait in its queue."""

    def ended(self, report: RunReport) -> None:
        """The last chunk of the run is in its log."""
