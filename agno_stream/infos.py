"""What the server lists: agents, models, runs, conversations. Times are Unix times in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from agno_stream.parts import Citation, Media, Part, Speaker, ToolCall


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a question can name, by `id` or by `spec` (`<provider>:<id>`)."""

    id: str
    provider: str = ""
    spec: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """A tool that an agent may call."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A member of a team, or a step of a workflow; `id` is None for steps."""

    name: str
    id: str | None = None
    kind: str = "agent"
    description: str = ""
    tools: tuple[ToolInfo, ...] = ()
    members: tuple["PartInfo", ...] = ()
    steps: tuple["PartInfo", ...] = ()


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent, team or workflow that a question can name.

    `kind` is "agent", "team", "workflow", "external" or "factory"; `model` is the model that it
    uses by default. A team has `members`, a workflow `steps`. `suggestions` are questions to begin
    with. `takes_system` says whether a question may have a `system` prompt.
    """

    id: str
    name: str = ""
    description: str = ""
    model: str = ""
    default: bool = False
    kind: str = "agent"
    tools: tuple["ToolInfo", ...] = ()
    members: tuple["PartInfo", ...] = ()
    steps: tuple["PartInfo", ...] = ()
    suggestions: tuple[str, ...] = ()
    takes_system: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation.

    An answer has `parts`: all that its reader saw, in its order, which `reasoning`, `tools`,
    `media` and `citations` are collected from. `speaker` is the agent, team or workflow that
    answered. `finish_reason` is set if it ended early, `error` ({code, message}) if it failed.
    `truncated` is True if it had more parts than are kept. `siblings` are the runs of all turns in
    the place of this one, oldest first, itself included; empty if there is no other. The last
    answer of a turn has the tokens (`usage`), and the seconds (`duration`) of all of it.
    """

    role: str
    content: str
    run_id: str | None = None
    created_at: float | None = None
    model: str | None = None
    finish_reason: str | None = None
    parts: tuple[Part, ...] = ()
    speaker: Speaker | None = None
    reasoning: str | None = None
    tools: tuple[ToolCall, ...] = ()
    media: tuple[Media, ...] = ()
    citations: tuple[Citation, ...] = ()
    followups: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    truncated: bool = False
    siblings: tuple[str, ...] = ()
    usage: dict[str, Any] | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that the server stores; `messages` is empty in a list of conversations.

    `pinned_at` is when it was pinned, None if it is not.
    """

    conversation_id: str
    title: str = ""
    created_at: float | None = None
    updated_at: float | None = None
    agent: str | None = None
    pinned_at: float | None = None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run that has not ended, or one that waits for a person: then it has `requirements`, and for
    those who decide for others its owner, the `principal`. `replaces` is the turn in whose place
    its own will stand."""

    run_id: str
    conversation_id: str
    status: str
    question: str = ""
    agent: str = ""
    model: str = ""
    created_at: float | None = None
    requirements: tuple[dict[str, Any], ...] | None = None
    principal: str | None = None
    replaces: str | None = None


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
    """Return an object of the dataclass `kind` from JSON; unknown fields are ignored, and lists
    become tuples of what the field holds."""
    inner = _INNER.get(kind, {})
    found = {}
    for one in fields(kind):
        if (value := data.get(one.name)) is None:
            continue
        if isinstance(value, list):
            item = inner.get(one.name)
            value = tuple(value if item is None else (from_json(item, each) for each in value))
        found[one.name] = value
    return kind(**found)


_PARTS: dict[str, type[Any]] = {"tools": ToolInfo, "members": PartInfo, "steps": PartInfo}

#: What is in the lists of a dataclass, if it is a dataclass, too.
_INNER: dict[type[Any], dict[str, type[Any]]] = {
    AgentInfo: _PARTS,
    PartInfo: _PARTS,
    Conversation: {"messages": Message},
}
