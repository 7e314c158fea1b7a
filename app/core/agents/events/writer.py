"""Writes the chunks of one run: its text, its calls, and its last chunk."""

from collections.abc import Callable
from typing import Any

import msgspec

from ....models.chat import (
    FinishReason,
    NamedEvent,
    Requirement,
    Speaker,
    StreamingChunk,
    Usage,
)
from ...question import ClientCall
from ...text import AlreadySent, SurrogateJoiner
from .answer import Answer
from .recorder import Recorder
from .values import client_call, fits, text_of, unknown_call

Emit = Callable[[StreamingChunk], None]


class ChunkWriter:
    """Emits the chunks of one run but for the first one; `model` is the id of the model that
    answers.

    `answer` is what has been written of the answer so far, `recorder` keeps its parts for the
    store.
    """

    __slots__ = ("_emit", "_reasoning", "_text", "answer", "model", "recorder")

    def __init__(self, model: str, emit: Emit) -> None:
        self.model = model
        self.answer = Answer()
        self.recorder = Recorder(self.answer.streamed, emit)
        self._emit = emit
        self._text = SurrogateJoiner()
        self._reasoning = SurrogateJoiner()

    @property
    def usage(self) -> Usage | None:
        """What the provider has reported so far."""
        return self.answer.usage

    @property
    def pieces(self) -> int:
        """How many pieces of text and reasoning were written."""
        return self.answer.streamed.count + self.recorder.thoughts

    def content(self, content: Any, reasoning: str | None) -> None:
        """Emit new text and reasoning."""
        if type(content) is not str and content is not None:
            content = None if isinstance(content, AlreadySent) else text_of(content)
        text = content or ""
        if self._text.high or not text.isascii():
            text = self._text.feed(content) if content else ""
        thought = None
        if reasoning and not isinstance(reasoning, AlreadySent):
            thought = self._reasoning.feed(reasoning) or None
            if thought is not None:
                self.recorder.add_reasoning(thought)
        if text:
            self.answer.streamed.append(text)
        elif thought is None:
            return
        # By position, because this is made for each token.
        self._emit(StreamingChunk(text, False, self.model, thought))

    def call(self, call: ClientCall) -> None:
        """Emit a tool call that the client must execute."""
        self._chunk(tool=client_call(call))

    def refused_call(self, call: dict[str, Any]) -> None:
        """Emit a call of a tool that does not exist."""
        self._chunk(tool=unknown_call(call))

    def end(
        self, reason: FinishReason, requirements: list[Requirement] | None = None
    ) -> StreamingChunk:
        """Return the last chunk of a run that did not fail, after what is missing before it."""
        rest, thought = self._text.rest(), self._reasoning.rest() or None
        emit = self.recorder.emit
        last = self.answer.last_chunk(emit, self.model, reason, rest, thought)
        if requirements:
            last = msgspec.structs.replace(last, requirements=requirements)
        return self.recorder.end(last)

    def _event(self, name: str, data: dict[str, Any], speaker: Speaker | None) -> None:
        if not fits(data):
            data = {"omitted": "The data of this event are larger than a chunk may be."}
        self._chunk(speaker=speaker, event=NamedEvent(name, data))

    def _chunk(self, **parts: Any) -> None:
        self.recorder.emit(StreamingChunk(content="", done=False, model=self.model, **parts))
