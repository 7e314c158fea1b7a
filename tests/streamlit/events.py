"""The messages between a page and its reader process."""

from dataclasses import dataclass, field

from agno_stream import Config, StreamChunk
from agno_stream.decisions import Decision
from agno_stream.requests import QuestionOptions


@dataclass(frozen=True, slots=True)
class Order:
    """What to read: the answer to a question, the run that continues `continues` with `decisions`,
    another answer in the place of the turn of run `replaces`, or a known run after event
    `after`."""

    config: Config
    question: str | None = None
    stream: bool = True
    options: QuestionOptions = field(default_factory=QuestionOptions)
    run_id: str = ""
    after: int = 0
    pace: bool = False
    continues: str = ""
    decisions: tuple[Decision, ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Began:
    """The question is sent; `at` is Unix time in seconds, here and below."""

    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """A chunk, and when it arrived."""

    at: float
    chunk: StreamChunk
