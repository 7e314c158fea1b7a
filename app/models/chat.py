"""`StreamingChunk`, the server's only event type, and the responses that are folded from chunks."""

from typing import Any, Literal

import msgspec

from .answer_parts import Part
from .parts import Citation as Citation
from .parts import ErrorInfo as ErrorInfo
from .parts import Media as Media
from .parts import NamedEvent as NamedEvent
from .parts import Recovered as Recovered
from .parts import Said as Said
from .parts import Speaker as Speaker
from .parts import Speech as Speech
from .parts import Step as Step
from .parts import ToolCall as ToolCall
from .parts import Usage as Usage
from .requirements import Decision as Decision
from .requirements import Requirement as Requirement

FinishReason = Literal[
    "stop",
    "length",
    "content_filter",
    "tool_calls",
    "paused",
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


class StreamingChunk(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One entry of a run's log.

    `content`, `done` and `model` are always on the wire; other fields only if they are set. The
    first chunk of a run has `run_id` and `conversation_id`. Only the last chunk has `done: true`,
    always with `finish_reason`, and with `error` if the run failed.

    The text of members, steps and nested agents is in `said`, with their `speaker`, and in
    `content` only if it is the answer. `final` replaces the content of a run whose text was changed
    after it had been streamed; a long one comes in several chunks, to be joined. `continues` is the
    paused run that this one continues, in the first chunk; `requirements` are what a run waits for
    that ends as `paused`, in the last one. `stored` is False in the last chunk of a turn that is
    not in the store of conversations yet. `replaces` is the turn in whose place this one stands, in
    the first chunk of a run that answers it again or has its question edited. `recovered` is in the
    chunk with which another process goes on after the death of the run's process: all that came
    after the event it names is void.
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
    speaker: Speaker | None = None
    said: Said | None = None
    step: Step | None = None
    event: NamedEvent | None = None
    citations: list[Citation] | None = None
    output: Any = None
    final: str | None = None
    followups: list[str] | None = None
    session_state: dict[str, Any] | None = None
    media: list[Media] | None = None
    stored: bool | None = None
    continues: str | None = None
    requirements: list[Requirement] | None = None
    replaces: str | None = None
    recovered: Recovered | None = None


class ChatResponse(msgspec.Struct, omit_defaults=True):
    """A complete answer: the response to `stream: false`, and a part of a run's state.

    `parts` is all of it in the order in which it came; absent if the answer is text alone.
    """

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
    said: list[Speech] = msgspec.field(default_factory=list)
    steps: list[Step] = msgspec.field(default_factory=list)
    events: list[NamedEvent] = msgspec.field(default_factory=list)
    citations: list[Citation] = msgspec.field(default_factory=list)
    output: Any = None
    followups: list[str] | None = None
    session_state: dict[str, Any] | None = None
    media: list[Media] = msgspec.field(default_factory=list)
    stored: bool | None = None
    continues: str | None = None
    requirements: list[Requirement] | None = None
    replaces: str | None = None
    parts: list[Part] = msgspec.field(default_factory=list)


class RunStarted(msgspec.Struct):
    """A run that was started in the background; its events are at `stream_url`."""

    run_id: str
    conversation_id: str
    stream_url: str


class LiveRun(RunStarted, omit_defaults=True):
    """A run that has not ended, or that waits for a person. `created_at` is Unix time in seconds.

    Of a run that waits there are the `requirements`, and for approvers its owner, the `principal`.
    `replaces` is the turn in whose place the run's own will stand.
    """

    status: Literal["queued", "running", "paused"]
    question: str
    agent: str
    model: str
    created_at: float
    requirements: list[Requirement] | None = None
    principal: str | None = None
    replaces: str | None = None


class LiveRuns(msgspec.Struct):
    """A principal's runs that have not ended, or that wait for a person, oldest first."""

    runs: list[LiveRun]


class RunState(ChatResponse, kw_only=True, omit_defaults=True):
    """The current state of a run; a reader continues the answer from `last_event_id`.

    `created_at` and `ended_at` are Unix times in seconds. `truncated` is True if the beginning of
    the text was trimmed, because a log keeps a limited number of bytes. `continued_by` is the run
    that continues this one, which was paused.
    """

    status: Literal["queued", "running", "paused", "completed", "cancelled", "failed"]
    last_event_id: str
    created_at: float
    ended_at: float | None = None
    truncated: bool = False
    continued_by: str | None = None


class StoredMessage(msgspec.Struct, omit_defaults=True):
    """One message of a stored conversation. `created_at` is Unix time in seconds.

    An answer has `parts`: everything that its reader saw, in the order in which it came. The fields
    from `reasoning` to `citations` are folded from them, without the text of members and steps.
    `speaker` is the agent, team or workflow that answered. `finish_reason` is absent if it is
    `stop`. `truncated` is True if the answer had more in its parts than is kept. `siblings` are the
    runs of all turns in the place of this one, oldest first, itself included; absent if there is no
    other. `usage` and `duration` (seconds) are those of the turn, in its last answer.
    """

    role: str
    content: str
    run_id: str
    created_at: int
    model: str | None = None
    finish_reason: FinishReason | None = None
    media: list[Media] = msgspec.field(default_factory=list)
    speaker: Speaker | None = None
    parts: list[Part] = msgspec.field(default_factory=list)
    reasoning: str | None = None
    tools: list[ToolCall] = msgspec.field(default_factory=list)
    citations: list[Citation] = msgspec.field(default_factory=list)
    followups: list[str] | None = None
    error: ErrorInfo | None = None
    truncated: bool = False
    usage: Usage | None = None
    duration: float | None = None
    siblings: list[str] = msgspec.field(default_factory=list)


class ConversationInfo(msgspec.Struct, omit_defaults=True):
    """A conversation in a list; times are Unix times in seconds. `pinned_at` is when it was pinned,
    absent if it is not."""

    conversation_id: str
    title: str
    created_at: int
    updated_at: int
    agent: str | None = None
    pinned_at: int | None = None


class Conversation(ConversationInfo, kw_only=True, omit_defaults=True):
    """A conversation with all its messages, oldest first."""

    messages: list[StoredMessage]


class ConversationPage(msgspec.Struct, omit_defaults=True):
    """A page of a principal's conversations; `total` is the number of all of them, `next` is the
    `before` of the next page, absent on the last one. `pinned` has those that are pinned, on the
    first page, the latest pin first; they are in `conversations`, too, in their places."""

    conversations: list[ConversationInfo]
    total: int
    limit: int
    offset: int
    next: str | None = None
    pinned: list[ConversationInfo] = []
