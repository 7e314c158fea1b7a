"""The data that the client returns. All times are Unix times in seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from agno_stream.errors import AgnoStreamError, run_failure


@dataclass(slots=True)
class StreamChunk:
    """One event of a streamed answer.

    `text` may be empty. Only the last chunk has `done` and a `finish_reason`; if the answer failed,
    it has `error`, a sentence, and `failure`, the exception with the text so far. `number` counts
    the events of the run: `resume(run_id, after=number)` continues after this one. `reasoning`,
    `tool` ({id, name, status, ...}) and `usage` ({input_tokens, output_tokens, ...}) are None
    unless the model sends them. `raw` is the JSON of the server, unchanged.
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
    tool: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    failure: AgnoStreamError | None = field(default=None, repr=False, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(
        cls, data: dict[str, Any], number: int, run_id: str, status_code: int | None
    ) -> Self:
        """Return the chunk in the server's JSON; raises TypeError or LookupError for other JSON."""
        text, done = data["content"], data["done"]
        if not isinstance(text, str):
            raise TypeError("content is no text")
        if len(data) == 3 and not done:  # as nearly all are
            return cls(text, False, None, number, run_id, data["model"], raw=data)
        failure = run_failure(data["error"], status_code) if done and "error" in data else None
        return cls(
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


@dataclass(slots=True)
class ModelResponse:
    """A complete answer, or the part of it that arrived.

    `success` is True if the answer is complete; else `error` is a sentence, `failure` the
    exception, and `text` the part that arrived. `status_code` is the HTTP status, or None if no
    server answered. `done` is False for a run that is still active. `status`, `created_at`,
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
    tools: list[dict[str, Any]] = field(default_factory=list)
    status: str | None = None
    number: int = 0
    created_at: float | None = None
    ended_at: float | None = None
    failure: AgnoStreamError | None = field(default=None, repr=False, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

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
        text, reasoning = [], []
        tools: dict[str, dict[str, Any]] = {}
        for chunk in chunks:
            text.append(chunk.text)
            response.run_id = chunk.run_id or response.run_id
            response.model = chunk.model or response.model
            response.agent = chunk.agent or response.agent
            response.conversation_id = chunk.conversation_id or response.conversation_id
            response.number = chunk.number or response.number
            if chunk.reasoning is not None:
                reasoning.append(chunk.reasoning)
            if chunk.tool is not None:
                tools[chunk.tool.get("id", "")] = chunk.tool
            if chunk.done:
                response.done = True
                response.success = chunk.error is None
                response.error, response.failure = chunk.error, chunk.failure
                response.finish_reason, response.usage = chunk.finish_reason, chunk.usage
        failure = response.failure
        response.status_code = 200 if failure is None else failure.status_code
        response.text, response.reasoning = "".join(text), "".join(reasoning) or None
        response.tools = list(tools.values())
        return response


#: Fields of a response that have the same name in the server's JSON.
_SAME_NAMES = (
    *("model", "agent", "run_id", "conversation_id", "finish_reason"),
    *("usage", "reasoning", "status", "created_at", "ended_at"),
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a question can name, by `id` or by `spec` (`<provider>:<id>`)."""

    id: str
    provider: str = ""
    spec: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent that a question can name; `model` is the model that it uses by default."""

    id: str
    name: str = ""
    description: str = ""
    model: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation; `finish_reason` is set if it is an answer that ended early."""

    role: str
    content: str
    run_id: str | None = None
    created_at: float | None = None
    model: str | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that the server stores; `messages` is empty in a list of conversations."""

    conversation_id: str
    title: str = ""
    created_at: float | None = None
    updated_at: float | None = None
    agent: str | None = None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and the head of its response, for debugging.

    `sent` and `received` are headers, with names in lower case and without the API key. `at` is the
    time at which the response began.
    """

    method: str
    url: str
    status_code: int
    sent: dict[str, str]
    received: dict[str, str]
    at: float


def from_json(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """Return an object of the dataclass `kind` from JSON; unknown fields are ignored."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in data.items() if name in known})
