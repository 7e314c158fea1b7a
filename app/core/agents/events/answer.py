"""The answer of a run, as Agno completes it, beside the text that was streamed.

See docs/decisions/052-the-text-of-a-run-is-agnos-output.md.
"""

from collections.abc import Callable
from typing import Any

from ....models.chat import Citation, FinishReason, NamedEvent, StreamingChunk, Usage
from ....models.growing import GrowingText
from .values import citations_of, fits, pieces, plain, references_of, state_of, text_of, usage_of

Emit = Callable[[StreamingChunk], None]


class Answer:
    """Collects the fields of the last chunk of a run; `streamed` is the text so far."""

    __slots__ = (
        *("_citations", "_content", "_inside", "_requests", "_state", "_whole", "followups"),
        "streamed",
    )

    def __init__(self) -> None:
        self.streamed = GrowingText()
        self.followups: list[str] | None = None
        self._requests: Usage | None = None  # of the run's own requests
        self._inside: Usage | None = None  # of requests of runs inside it
        self._whole: Usage | None = None  # as Agno sums it up at the end
        self._content: Any = None
        self._state: dict[str, Any] | None = None
        self._citations: list[Citation] = []

    @property
    def usage(self) -> Usage | None:
        """The tokens of the run, and of all runs inside it."""
        own = self._whole or self._requests
        if own is None or self._inside is None:
            return own or self._inside
        return own + self._inside

    @property
    def text(self) -> str:
        """The whole answer, as Agno has completed it, or else as it was streamed."""
        return str(self.streamed) if self._content is None else text_of(self._content)

    def add_request(self, request: Any, *, nested: bool = False) -> None:
        """Count an upstream request; Agno reports no sum if a run pauses."""
        usage = usage_of(request)
        if usage is None:
            return
        if nested:
            self._inside = usage if self._inside is None else self._inside + usage
        else:
            self._requests = usage if self._requests is None else self._requests + usage

    def cite(self, citations: Any) -> None:
        self._citations += [c for c in citations_of(citations) if c not in self._citations]

    def complete(self, event: Any) -> None:
        """Take the output of the run as Agno has completed it."""
        spoken = event.content == "" and getattr(event, "response_audio", None) is not None
        self._content = None if spoken else event.content  # its transcript has been streamed
        metrics = getattr(event, "metrics", None)
        if hasattr(metrics, "total_tokens"):
            self._whole = usage_of(metrics)
        self._state = state_of(getattr(event, "session_state", None)) or self._state
        self.cite(getattr(event, "citations", None))
        found = references_of(getattr(event, "references", None))
        self._citations += [c for c in found if c not in self._citations]

    def complete_inside(self, event: Any) -> None:
        """Note what a run inside this one has changed for all: the state of the session."""
        self._state = state_of(getattr(event, "session_state", None)) or self._state

    def last_chunk(
        self,
        emit: Emit,
        model: str,
        reason: FinishReason,
        rest: str,
        reasoning: str | None,
    ) -> StreamingChunk:
        """The last chunk. Emits before it what does not fit into it: text that Agno has not
        streamed, and all parts but the last of a text that replaces the streamed one."""
        content, final = rest, None
        streamed = f"{self.streamed}{rest}"
        whole = text_of(self._content)
        if self._content is not None and whole != streamed:
            if whole.startswith(streamed):
                *before, content = [rest, *pieces(whole[len(streamed) :])]
                for piece in before:
                    if piece:
                        emit(StreamingChunk(content=piece, done=False, model=model))
            else:
                *parts, final = list(pieces(whole)) or [""]
                for piece in parts:
                    emit(StreamingChunk(content="", done=False, model=model, final=piece))
        return StreamingChunk(
            content=content,
            done=True,
            model=model,
            reasoning=reasoning,
            finish_reason=reason,
            usage=self.usage,
            output=self._fitting(emit, model, "output", self._object()),
            final=final,
            followups=self.followups or None,
            session_state=self._fitting(emit, model, "session_state", self._state),
            citations=self._citations[:100] or None,
        )

    def _object(self) -> Any:
        """The output of an `output_schema`; None if the answer is text."""
        if self._content is None or isinstance(self._content, str):
            return None
        return plain(self._content)

    def _fitting(self, emit: Emit, model: str, field: str, value: Any) -> Any:
        """A field of the last chunk; one that is too large is left out, which an event reports."""
        if value is None or fits(value):
            return value
        event = NamedEvent("Omitted", {"field": field})
        emit(StreamingChunk(content="", done=False, model=model, event=event))
        return None
