"""Chunks and answers. All times are Unix times in seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from agno_stream.errors import AgnoStreamError
from agno_stream.failures import run_failure
from agno_stream.parts import (
    Citation,
    Media,
    NamedEvent,
    Part,
    Parts,
    Recovered,
    Said,
    Speaker,
    Step,
    ToolCall,
)
from agno_stream.standing import Standing


@dataclass(slots=True)
class StreamChunk:
    """One event of a streamed answer.

    `text` may be empty. Only the last chunk has `done` and a `finish_reason`; if the answer failed,
    it has `error`, a sentence, and `failure`, the exception with the text so far. `number` counts
    the events of the run: `resume(run_id, after=number)` continues after this one. `reasoning`,
    `tool` ({id, name, status, ...}) and `usage` ({input_tokens, output_tokens, ...}) are None
    unless the model sends them, as are the fields from `speaker` on, whose types are in
    `agno_stream.parts`: the text of a member or a step, a step, an event, media; and in the last
    chunk sources, followups, the answer as an object, a text that replaces the streamed one, the
    session's state, what the run waits for, and `stored: False` if the turn was not kept. The first
    chunk has `replaces`, if the turn stands in the place of that of another run. With `recovered`
    all chunks after the number it names are void: the server died, and another one goes on from
    there. `raw` is the JSON of the server, unchanged.
    """

    text: str
    done: bool
    error: str | None = None
    number: int = 0
    run_id: str | None = None
    model: str | None = None
    conversation_id: str | None = None
    agent: str | None = None
    reasoning: str | None = None
    tool: ToolCall | None = None
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    failure: AgnoStreamError | None = field(default=None, repr=False, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    speaker: Speaker | None = None
    said: Said | None = None
    step: Step | None = None
    event: NamedEvent | None = None
    media: list[Media] | None = None
    citations: list[Citation] | None = None
    followups: list[str] | None = None
    output: Any = None
    final: str | None = None
    session_state: dict[str, Any] | None = None
    requirements: list[dict[str, Any]] | None = None
    stored: bool | None = None
    replaces: str | None = None
    recovered: Recovered | None = None

    @classmethod
    def from_json(
        cls, data: dict[str, Any], number: int, run_id: str, status_code: int | None
    ) -> Self:
        """Return the chunk in the server's JSON; raises TypeError or LookupError for other JSON."""
        text, done = data["content"], data["done"]
        if not isinstance(text, str):
            raise TypeError("content is no text")
        if len(data) == len(_TEXT) and not done:  # as nearly all are
            return cls(text, False, None, number, run_id, data["model"], raw=data)
        failure = run_failure(data["error"], status_code) if done and "error" in data else None
        chunk = cls(
            text,
            done,
            None if failure is None else str(failure),
            number,
            run_id,
            data["model"],
            data.get("conversation_id"),
            data.get("agent"),
            data.get("reasoning"),
            data.get("tool"),
            data.get("usage"),
            data.get("finish_reason"),
            failure,
            data,
        )
        for name in _MORE & data.keys():
            setattr(chunk, name, data[name])
        return chunk


#: The fields of a chunk that is only text.
_TEXT = ("content", "done", "model")

#: Fields of a chunk that few have, with the same names in the server's JSON.
_MORE = frozenset(
    {
        *("speaker", "said", "step", "event", "media", "citations", "followups", "output"),
        *("final", "session_state", "requirements", "stored", "replaces", "recovered"),
    }
)


@dataclass(slots=True)
class ModelResponse:
    """A complete answer, or the part of it that arrived.

    `success` is True if the answer is complete; else `error` is a sentence, `failure` the
    exception, and `text` the part that arrived. `status_code` is the HTTP status, or None if no
    server answered. `done` is False for a run that is still active. `parts` is all that came, in
    order; `tools`, `media` and `citations` are collected from it. `status`, `created_at`,
    `ended_at` and `number`, that of the last event so far, are set by `run` and `cancel`. `raw` is
    the JSON of the server, unchanged.
    """

    text: str
    success: bool
    error: str | None = None
    status_code: int | None = None
    done: bool = True
    model: str | None = None
    agent: str | None = None
    run_id: str | None = None
    conversation_id: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    reasoning: str | None = None
    tools: list[ToolCall] = field(default_factory=list)
    status: str | None = None
    number: int = 0
    created_at: float | None = None
    ended_at: float | None = None
    failure: AgnoStreamError | None = field(default=None, repr=False, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    parts: list[Part] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    followups: list[str] | None = None
    output: Any = None
    session_state: dict[str, Any] | None = None
    requirements: list[dict[str, Any]] | None = None
    stored: bool | None = None
    replaces: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any], status_code: int) -> Self:
        """Return the answer or state in the server's JSON; raises LookupError or TypeError for
        other JSON."""
        error = data.get("error")
        failure = run_failure(error, status_code) if error else None
        reason = data.get("finish_reason")
        response = cls(
            text=data["content"],
            success=failure is None,
            error=None if failure is None else str(failure),
            status_code=status_code,
            done=reason is not None,
            tools=list(data.get("tools") or ()),
            media=list(data.get("media") or ()),
            citations=list(data.get("citations") or ()),
            parts=parts_in(data),
            number=int(str(data.get("last_event_id") or "0").rpartition(":")[2]),
            failure=failure,
            raw=dict(data),
            **{name: data.get(name) for name in _SAME_NAMES},
        )
        if failure is not None:
            failure.text, failure.run_id = response.text, response.run_id
        return response

    @classmethod
    def from_failure(cls, failure: AgnoStreamError) -> Self:
        """Return the response for an answer that failed, with the text that arrived before the
        failure."""
        return cls(
            text=failure.text,
            success=False,
            error=str(failure),
            status_code=failure.status_code,
            run_id=failure.run_id,
            finish_reason=failure.raw()["finish_reason"],
            failure=failure,
            raw=failure.raw(),
        )

    @classmethod
    def from_chunks(cls, chunks: Iterable[StreamChunk]) -> Self:
        """Read all chunks of a stream, and return them joined as one response."""
        response = cls(text="", success=False, done=False)
        standing: Standing[str | dict[str, Any]] = Standing()
        for chunk in chunks:
            # A run that is read to its end by its state has there all that the chunks have had.
            only_text = len(chunk.raw) <= len(_TEXT) or "status" in chunk.raw
            standing.add(chunk.number, chunk.text if only_text else chunk.raw, chunk.recovered)
            response.run_id = chunk.run_id or response.run_id
            response.model = chunk.model or response.model
            response.agent = chunk.agent or response.agent
            response.conversation_id = chunk.conversation_id or response.conversation_id
            response.replaces = chunk.replaces or response.replaces
            response.number = chunk.number or response.number
            if chunk.done:
                response.done = True
                response.success = chunk.error is None
                response.error, response.failure = chunk.error, chunk.failure
                response.finish_reason, response.usage = chunk.finish_reason, chunk.usage
                for name in _AT_THE_END:
                    setattr(response, name, getattr(chunk, name))
        failure = response.failure
        response.status_code = 200 if failure is None else failure.status_code
        parts = Parts()
        for item in standing.items:
            parts.add({"content": item} if isinstance(item, str) else item)
        response._collect(parts.folded())
        return response

    def _collect(self, parts: list[Part]) -> None:
        self.parts = parts
        self.text = "".join(part.get("content", "") for part in parts)
        self.reasoning = "".join(part.get("reasoning", "") for part in parts) or None
        self.tools = [part["tool"] for part in parts if "tool" in part]
        self.media = [item for part in parts for item in part.get("media", ())]
        self.citations = [item for part in parts for item in part.get("citations", ())]


#: Fields of the last chunk that are fields of the response, too.
_AT_THE_END = ("followups", "output", "session_state", "requirements", "stored")

#: Fields of a response that have the same name in the server's JSON.
_SAME_NAMES = (
    *("model", "agent", "run_id", "conversation_id", "finish_reason"),
    *("usage", "reasoning", "status", "created_at", "ended_at"),
    *("replaces", *_AT_THE_END),
)


def parts_in(data: Mapping[str, Any]) -> list[Part]:
    """Return the parts of an answer in the server's JSON, which has none if it is only text."""
    if "parts" in data:
        return list(data["parts"])
    return [{"type": "content", "content": data["content"]}] if data.get("content") else []
