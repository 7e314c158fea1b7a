"""The requests of the client, and how responses in JSON are read."""

import base64
import json
import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar
from urllib.parse import quote

from agno_stream.config import Config
from agno_stream.decisions import Decision
from agno_stream.errors import AgnoStreamError, ForeignServer
from agno_stream.failures import refusal
from agno_stream.types import ModelResponse

T = TypeVar("T")

CHAT = "/api/v1/chat"
SSE = "text/event-stream"


class PastMessage(TypedDict):
    """A message of a conversation whose history the caller keeps."""

    role: Literal["system", "user", "assistant"]
    content: str


class ModelOptions(TypedDict, total=False):
    """Options for the model; the provider's default applies to each option that is absent."""

    temperature: float
    max_tokens: int
    top_p: float
    stop: str | list[str]
    seed: int


class MediaInput(TypedDict, total=False):
    """Media of a question: a `url`, or `data` in base64 with its type; see `attachment`."""

    url: str
    data: str
    mime_type: str
    name: str


def attachment(path: str | os.PathLike[str]) -> MediaInput:
    """Return a file as media of a question, with its name and the type that its ending says;
    raises `OSError`."""
    file = Path(path).expanduser()
    data = base64.b64encode(file.read_bytes()).decode()
    mime_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return {"data": data, "mime_type": mime_type, "name": file.name}


class QuestionOptions(TypedDict, total=False):
    """The optional arguments of a question.

    `agent` and `model` are ids of `agents()` and `models()`. `system` are instructions beside those
    of an agent that `takes_system`, for this run. `messages` replaces the messages that
    the server has stored. `images` are URLs, data URLs, base64, or, like `files`, `audio` and
    `videos`, objects as `attachment` returns them. `user` is the end user of a program whose key
    serves many; `session_state`, `dependencies`, `metadata`, `knowledge_filters` and
    `output_schema` are for the agent. `on_disconnect` decides what the
    run does when its last reader has disconnected, `on_busy` what happens while another run of the
    conversation is active. The timeouts, in seconds, and `raise_on_error` override those of
    `Config`.
    """

    agent: str | None
    model: str | None
    system: str | None
    conversation_id: str | None
    messages: Sequence[PastMessage]
    images: Sequence[str | MediaInput]
    files: Sequence[MediaInput]
    audio: Sequence[MediaInput]
    videos: Sequence[MediaInput]
    user: str
    session_state: dict[str, Any]
    dependencies: dict[str, Any]
    metadata: dict[str, Any]
    knowledge_filters: dict[str, Any]
    output_schema: dict[str, Any]
    options: ModelOptions
    on_disconnect: Literal["cancel", "continue", "grace"]
    on_busy: Literal["queue", "reject", "interrupt"]
    timeout_first: float
    timeout_idle: float
    timeout_total: float
    raise_on_error: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """The timeouts of one answer in seconds, and the largest number of attempts to reconnect in a
    row."""

    first: float
    idle: float
    total: float
    retries: int


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `patience` is the longest time in seconds without a byte from the server."""

    method: str
    path: str
    json: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    accept: str = "application/json"
    patience: float = 30.0
    key: str | None = None  # the idempotency key of a question


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and the function that makes the call's result from the response's JSON and
    status; from its bytes if it is `binary`."""

    request: Request
    parse: Callable[[Any, int], T]
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question, or decisions: `body` is sent to `path` of the server; `limits` and `raises`
    concern the client only."""

    body: dict[str, Any]
    limits: Limits
    raises: bool
    path: str = CHAT

    def failed(self, failure: AgnoStreamError) -> ModelResponse:
        """Return the response for a failed answer, or raise the failure if `raises` is set."""
        if self.raises:
            raise failure
        return ModelResponse.from_failure(failure)


CLIENT_SIDE_FIELDS = {"timeout_first", "timeout_idle", "timeout_total", "raise_on_error"}


def question(
    config: Config, prompt: str, options: QuestionOptions, *, stream: bool = True
) -> Question:
    """Return a question with its options and the defaults; raises TypeError for an unknown
    option."""
    if unknown := options.keys() - QuestionOptions.__annotations__.keys():
        raise TypeError(f"unknown arguments: {', '.join(sorted(unknown))}")
    body: dict[str, Any] = {"agent": config.agent, "model": config.model}
    body.update((name, value) for name, value in options.items() if value is not None)
    sent = {
        name: value
        for name, value in body.items()
        if value is not None and name not in CLIENT_SIDE_FIELDS
    }
    limits = Limits(
        first=options.get("timeout_first", config.timeout_first),
        idle=options.get("timeout_idle", config.timeout_idle),
        total=options.get("timeout_total", config.timeout_total),
        retries=config.retries,
    )
    raises = options.get("raise_on_error", config.raise_on_error)
    return Question({"message": prompt, "stream": stream, **sent}, limits, raises)


def decided(
    config: Config, run_id: str, decisions: Sequence[Decision], raise_on_error: bool | None
) -> Question:
    """Return the decisions on a paused run, whose answer is that of the run that continues it."""
    raises = config.raise_on_error if raise_on_error is None else raise_on_error
    body = {"decisions": list(decisions), "stream": True}
    return Question(body, limits(config), raises, f"{run_path(run_id)}/continue")


class ChatDefaults(Protocol):
    """The conversation, agent and model that all questions of a chat share."""

    id: str
    agent: str | None
    model: str | None


def with_chat_defaults(chat: ChatDefaults, options: QuestionOptions) -> QuestionOptions:
    """Return a question's options, completed by the conversation, agent and model of its chat."""
    defaults: QuestionOptions = {
        "agent": chat.agent,
        "model": chat.model,
        "conversation_id": chat.id,
    }
    return {**defaults, **options}


def limits(config: Config) -> Limits:
    """Return the limits that the settings contain, for an answer without options of its own."""
    return Limits(config.timeout_first, config.timeout_idle, config.timeout_total, config.retries)


def read(call: Call[T], url: str, status: int, headers: Mapping[str, str], body: bytes) -> T:
    """Return the result of a call from its response; raises the server's error, or
    `ForeignServer`."""
    if status >= 300:
        raise refused(url, status, headers, body)
    try:
        if call.binary:
            return call.parse(body, status)
        return call.parse(json.loads(body) if body else None, status)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise foreign_server(url, status) from error


def refused(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AgnoStreamError:
    """Return the error in the body of a response, `ForeignServer` if the body contains none."""
    try:
        failure = refusal(json.loads(body)["error"], status)
    except (ValueError, LookupError, TypeError, AttributeError):
        return foreign_server(url, status)
    if failure.retry_after is None and headers.get("retry-after", "").isdigit():
        failure.retry_after = float(headers["retry-after"])
    return failure


def foreign_server(url: str, status: int | None = None) -> ForeignServer:
    """Return the error for a response that no agno-stream server sends."""
    return ForeignServer(f"The server at {url} is not an agno-stream server.", status_code=status)


def run_path(run_id: str) -> str:
    """Return the path of a run in the server's API."""
    return f"/api/v1/runs/{_quoted(run_id)}"


def _quoted(name: str) -> str:
    return quote(name, safe="")
