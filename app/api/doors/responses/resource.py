"""The response object, and what it repeats of its request.

All fields are there that OpenAI's clients or Open Responses require: each has a number where the
other allows none.
"""

from typing import Any, Literal

import msgspec

from ....core.log.journal import RunRecord
from ....models.chat import ErrorInfo, StreamingChunk, Usage
from .items import Item

ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

#: What precedes the id of a run in the id of a response.
PREFIX = "resp_"

#: Other forms of a run's id that clients send: the OpenAI door's.
PREFIXES = (PREFIX, "chatcmpl-")

#: OpenAI's codes of a failed response that its clients look for; every other one is `server_error`.
CODES = {
    "model_rate_limited": "rate_limit_exceeded",
    "context_too_long": "context_length_exceeded",
    "input_refused": "invalid_prompt",
    "output_refused": "invalid_prompt",
    "model_refused_request": "invalid_prompt",
}

#: Why an answer that reached a limit is incomplete, by finish reason.
LIMITS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Request(msgspec.Struct, kw_only=True, omit_defaults=True, tag="responses"):
    """What a response repeats of its request, and what later requests need of it.

    It is stored with the run, as JSON. `model` is the name that the client sent. With `hosted` the
    server's tools are shown as `mcp_call`s. `input` has the items of the request, without the
    content of media if they are large; `before` those that precede the stored conversation.
    `follows` is the id of the run that this one continues.
    """

    model: str | None = None
    instructions: str | None = None
    tools: list[dict[str, Any]] = msgspec.field(default_factory=list)
    tool_choice: Any = "auto"
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    service_tier: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    conversation: str | None = None
    follows: str | None = None
    background: bool = False
    store: bool = True
    hosted: bool = False
    custom_tools: list[str] = msgspec.field(default_factory=list)
    input: list[dict[str, Any]] | None = None
    before: list[dict[str, Any]] = msgspec.field(default_factory=list)


class InputDetails(msgspec.Struct):
    cached_tokens: int
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int


class Counts(msgspec.Struct):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Failure(msgspec.Struct):
    """Why a response failed: `code` is OpenAI's, `type` this server's own (see docs/errors.md)."""

    code: str
    message: str
    type: str


class Conversation(msgspec.Struct):
    id: str


class IncompleteDetails(msgspec.Struct):
    reason: str


class Response(msgspec.Struct, kw_only=True):
    """The response object; times are Unix times in seconds."""

    id: str
    object: str = "response"
    created_at: int
    completed_at: int | None = None
    status: ResponseStatus
    error: Failure | None = None
    incomplete_details: IncompleteDetails | None = None
    background: bool
    conversation: Conversation | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[Item] = msgspec.field(default_factory=list)
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: dict[str, Any]
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: dict[str, Any]
    tool_choice: Any
    tools: list[dict[str, Any]]
    top_logprobs: int = 0
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    truncation: str = "disabled"
    usage: Counts | None = None
    user: str | None
    metadata: dict[str, str]


def response_id(run_id: str) -> str:
    return PREFIX + run_id


def run_id_of(name: str) -> str:
    """Return the id of the run of a response; a run's own id is taken, too."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def stored_request(record: RunRecord) -> Request:
    """Return what is stored of a run's request; the defaults for a run of another door."""
    if record.request is not None:
        try:
            return msgspec.json.decode(record.request, type=Request)
        except msgspec.MsgspecError:
            pass  # that of another door, or of a release that stored it otherwise
    return Request(store=record.question is not None)


def opening(record: RunRecord, request: Request) -> Response:
    """Return the response of a run that has just started."""
    return Response(
        id=response_id(record.run_id),
        created_at=int(record.created_at),
        status="queued" if request.background else "in_progress",
        background=request.background,
        conversation=Conversation(request.conversation) if request.conversation else None,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        model=request.model or record.model,
        parallel_tool_calls=request.parallel_tool_calls,
        previous_response_id=request.previous_response_id,
        prompt_cache_key=request.prompt_cache_key,
        reasoning=request.reasoning or {"effort": None, "summary": None},
        safety_identifier=request.safety_identifier,
        service_tier=request.service_tier or "default",
        store=request.store,
        temperature=_or(request.temperature, 1.0),
        text=request.text or {"format": {"type": "text"}},
        tool_choice=request.tool_choice,
        tools=request.tools,
        top_p=_or(request.top_p, 1.0),
        presence_penalty=_or(request.presence_penalty, 0.0),
        frequency_penalty=_or(request.frequency_penalty, 0.0),
        user=request.user,
        metadata=request.metadata,
    )


def ended(response: Response, chunk: StreamingChunk) -> Response:
    """Return a response as the last chunk of its run has left it."""
    status: ResponseStatus = "completed"
    details = None
    reason = chunk.finish_reason
    if reason in ("cancelled", "disconnected"):
        status = "cancelled"
    elif chunk.error is not None:
        status = "failed"
    elif reason in LIMITS:
        status, details = "incomplete", IncompleteDetails(LIMITS[reason])
    return msgspec.structs.replace(
        response,
        status=status,
        incomplete_details=details,
        error=_failure(chunk.error) if chunk.error is not None else None,
        usage=_counts(chunk.usage) if chunk.usage is not None else None,
    )


def _failure(error: ErrorInfo) -> Failure:
    return Failure(CODES.get(error.code, "server_error"), error.message, error.code)


def _counts(usage: Usage) -> Counts:
    return Counts(
        usage.input_tokens,
        InputDetails(usage.cached_tokens),
        usage.output_tokens,
        OutputDetails(usage.reasoning_tokens),
        usage.total_tokens,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)
