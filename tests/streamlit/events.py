"""What a page and its reader say to each other."""

from dataclasses import dataclass, field

from agno_stream import Config, StreamChunk
from agno_stream.requests import QuestionOptions


@dataclass(frozen=True, slots=True)
class Order:
    """What to read: the answer to a question, or a run that is known, from behind event `after`."""

    config: Config
    question: str | None = None
    stream: bool = True
    options: QuestionOptions = field(default_factory=QuestionOptions)
    run_id: str = ""
    after: int = 0
    pace: bool = False


@dataclass(frozen=True, slots=True)
class Began:
    """The question leaves; `at` is Unix time in seconds, here and below."""

    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """A chunk, and when it was here."""

    at: float
    chunk: StreamChunk
