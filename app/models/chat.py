"""`StreamingChunk`, the server's only event type, and the responses that are folded from chunks."""

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

#: Finish reasons of complete answers, including those that reached a limit.
COMPLETE: frozenset[str] = frozenset({"stop", "length", "content_filter", "tool_calls"})


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tokens of one run, as counted by the provider."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False  # no provider counted them

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cached_tokens + other.cached_tokens,
        )


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a tool call: started, completed, failed, or paused until the client executes it.

    A paused call has `arguments_text`, the arguments exactly as the model wrote them; `arguments`
    is absent if they are not a JSON object.
    """

    id: str
    name: str
    status: Literal["started", "completed", "failed", "paused"]
    arguments: dict[str, Any] | None = None
    result: str | None = None
    arguments_text: str | None = None


class Media(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture, sound, video or file that a tool or a model has made; its bytes are at `url`.

    `url` is a path of this server, or the address of another one that a tool has named. Then `size`
    (bytes) is unknown. `name` is a file name for people.
    """

    id: str
    kind: Literal["image", "audio", "video", "file"]
    mime_type: str
    url: str
    name: str | None = None
    size: int | None = None


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a run failed: a stable code for programs, a sentence for people.

    `retry_after` is the seconds to wait before retrying, if a retry may help.
    """

    code: str
    message: str
    retry_after: float | None = None


class StreamingChunk(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One entry of a run's log.

    `content`, `done` and `model` are always on the wire; other fields only if they are set. The
    first chunk of a run has `run_id` and `conversation_id`. Only the last chunk has `done: true`,
    always with `finish_reason`, and with `error` if the run failed.
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
    media: list[Media] | None = None


def number_in_id(number: int, chunk: StreamingChunk) -> str:
    """Return a chunk's number as its event id has it, with a leading 0 for the finish
    `interrupted`.

    If a process is killed, its readers may have received entries that the journal lacks. The final
    entry that another process adds then has a number that such readers have received with a text.
    The 0 shows whether a reader that resumes has received the final entry.
    """
    return f"0{number}" if chunk.finish_reason == "interrupted" else str(number)


class ChatResponse(msgspec.Struct, omit_defaults=True):
    """A complete answer: the response to `stream: false`, and a part of a run's state."""

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
    media: list[Media] = msgspec.field(default_factory=list)


class RunStarted(msgspec.Struct):
    """A run that was started in the background; its events are at `stream_url`."""

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
    """A principal's runs that have not ended, oldest first."""

    runs: list[LiveRun]


class RunState(ChatResponse, kw_only=True, omit_defaults=True):
    """The current state of a run; a reader continues the answer from `last_event_id`.

    `created_at` and `ended_at` are Unix times in seconds. `truncated` is True if the beginning of
    the text was trimmed, because a log keeps a limited number of bytes.
    """

    status: Literal["queued", "running", "completed", "cancelled", "failed"]
    last_event_id: str
    created_at: float
    ended_at: float | None = None
    truncated: bool = False


class StoredMessage(msgspec.Struct, omit_defaults=True):
    """One message of a stored conversation. `created_at` is Unix time in seconds."""

    role: str
    content: str
    run_id: str
    created_at: int
    model: str | None = None
    finish_reason: FinishReason | None = None
    media: list[Media] = msgspec.field(default_factory=list)


class ConversationInfo(msgspec.Struct, omit_defaults=True):
    """A conversation in a list; times are Unix times in seconds."""

    conversation_id: str
    title: str
    created_at: int
    updated_at: int
    agent: str | None = None


class Conversation(ConversationInfo, kw_only=True, omit_defaults=True):
    """A conversation with all its messages, oldest first."""

    messages: list[StoredMessage]


class ConversationPage(msgspec.Struct):
    """A page of a principal's conversations; `total` is the number of all of them."""

    conversations: list[ConversationInfo]
    total: int
    limit: int
    offset: int


def fold(response: ChatResponse, chunks: Iterable[StreamingChunk]) -> None:
    """Add chunks to a response, in order: text is appended, and the last chunk sets the finish
    reason."""
    text = [response.content]
    reasoning = [response.reasoning or ""]
    tools = {tool.id: tool for tool in response.tools}
    media = {item.id: item for item in response.media}
    for chunk in chunks:
        text.append(chunk.content)
        response.model = chunk.model
        if chunk.reasoning is not None:
            reasoning.append(chunk.reasoning)
        if chunk.tool is not None:
            tools[chunk.tool.id] = chunk.tool
        if chunk.media is not None:
            media |= {item.id: item for item in chunk.media}
        if chunk.done:
            response.finish_reason = chunk.finish_reason
            response.usage = chunk.usage
            response.error = chunk.error
    response.content = "".join(text)
    response.reasoning = "".join(reasoning) or None
    response.tools = list(tools.values())
    response.media = list(media.values())
