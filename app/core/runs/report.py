"""The report on a run that has ended, for metrics, log lines and traces."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...models.chat import ErrorInfo, FinishReason, Requirement, Usage
from ..log.journal import Entry, RunRecord
from ..log.meter import Meter

logger = logging.getLogger(__name__)


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
    run; and of the end alone of one whose process has died."""

    def began(self, record: RunRecord) -> None:
        """Called when a run was created; the run may have to wait in its queue."""

    def ended(self, report: RunReport) -> None:
        """Called when the last chunk of a run is in its log."""


def notify(observers: Iterable[Observer], call: Callable[[Observer], None]) -> None:
    """Call each observer, and log those that fail."""
    for observer in observers:
        try:
            call(observer)
        except Exception:  # a run does not fail because it cannot be counted
            logger.exception("runs: %s failed", type(observer).__name__)


def report_of_orphan(record: RunRecord, entries: Sequence[Entry]) -> RunReport:
    """The report on a run that ended here after its process had died, from its whole log: with an
    estimate of its output where no usage is known, and without the readers it had there."""
    meter = Meter()
    meter.read(entries)
    duration, last = entries[-1]
    estimate = Usage(0, meter.tokens, meter.tokens, estimated=True)
    return RunReport(
        record=record,
        model=last.model,
        ending=last.finish_reason or "error",
        error=last.error,
        meter=meter,
        duration=duration,
        usage=last.usage or estimate,
        readers=0,
        resumes=0,
        request_id=None,
        question=record.question or "",
        text="".join(chunk.content for _, chunk in entries),
        requirements=last.requirements,
    )
