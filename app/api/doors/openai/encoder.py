"""The format of OpenAI's API: `chat.completion.chunk`s as Server-Sent Events, or one
`chat.completion`.

No frame has `id:` or `retry:`, and every frame has data, because the SDKs fail otherwise.
"""

from typing import Any, ClassVar

import msgspec

from ....models.chat import ChatResponse, StreamingChunk, ToolCall, Usage
from ...client_calls import is_for_client
from ...encoding import encode_line
from ...media_links import MediaLinks
from .errors import error_frame

#: OpenAI's finish reasons; every other end of a run is an error.
FINISH_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls"})


class Function(msgspec.Struct, omit_defaults=True):
    arguments: str
    name: str | None = None


class Call(msgspec.Struct, omit_defaults=True):
    """A tool call for the client; in a stream all parts of one call have the same `index`."""

    function: Function
    index: int | None = None
    id: str | None = None
    type: str | None = None


class Delta(msgspec.Struct, omit_defaults=True):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Call | dict[str, Any]] | None = None
    reasoning_details: Any = None


class Identity(msgspec.Struct):
    """The first fields of every streamed chunk and of the whole answer; `created` is Unix time."""

    id: str
    object: str
    created: int
    model: str


class Details(msgspec.Struct):
    cached_tokens: int


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int


class Counts(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: Details
    completion_tokens_details: OutputDetails


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    role: str
    content: str | None
    refusal: str | None
    reasoning_content: str | None = None
    tool_calls: list[Call | dict[str, Any]] | None = None
    reasoning_details: Any = None


class Choice(msgspec.Struct):
    index: int
    message: Message
    logprobs: None
    finish_reason: str


class Completion(Identity):
    choices: list[Choice]
    usage: Counts | None


class OpenAIEncoder:
    """Encodes the chunks of one answer as Server-Sent Events in OpenAI's format.

    With `include_usage` the last frame before `[DONE]` has the token counts, and all others have
    `usage: null`. The status is sent with the first frame, because the SDKs have an exception for
    each status, or with the first heartbeat, which is a comment.
    """

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(
        self,
        run_id: str,
        model: str,
        created: float,
        *,
        include_usage: bool,
        links: MediaLinks | None = None,
    ) -> None:
        self._links = links
        self.heartbeat: bytes | None = b": keep-alive\n\n"
        self._identity = Identity(
            f"chatcmpl-{run_id}", "chat.completion.chunk", int(created), model
        )
        self._head = b"data: " + encode_line(self._identity)[:-1]
        self._model: str | None = None  # the answering model's own name; the request's may differ
        self._null_usage = b',"usage":null' if include_usage else b""
        self._include_usage = include_usage
        self._begun = False
        self._calls = 0

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        noted = chunk.media is not None or chunk.requirements is not None
        if noted and self._links is not None:
            chunk = self._links.as_text(chunk)
        if chunk.model != self._model:
            if self._model is not None:  # the fallback answers, and its name is reported
                self._identity.model = chunk.model
                self._head = b"data: " + encode_line(self._identity)[:-1]
            self._model = chunk.model
        out = b""
        if chunk.content or chunk.reasoning:
            out = self._frame(
                Delta(content=chunk.content or None, reasoning_content=chunk.reasoning or None)
            )
        if is_for_client(chunk.tool):
            out += self._call(chunk.tool)
        if chunk.error is not None:
            return out + error_frame(chunk.error)
        if chunk.done:
            return out + self._ending(chunk)
        return out

    def _call(self, tool: ToolCall) -> bytes:
        """Return the bytes of a tool call's two frames, as OpenAI sends them: its name, then its
        arguments."""
        index, self._calls = self._calls, self._calls + 1
        name = with_extra(Call(Function("", tool.name), index, tool.id, "function"), tool)
        arguments = Call(Function(tool.arguments_text or "{}"), index)
        first = Delta(tool_calls=[name], reasoning_details=reasoning_details(tool))
        return self._frame(first) + self._frame(Delta(tool_calls=[arguments]))

    def _ending(self, chunk: StreamingChunk) -> bytes:
        reason = finish_reason(chunk.finish_reason, self._calls)
        frames = [self._frame(Delta(), b'"%b"' % reason.encode())]
        if self._include_usage and chunk.usage is not None:
            usage = encode_line(counts(chunk.usage))
            frames.append(self._head + b',"choices":[],"usage":' + usage + b"}\n\n")
        return b"".join(frames) + b"data: [DONE]\n\n"

    def _frame(self, delta: Delta, reason: bytes = b"null") -> bytes:
        first = b""
        if not self._begun:
            self._begun = True
            first = self._frame(Delta(role="assistant", content=""))
        return first + b'%b,"choices":[{"index":0,"delta":%b,"finish_reason":%b}]%b}\n\n' % (
            self._head,
            encode_line(delta),
            reason,
            self._null_usage,
        )


def completion(answer: ChatResponse, model: str, created: float) -> bytes:
    """Return the bytes of the whole answer as one JSON object, a `chat.completion`.

    `model` is the model's name in the request; `created` is Unix time.
    """
    tools = [tool for tool in answer.tools if is_for_client(tool)]
    calls = [
        with_extra(
            Call(Function(tool.arguments_text or "{}", tool.name), id=tool.id, type="function"),
            tool,
        )
        for tool in tools
    ]
    message = Message(
        role="assistant",
        content=answer.content or (None if calls else ""),
        refusal=None,
        reasoning_content=answer.reasoning,
        tool_calls=calls or None,
        reasoning_details=next(filter(None, map(reasoning_details, tools)), None),
    )
    reason = finish_reason(answer.finish_reason, len(calls))
    return encode_line(
        Completion(
            id=f"chatcmpl-{answer.run_id}",
            object="chat.completion",
            created=int(created),
            model=model,
            choices=[Choice(0, message, None, reason)],
            usage=counts(answer.usage) if answer.usage else None,
        )
    )


def with_extra(call: Call, tool: ToolCall) -> Call | dict[str, Any]:
    """A call with the fields beside it that its provider wants back, such as `extra_content`."""
    extra = (tool.provider_data or {}).get("call")
    return {**extra, **msgspec.to_builtins(call)} if extra else call


def reasoning_details(tool: ToolCall) -> Any:
    """The `reasoning_details` of the message that a call came in; its other reasoning has been
    sent as such."""
    return (tool.provider_data or {}).get("message", {}).get("reasoning_details")


def finish_reason(reason: str | None, calls: int) -> str:
    """Return OpenAI's finish reason of an answer with this number of tool calls.

    It is `tool_calls` if there are calls; a reason that OpenAI does not have becomes `stop`.
    """
    if calls:
        return "tool_calls"
    return reason if reason in FINISH_REASONS and reason != "tool_calls" else "stop"


def counts(usage: Usage) -> Counts:
    """Return the tokens of a run in OpenAI's form."""
    return Counts(
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        Details(usage.cached_tokens),
        OutputDetails(usage.reasoning_tokens),
    )
