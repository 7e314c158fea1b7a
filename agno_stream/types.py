"""What the client hands out. All times are Unix times in seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from agno_stream.errors import AgnoStreamError, ending


@dataclass(slots=True)
class StreamChunk:
    """A piece of an answer.

    `text` may be empty. The last chunk, and no other, has `done`, and then `finish_reason`, and
    `error` where the answer did not end well: a sentence, whose exception with the text so far is
    `failure`. `number` is its place in the run: `resume(run_id, after=number)` goes on behind it.
    `reasoning`, `tool` ({id, name, status, ...}) and `usage` ({input_tokens, output_tokens, ...})
    are there where the model gives them. `raw` is what the server sent, as it was sent.
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


@dataclass(slots=True)
class ModelResponse:
    """A whole answer, or as much of it as came.

    `success` says that it ended well; else `error` is a sentence and `failure` its exception, and
    `text` what had come. `status_code` is the HTTP status, None where no server answered. `done`
    is false for a run that goes on. `status`, `created_at`, `ended_at` and `number`, the last
    event so far, are known of a run that was looked up. `raw` is what the server sent.
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
        """The server's `ChatResponse` or `RunState`."""
        error = data.get("error")
        failure = ending(error, status_code) if error else None
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
            **{name: data.get(name) for name in _PLAIN},
        )
        if failure is not None:
            failure.text, failure.run_id = response.text, response.run_id
        return response

    @classmethod
    def from_failure(cls, failure: AgnoStreamError) -> Self:
        """An answer that did not come."""
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
        """A stream to its end, folded."""
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


#: Fields of a response that are called the same in the server's JSON.
_PLAIN = (
    *("model", "agent", "run_id", "conversation_id", "finish_reason"),
    *("usage", "reasoning", "status", "created_at", "ended_at"),
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a question may name, by `id` or by `spec`."""

    id: str
    provider: str = ""
    spec: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent that a question may name; `model` answers where the question names none."""

    id: str
    name: str = ""
    description: str = ""
    model: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation; `finish_reason` of an answer that did not end well."""

    role: str
    content: str
    run_id: str | None = None
    created_at: float | None = None
    model: str | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as the server keeps it; `messages` are there when it was asked for alone."""

    conversation_id: str
    title: str = ""
    created_at: float | None = None
    updated_at: float | None = None
    agent: str | None = None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the head of its reply, for those who look at the wire.

    `sent` and `received` are the headers, with names in lower case; an API key is left out of
    them. `at` is when the reply began.
    """

    method: str
    url: str
    status_code: int
    sent: dict[str, str]
    received: dict[str, str]
    at: float


def take(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """`kind` from JSON; fields that this version does not know are passed over."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in data.items() if name in known})
