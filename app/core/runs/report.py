"""What is known of a run when it has ended, for those who count, log and trace runs."""

from dataclasses import dataclass
from typing import Protocol

from ...models.chat import ErrorInfo, FinishReason, Usage
from ..log.journal import RunRecord
from ..log.meter import Meter


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run. `model` is the one that answered; `duration` is in seconds, since the run was
    created. `usage` is the provider's count, or an estimate where it told none, as of a run that
    was cancelled. `readers` and `resumes` are those of this process.
    """

    record: RunRecord
    model: str
    ending: FinishReason
    error: ErrorInfo | None
    meter: Meter
    duration: float
    usage: Usage
    estimated: bool
    readers: int
    resumes: int
    request_id: str | None
    question: str
    text: str


class Observer(Protocol):
    """Told of each run of this process: in its own task when it begins, and when it has ended."""

    def began(self, record: RunRecord) -> None: ...

    def ended(self, report: RunReport) -> None: ...
