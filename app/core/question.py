"""What is asked of an agent, whichever door it came through."""

from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the question: either an address, or the bytes themselves.

    `detail` is how closely OpenAI's models are to look.
    """

    url: str | None = None
    content: bytes | None = None
    mime_type: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ClientCall:
    """A call of a client's own tool, as a model made it; `arguments` is the JSON text it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool that the client runs: the model may call it, and the call is the end of the answer.

    `parameters` is a JSON schema.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One message of a history that the client sends along.

    An assistant's may hold `calls`; a tool's has the `call_id` and, maybe, the `tool` it answers.
    """

    role: str
    content: str
    images: tuple[Picture, ...] = ()
    calls: tuple[ClientCall, ...] = ()
    call_id: str | None = None
    tool: str | None = None


class ModelOptions(msgspec.Struct, frozen=True):
    """What a request may ask of a model; None leaves the provider's default.

    What a provider does not know is not sent to it. `extra` holds further options of Ollama's,
    by its own names.
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
    """What is asked of whom. A `history` that is not None replaces the server's own memory.

    `message` is None only where the history ends in the results of a client's tools.
    `response_format` is OpenAI's: `{"type": "json_object"}`, or `json_schema` with its schema.
    `think` is Ollama's: whether to reason, or how hard. `system` is said before all else, and not
    remembered. A question that is not to be `kept` leaves no conversation behind: the client has
    it all.
    """

    message: str | None
    agent: str | None = None
    model: str | None = None
    system: str | None = None
    history: list[PastMessage] | None = None
    images: list[Picture] = field(default_factory=list)
    options: ModelOptions = ModelOptions()  # noqa: RUF009  # frozen
    tools: list[ClientTool] = field(default_factory=list)
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    think: bool | str | None = None
    kept: bool = True
