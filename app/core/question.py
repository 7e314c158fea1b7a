"""`Question`: the input of a run, the same for all doors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a question: its URL, its bytes, or the path of an upload.

    `detail` is OpenAI's `low`, `high` or `auto`. `name` is for people.
    """

    url: str | None = None
    content: bytes | None = None
    mime_type: str | None = None
    detail: str | None = None
    path: Path | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A sound, video or file of the question: its URL, its bytes, or the path of an upload."""

    kind: Literal["audio", "video", "file"]
    url: str | None = None
    content: bytes | None = None
    mime_type: str | None = None
    name: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ClientCall:
    """A model's call of a client's tool. `arguments` is the text that the model wrote, perhaps no
    JSON.

    `extra` and `message` are what the provider wants back with it: fields of the call, and of the
    message that it came in.
    """

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] = field(default_factory=dict)
    message: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool that the client executes: a run ends when the model calls it.

    `parameters` is a JSON schema.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One message of a history that the client sends.

    An assistant's message may have `calls`, and fields that its provider wants back with them in
    `extra`; the result of a tool has the `call_id` of its call and,
    if the client sends it, the name of the `tool`.
    """

    role: str
    content: str
    images: tuple[Picture, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    calls: tuple[ClientCall, ...] = ()
    call_id: str | None = None
    tool: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class ModelOptions(msgspec.Struct, frozen=True):
    """The sampling and other options of a request; None means the provider's default.

    Options that a provider does not support are not sent to it. `extra` holds further options of
    Ollama, by Ollama's names.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    num_ctx: int | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    extra: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A user's message for an agent, with its options; None for `agent` or `model` means the
    default.

    `message` is None only if the history ends with the results of the client's tools. A `history`
    that is not None replaces the stored conversation, or precedes it if the question `extends` it.
    `system` is a system message for this run alone, which is not stored. `user` is the end user of
    an application whose key is one for many. `session_state`, `dependencies`, `metadata` and
    `knowledge_filters` are Agno's; `output_schema` is a JSON schema for the answer.
    `response_format` is OpenAI's: `{"type": "json_object"}`, or `json_schema` with its schema.
    `think` is Ollama's: whether to reason, or how hard. If `kept` is False, nothing is stored,
    because the client keeps the conversation itself.
    """

    message: str | None
    agent: str | None = None
    model: str | None = None
    system: str | None = None
    history: list[PastMessage] | None = None
    extends: bool = False
    images: list[Picture] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    options: ModelOptions = ModelOptions()  # noqa: RUF009  # frozen
    tools: list[ClientTool] = field(default_factory=list)
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    think: bool | str | None = None
    max_rounds: int | None = None  # requests to the model; None: as many as the server allows
    kept: bool = True
    user: str | None = None
    session_state: dict[str, Any] | None = None
    dependencies: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    knowledge_filters: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None

    @property
    def last_text(self) -> str | None:
        """The message, or else the last text of the history."""
        return self.message or (self.history[-1].content if self.history else None)

    def settings(self) -> str:
        """The fields that hold in the continuation of a paused run, as JSON; empty if all are
        unset.

        The messages and media are not among them, because they are stored with the run.
        """
        given = {name: getattr(self, name) for name in CONTINUED}
        if self.options == ModelOptions():
            del given["options"]
        fields = {name: value for name, value in given.items() if value not in (None, [])}
        if self.history is not None and not self.extends:
            fields["history"] = []  # the conversation's own is not to be read
        return msgspec.json.encode(fields).decode() if fields else ""


#: The fields of a question that hold in the run that continues it, too.
CONTINUED = (
    *("model", "system", "options", "tools", "parallel_tool_calls", "response_format", "think"),
    *("max_rounds", "dependencies", "metadata", "knowledge_filters", "output_schema"),
)


def continued(settings: str, *, agent: str, user: str | None) -> Question:
    """A question without a message, for the run that continues the one of a `Question.settings`."""
    fields: dict[str, Any] = msgspec.json.decode(settings) if settings else {}
    fields["options"] = msgspec.convert(fields.get("options", {}), ModelOptions)
    fields["tools"] = [ClientTool(**tool) for tool in fields.get("tools", [])]
    return Question(message=None, agent=agent, user=user, **fields)
