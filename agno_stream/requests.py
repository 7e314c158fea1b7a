"""What is sent, and how the answers that are one JSON are read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar
from urllib.parse import quote

from agno_stream.config import Config
from agno_stream.errors import AgnoStreamError, ForeignServer, refusal
from agno_stream.types import AgentInfo, Conversation, Message, ModelInfo, ModelResponse, take

T = TypeVar("T")

CHAT = "/api/v1/chat"
SSE = "text/event-stream"


class PastMessage(TypedDict):
    """A message of a history of your own."""

    role: Literal["system", "user", "assistant"]
    content: str


class Options(TypedDict, total=False):
    """What the model is asked for; absent: the provider's default."""

    temperature: float
    max_tokens: int
    top_p: float
    stop: str | list[str]
    seed: int


class Asked(TypedDict, total=False):
    """What may be said with a question, all of it optional.

    `agent` and `model` are ids of `agents()` and `models()`. `messages` replaces the server's own
    memory of the conversation. `images` are addresses, data URLs, or base64. `on_disconnect` says
    what the run does when its last reader has left, `on_busy` what happens while another run of
    the conversation goes on. The timeouts, in seconds, and `raise_on_error` are those of `Config`.
    """

    agent: str | None
    model: str | None
    conversation_id: str | None
    messages: Sequence[PastMessage]
    images: Sequence[str]
    options: Options
    on_disconnect: Literal["cancel", "continue", "grace"]
    on_busy: Literal["queue", "reject", "interrupt"]
    timeout_first: float
    timeout_idle: float
    timeout_total: float
    raise_on_error: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """The clocks of one answer, in seconds, and how often a lost connection is made again."""

    first: float
    idle: float
    total: float
    retries: int


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `patience` is the longest silence of its connection, in seconds."""

    method: str
    path: str
    json: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    accept: str = "application/json"
    patience: float = 30.0
    key: str | None = None  # by which the server knows a question that comes again


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and what to make of its JSON and status."""

    request: Request
    parse: Callable[[Any, int], T]


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was put: what goes to the server, and what the client keeps to."""

    body: dict[str, Any]
    limits: Limits
    raises: bool


_OURS = {"timeout_first", "timeout_idle", "timeout_total", "raise_on_error"}


def question(config: Config, prompt: str, asked: Asked, *, stream: bool = True) -> Question:
    """A prompt with what was said beside it; raises TypeError for a word that is not known."""
    if unknown := asked.keys() - Asked.__annotations__.keys():
        raise TypeError(f"unknown arguments: {', '.join(sorted(unknown))}")
    body: dict[str, Any] = {"agent": config.agent, "model": config.model}
    body.update((name, value) for name, value in asked.items() if value is not None)
    sent = {name: value for name, value in body.items() if value is not None and name not in _OURS}
    limits = Limits(
        first=asked.get("timeout_first", config.timeout_first),
        idle=asked.get("timeout_idle", config.timeout_idle),
        total=asked.get("timeout_total", config.timeout_total),
        retries=config.retries,
    )
    raises = asked.get("raise_on_error", config.raise_on_error)
    return Question({"message": prompt, "stream": stream, **sent}, limits, raises)


class Place(Protocol):
    """A conversation that goes on, with whom."""

    id: str
    agent: str | None
    model: str | None


def said(place: Place, asked: Asked) -> Asked:
    """What is said with a question in a conversation."""
    here: Asked = {"agent": place.agent, "model": place.model, "conversation_id": place.id}
    return {**here, **asked}


def limits(config: Config) -> Limits:
    return Limits(config.timeout_first, config.timeout_idle, config.timeout_total, config.retries)


def whole(asked: Question) -> Call[ModelResponse]:
    """A question whose answer comes in one piece: its silence may last as long as it may take."""
    request = Request("POST", CHAT, json=asked.body, patience=asked.limits.total)
    return Call(request, ModelResponse.from_json)


def run(run_id: str) -> Call[ModelResponse]:
    return Call(Request("GET", place(run_id)), ModelResponse.from_json)


def cancel(run_id: str, patience: float = 30.0) -> Call[ModelResponse]:
    request = Request("POST", f"{place(run_id)}/cancel", patience=patience)
    return Call(request, ModelResponse.from_json)


def models() -> Call[list[ModelInfo]]:
    return Call(
        Request("GET", "/api/v1/models"),
        lambda data, _: [take(ModelInfo, one) for one in data["models"]],
    )


def agents() -> Call[list[AgentInfo]]:
    return Call(
        Request("GET", "/api/v1/agents"),
        lambda data, _: [take(AgentInfo, one) for one in data["agents"]],
    )


def conversations(limit: int, offset: int) -> Call[list[Conversation]]:
    return Call(
        Request("GET", "/api/v1/conversations", params={"limit": limit, "offset": offset}),
        lambda data, _: [take(Conversation, one) for one in data["conversations"]],
    )


def conversation(conversation_id: str) -> Call[Conversation]:
    def parse(data: Any, _: int) -> Conversation:
        messages = tuple(take(Message, one) for one in data["messages"])
        found: Conversation = take(Conversation, {**data, "messages": messages})
        return found

    return Call(Request("GET", f"/api/v1/conversations/{_plain(conversation_id)}"), parse)


def delete_conversation(conversation_id: str) -> Call[None]:
    path = f"/api/v1/conversations/{_plain(conversation_id)}"
    return Call(Request("DELETE", path), lambda *_: None)


def read(call: Call[T], url: str, status: int, body: bytes) -> T:
    """The result of a call; raises what the server told, or `ForeignServer`."""
    if status >= 300:
        raise refused(url, status, {}, body)
    try:
        return call.parse(json.loads(body) if body else None, status)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise foreign(url, status) from error


def refused(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AgnoStreamError:
    """The error that a body of our server tells, or `ForeignServer`."""
    try:
        failure = refusal(json.loads(body)["error"], status)
    except (ValueError, LookupError, TypeError, AttributeError):
        return foreign(url, status)
    if failure.retry_after is None and headers.get("retry-after", "").isdigit():
        failure.retry_after = float(headers["retry-after"])
    return failure


def foreign(url: str, status: int | None = None) -> ForeignServer:
    return ForeignServer(f"What answers at {url} is another server.", status_code=status)


def place(run_id: str) -> str:
    """The address of a run."""
    return f"/api/v1/runs/{_plain(run_id)}"


def _plain(name: str) -> str:
    return quote(name, safe="")
