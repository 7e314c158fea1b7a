"""The chunks of the UI message stream (version 1) of Vercel's AI SDK, as far as both of its major
versions 6 and 7 know them. An unknown type ends a stream of theirs with an error."""

from typing import Any, Literal

import msgspec

FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]

#: What belongs to a call beside its arguments, by the name of who wants it back.
ProviderMetadata = dict[str, dict[str, Any]]


class UIChunk(msgspec.Struct, tag_field="type", rename="camel", omit_defaults=True, kw_only=True):
    pass


class Start(UIChunk, tag="start"):
    message_id: str
    message_metadata: dict[str, Any]


class MessageMetadata(UIChunk, tag="message-metadata"):
    """Fields that are added to the metadata of the message."""

    message_metadata: dict[str, Any]


class StartStep(UIChunk, tag="start-step"):
    pass


class FinishStep(UIChunk, tag="finish-step"):
    pass


class ResetStep(UIChunk, tag="reset-step"):
    """Removes the parts of the current step; version 6 does not know it."""


class Finish(UIChunk, tag="finish"):
    finish_reason: FinishReason
    message_metadata: dict[str, Any]


class Abort(UIChunk, tag="abort"):
    reason: str


class Failure(UIChunk, tag="error"):
    error_text: str


class TextStart(UIChunk, tag="text-start"):
    id: str


class TextDelta(UIChunk, tag="text-delta"):
    id: str
    delta: str


class TextEnd(UIChunk, tag="text-end"):
    id: str


class ReasoningStart(UIChunk, tag="reasoning-start"):
    id: str


class ReasoningDelta(UIChunk, tag="reasoning-delta"):
    id: str
    delta: str


class ReasoningEnd(UIChunk, tag="reasoning-end"):
    id: str


class ToolInputStart(UIChunk, tag="tool-input-start"):
    tool_call_id: str
    tool_name: str
    provider_executed: bool | None = None


class ToolInputDelta(UIChunk, tag="tool-input-delta"):
    tool_call_id: str
    input_text_delta: str


class ToolInputAvailable(UIChunk, tag="tool-input-available"):
    tool_call_id: str
    tool_name: str
    input: Any
    provider_executed: bool | None = None
    provider_metadata: ProviderMetadata | None = None


class ToolInputError(UIChunk, tag="tool-input-error"):
    """A call of the client's tool with arguments that are no JSON object."""

    tool_call_id: str
    tool_name: str
    input: Any
    error_text: str


class ToolApprovalRequest(UIChunk, tag="tool-approval-request"):
    approval_id: str
    tool_call_id: str
    reason: str | None = None


class ToolOutputAvailable(UIChunk, tag="tool-output-available"):
    tool_call_id: str
    output: Any
    provider_executed: bool | None = None


class ToolOutputError(UIChunk, tag="tool-output-error"):
    tool_call_id: str
    error_text: str
    provider_executed: bool | None = None


class ToolOutputDenied(UIChunk, tag="tool-output-denied"):
    tool_call_id: str


class SourceUrl(UIChunk, tag="source-url"):
    source_id: str
    url: str
    title: str | None = None


class SourceDocument(UIChunk, tag="source-document"):
    source_id: str
    media_type: str
    title: str


class File(UIChunk, tag="file"):
    url: str
    media_type: str


class Data(msgspec.Struct, omit_defaults=True):
    """What the protocol has no chunk for; `type` begins with `data-`.

    A part with an `id` takes the place of the part before with the same one. A `transient` one is
    shown to the page, and does not become a part of the message.
    """

    type: str
    data: Any
    id: str | None = None
    transient: bool = False


Chunk = UIChunk | Data

#: Chunks by which a message gets no new part.
ADD_NOTHING = (
    Start,
    MessageMetadata,
    FinishStep,
    TextEnd,
    ReasoningEnd,
    ToolOutputAvailable,
    ToolOutputError,
    ToolOutputDenied,
)
