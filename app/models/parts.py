"""The parts of a chunk beside its text: tools, speakers, steps, events, citations, usage."""

from typing import Any, Literal

import msgspec


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
    is absent if they are not a JSON object. `provider_data` holds what the provider wants back with
    a paused call: fields of the `call`, and of the `message` that it came in.
    """

    id: str
    name: str
    status: Literal["started", "completed", "failed", "paused"]
    arguments: dict[str, Any] | None = None
    result: str | None = None
    arguments_text: str | None = None
    provider_data: dict[str, dict[str, Any]] | None = None


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


class Vectors(msgspec.Struct, frozen=True):
    """The embeddings of some texts, in their order, and the tokens that these were."""

    vectors: list[list[float]]
    tokens: int


class Speaker(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who speaks inside a run: a member of a team, a step of a workflow, or the agent of a tool.

    `run_id` is Agno's id of the speaker's own run; `depth` is 1 for those that the run's own
    agent, team or workflow called, 2 for those that they called.
    """

    id: str
    name: str
    kind: Literal["member", "step", "agent"]
    run_id: str | None = None
    depth: int = 1


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a speaker adds: text, reasoning, or the state of a tool call."""

    content: str | None = None
    reasoning: str | None = None
    tool: ToolCall | None = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a step of a workflow. `iteration` counts from 1 in a loop; `message` is its
    progress, its question to a person, or its error."""

    id: str
    name: str
    kind: Literal["step", "steps", "loop", "iteration", "parallel", "condition", "router"]
    status: Literal["started", "running", "completed", "failed", "paused"]
    iteration: int | None = None
    message: str | None = None


class NamedEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event with a name: one of the user's own, or something that the agent did meanwhile."""

    name: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Recovered(msgspec.Struct, frozen=True):
    """That another process has taken a run over whose process has died. What came after the event
    with the number `after` is void; `length` characters of the answer stand. `attempt` counts from
    1."""

    after: int
    length: int
    attempt: int


class Citation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A source of the answer: a page, a document, or a reference from the knowledge base."""

    kind: Literal["url", "document", "reference"]
    url: str | None = None
    title: str | None = None
    text: str | None = None
    query: str | None = None


class Speech(msgspec.Struct, omit_defaults=True):
    """All text, reasoning and tool calls of one speaker in a run, folded from its chunks."""

    speaker: Speaker
    content: str = ""
    reasoning: str | None = None
    tools: list[ToolCall] = msgspec.field(default_factory=list)
