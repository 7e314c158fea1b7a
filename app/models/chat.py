"""`StreamingChunk`, the one vocabulary of the server, and what can be folded out of chunks."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

FinishReason = Literal[
    "stop",
    "length",
    "content_filter",
    "tool_calls",
    "cancelled",
    "disconnected",
    "timeout_first_token",
    "timeout_idle",
    "timeout_total",
    "upstream_cut",
    "interrupted",
    "error",
]

#: Endings in which the model said all it meant to say, or all it was allowed to.
COMPLETE: frozenset[str] = frozenset({"stop", "length", "content_filter", "tool_calls"})


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one run, as the provider counted them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step in the life of a tool call: it started, completed, failed, or waits for the client.

    One that waits has `arguments_text`, the arguments as the model wrote them: `arguments` is
    absent where that is no JSON object, and does not tell `1.0` from `1.00`.
    """

    id: str
    name: str
    status: Literal["started", "completed", "failed", "paused"]
    arguments: dict[str, Any] | None = None
    result: str | None = None
    arguments_text: str | None = None


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a run did not end well: a stable code for programs, a sentence for people.

    `retry_after` is in seconds, where trying again later may help.
    """

    code: str
    message: str
    retry_after: float | None = None


class StreamingChunk(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One entry of a run's log.

    `content`, `done` and `model` are always on the wire; the other fields only when they are set.
    The first chunk of a run carries `run_id` and `conversation_id`; the last one, and no other,
    has `done: true`, always with `finish_reason`, and with `error` where the run failed.
    """

    content: str
    done: bool
    model: str
    reasoning: str | None = None
    tool: ToolCall | None = None
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    error: ErrorInfo | None = None
    run_id: str | None = None
    conversation_id: str | None = None
    agent: str | None = None


def number_in_id(number: int, chunk: StreamingChunk) -> str:
    """The number as it stands in an event's id: that of an end as `interrupted` begins with a 0.

    When a process is killed, its readers may have events that its log has not, and so the end that
    is told in its stead may get a number that one of them knows as a part of the text. By the 0
    the server can tell a reader that has seen the end from one that has not.
    """
    return f"0{number}" if chunk.finish_reason == "interrupted" else str(number)


class ChatResponse(msgspec.Struct, omit_defaults=True):
    """A whole answer: what `stream: false` returns and what a run's state holds."""

    content: str
    model: str
    run_id: str
    conversation_id: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    reasoning: str | None = None
    tools: list[ToolCall] = msgspec.field(default_factory=list)
    error: ErrorInfo | None = None
    agent: str | None = None


class RunStarted(msgspec.Struct):
    """Where to find a run that was started in the background."""

    run_id: str
    conversation_id: str
    stream_url: str


class LiveRun(RunStarted):
    """A run that has not ended. `created_at` is Unix time in seconds."""

    status: Literal["queued", "running"]
    question: str
    agent: str
    model: str
    created_at: float


class LiveRuns(msgspec.Struct):
    """The runs that have not ended, the oldest first."""

    runs: list[LiveRun]


class RunState(ChatResponse, kw_only=True, omit_defaults=True):
    """A run as it stands now; `last_event_id` is where a reader would continue from.

    `created_at` and `ended_at` are Unix times in seconds. `truncated` says that the beginning of
    the text has left the log, which keeps a bounded number of bytes.
    """

    status: Literal["queued", "running", "completed", "cancelled", "failed"]
    last_event_id: str
    created_at: float
    ended_at: float | None = None
    truncated: bool = False


class StoredMessage(msgspec.Struct, omit_defaults=True):
    """One message of a conversation. `created_at` is Unix time in seconds."""

    role: str
    content: str
    run_id: str
    created_at: int
    model: str | None = None
    finish_reason: FinishReason | None = None


class ConversationInfo(msgspec.Struct, omit_defaults=True):
    """A conversation in a list; times are Unix times in seconds."""

    conversation_id: str
    title: str
    created_at: int
    updated_at: int
    agent: str | None = None


class Conversation(ConversationInfo, kw_only=True, omit_defaults=True):
    messages: list[StoredMessage]


class ConversationPage(msgspec.Struct):
    """Some of a principal's conversations; `total` counts all of them."""

    conversations: list[ConversationInfo]
    total: int
    limit: int
    offset: int


def fold(response: ChatResponse, chunks: Iterable[StreamingChunk]) -> None:
    """Add chunks to an answer, in order; the inverse of streaming it."""
    text = [response.content]
    reasoning = [response.reasoning or ""]
    tools = {tool.id: tool for tool in response.tools}
    for chunk in chunks:
        text.append(chunk.content)
        response.model = chunk.model
        if chunk.reasoning is not None:
            reasoning.append(chunk.reasoning)
        if chunk.tool is not None:
            tools[chunk.tool.id] = chunk.tool
        if chunk.done:
            response.finish_reason = chunk.finish_reason
            response.usage = chunk.usage
            response.error = chunk.error
    response.content = "".join(text)
    response.reasoning = "".join(reasoning) or None
    response.tools = list(tools.values())
