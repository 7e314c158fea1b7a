"""The format of `/v1/messages`: Anthropic's typed Server-Sent Events, without ids."""

from typing import Any, ClassVar

import msgspec

from ....core.log.journal import RunRecord
from ....models.chat import StreamingChunk, ToolCall, Usage
from ...client_calls import is_for_client
from ...encoding import encode_line
from ...media_links import MediaLinks
from . import events as ev
from .errors import error_frame
from .redacted import redacted

#: Anthropic's reasons for the finish reasons that it has; all other complete answers end a turn.
STOP_REASONS = {"length": "max_tokens", "content_filter": "refusal"}


class AnthropicEncoder:
    """Encodes the chunks of one answer as Server-Sent Events in Anthropic's format.

    Text and reasoning are blocks that follow each other; a tool call for the client is one, too.
    Tools of the server are not shown. The status is sent with the first event, because the SDKs
    have an exception for each status, or with the first heartbeat, which is a `ping`. `name` is
    the model's name in the request.
    """

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(self, record: RunRecord, name: str, links: MediaLinks | None = None) -> None:
        self.heartbeat: bytes | None = b'event: ping\ndata: {"type":"ping"}\n\n'
        self._record = record
        self._name = name
        self._links = links
        self._begun = False
        self._open: str | None = None  # the type of the block that goes on
        self._index = -1
        self._calls = 0

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if self._links is not None:
            chunk = self._links.as_text(chunk)
        out = b""
        if chunk.reasoning:
            out += self._start(chunk, ev.ThinkingBlock("", ""))
            out += self._delta(ev.ThinkingDelta(chunk.reasoning))
        if chunk.content:
            out += self._start(chunk, ev.TextBlock(""))
            out += self._delta(ev.TextDelta(chunk.content))
        if is_for_client(chunk.tool):
            out += self._call(chunk, chunk.tool)
        if chunk.error is not None:
            return out + error_frame(chunk.error)
        if chunk.done:
            out += self._begin(chunk) + self._close() + self._ending(chunk)
        return out

    def _begin(self, chunk: StreamingChunk) -> bytes:
        """Return the bytes of the first event, before anything else; empty afterwards."""
        if self._begun:
            return b""
        self._begun = True
        name = model_name(self._record, self._name, chunk.model)
        return frame(ev.MessageStart(message(self._record.run_id, name)))

    def _start(self, chunk: StreamingChunk, block: ev.Block) -> bytes:
        """Return the bytes that begin a block; empty if one of its type goes on."""
        kind = str(block.__struct_config__.tag)
        if self._open == kind:
            return b""
        out = self._begin(chunk) + self._close()
        self._open = kind
        self._index += 1
        return out + frame(ev.BlockStart(self._index, block))

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        signed = b""
        if self._open == "thinking":
            signed = self._delta(ev.SignatureDelta(signature(self._record.run_id)))
        self._open = None
        return signed + frame(ev.BlockStop(self._index))

    def _delta(self, delta: Any) -> bytes:
        return frame(ev.BlockDelta(self._index, delta))

    def _call(self, chunk: StreamingChunk, tool: ToolCall) -> bytes:
        self._calls += 1
        out = self._begin(chunk) + self._close()
        if (data := redacted(tool)) is not None:
            out += self._start(chunk, ev.RedactedBlock(data)) + self._close()
        out += self._start(chunk, ev.ToolUseBlock(tool.id, tool.name, {}))
        return out + self._delta(ev.InputDelta(arguments(tool).decode())) + self._close()

    def _ending(self, chunk: StreamingChunk) -> bytes:
        reason = stop_reason(chunk.finish_reason, self._calls)
        stop = ev.Stop(reason, stop_details=details(reason))
        return frame(ev.MessageDelta(stop, ev.counts(chunk.usage))) + frame(ev.MessageStop())


def frame(event: ev.Object) -> bytes:
    """Return an event as the bytes of a Server-Sent Event."""
    kind = str(event.__struct_config__.tag).encode()
    return b"event: %b\ndata: %b\n\n" % (kind, encode_line(event))


def message(
    run_id: str,
    model: str,
    content: list[ev.Block] | None = None,
    reason: str | None = None,
    usage: Usage | None = None,
) -> ev.Message:
    """Return a message of the assistant; without a reason it has not ended."""
    return ev.Message(
        id=f"msg_{run_id}",
        role="assistant",
        model=model,
        content=content or [],
        stop_reason=reason,
        stop_sequence=None,
        usage=ev.counts(usage),
        stop_details=details(reason),
    )


def model_name(record: RunRecord, name: str, model: str) -> str:
    """The name of the model that answers: that of the request, unless the fallback answers."""
    return name if model == record.model else model


def signature(run_id: str) -> str:
    """The signature of a thinking block: the id of its run, because nobody checks it here."""
    return run_id


def arguments(tool: ToolCall) -> bytes:
    """Return the arguments of a call as a JSON object, which the SDKs parse.

    What is none is put into one by the name that Anthropic proposes for it.
    """
    text = tool.arguments_text or "{}"
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return msgspec.json.encode({"INVALID_JSON": text})
    return text.encode()


def stop_reason(reason: str | None, calls: int) -> str:
    """Return Anthropic's stop reason of an answer with this number of tool calls.

    `stop_sequence` is never among them: providers do not report which end it was.
    """
    return "tool_use" if calls else STOP_REASONS.get(reason or "", "end_turn")


def details(reason: str | None) -> ev.RefusalDetails | None:
    return ev.RefusalDetails() if reason == "refusal" else None
