"""Feeds a reader a body in any cuts, and says what it made of it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.core.providers.wire.chat_completions import ChatCompletions
from app.core.providers.wire.gemini import Gemini
from app.core.providers.wire.messages import Messages
from app.core.providers.wire.ollama import Ollama
from app.core.providers.wire.outcome import Outcome
from app.core.providers.wire.reader import Reader
from app.core.providers.wire.responses import Responses
from app.models.chat import COMPLETE

READERS: dict[str, type[Reader]] = {
    "chat": ChatCompletions,
    "responses": Responses,
    "messages": Messages,
    "ollama": Ollama,
    "gemini": Gemini,
}


@dataclass(slots=True)
class Case:
    """A body that a provider may send, and what must come of it.

    `calls` are names with arguments; `says` is a part of the error's message.
    """

    name: str
    body: bytes
    text: str = "one two three"
    reasoning: str = ""
    end: str = "stop"
    calls: list[tuple[str, Any]] = field(default_factory=list)
    usage: tuple[int, int, int] | None = None
    says: str = ""
    status: int | None = None
    content_type: str = "text/event-stream"
    think_tags: bool = False


@dataclass(slots=True)
class Reading:
    """What a reader made of a body: what its sink got, its outcome, what the SDK is to read."""

    text: str
    reasoning: str
    outcome: Outcome
    seen: bytes

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return [(call.name, json.loads(call.arguments)) for call in self.outcome.calls]


def pieces(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """The body, cut at these places."""
    before = 0
    for cut in sorted({*cuts, len(body)}):
        yield body[before:cut]
        before = cut


def read(kind: str, case: Case, cuts: Iterable[int] = ()) -> Reading:
    texts: list[str] = []
    thoughts: list[str] = []

    def sink(text: str | None, thought: str | None) -> None:
        texts.append(text or "")
        thoughts.append(thought or "")

    reader = READERS[kind](sink, content_type=case.content_type, think_tags=case.think_tags)
    seen = b"".join(reader.feed(piece) for piece in pieces(case.body, cuts)) + reader.close()
    assert b"" == reader.feed(b"data: more\n\n")
    for call in reader.outcome.calls:
        if call.id.startswith("call_") and len(call.id) == 29:
            call.id = "made"  # another one each time
    return Reading("".join(texts), "".join(thoughts), reader.outcome, seen)


def check(kind: str, case: Case) -> None:
    """Assert that a body comes to what it must, whole and byte by byte."""
    whole = read(kind, case)
    slow = read(kind, case, range(len(case.body)))
    assert (whole.text, whole.reasoning, whole.outcome) == (slow.text, slow.reasoning, slow.outcome)
    outcome = whole.outcome
    assert (case.text, case.reasoning, case.end) == (
        whole.text,
        whole.reasoning,
        outcome.finish_reason,
    )
    assert case.calls == whole.calls
    assert (case.end not in COMPLETE) == (outcome.error is not None)
    if outcome.error is not None:
        assert case.says in outcome.error.message
        assert case.status == outcome.error.status
    if case.usage is not None:
        usage = outcome.usage
        assert usage is not None
        assert case.usage == (usage.input_tokens, usage.output_tokens, usage.total_tokens)
