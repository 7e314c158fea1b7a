"""The objects of Anthropic's protocol that this server sends: messages, blocks, events."""

from typing import Any

import msgspec

from ....models.chat import Usage


class Object(msgspec.Struct, tag_field="type"):
    """An object with a `type`."""


class TextBlock(Object, tag="text"):
    text: str


class ThinkingBlock(Object, tag="thinking"):
    thinking: str
    signature: str


class RedactedBlock(Object, tag="redacted_thinking"):
    data: str


class ToolUseBlock(Object, tag="tool_use"):
    id: str
    name: str
    input: Any  # a JSON object, as bytes if it is one already


Block = TextBlock | ThinkingBlock | RedactedBlock | ToolUseBlock


class OutputDetails(msgspec.Struct):
    thinking_tokens: int


class Counts(msgspec.Struct):
    """The tokens of a run; `input_tokens` are those that no cache held."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens_details: OutputDetails


class RefusalDetails(Object, tag="refusal"):
    category: None = None
    explanation: None = None


class Message(Object, tag="message"):
    id: str
    role: str
    model: str
    content: list[Block]
    stop_reason: str | None
    stop_sequence: None
    usage: Counts
    stop_details: RefusalDetails | None = None


class MessageStart(Object, tag="message_start"):
    message: Message


class BlockStart(Object, tag="content_block_start"):
    index: int
    content_block: Block


class TextDelta(Object, tag="text_delta"):
    text: str


class ThinkingDelta(Object, tag="thinking_delta"):
    thinking: str


class SignatureDelta(Object, tag="signature_delta"):
    signature: str


class InputDelta(Object, tag="input_json_delta"):
    partial_json: str


class BlockDelta(Object, tag="content_block_delta"):
    index: int
    delta: TextDelta | ThinkingDelta | SignatureDelta | InputDelta


class BlockStop(Object, tag="content_block_stop"):
    index: int


class Stop(msgspec.Struct):
    stop_reason: str
    stop_sequence: None = None
    stop_details: RefusalDetails | None = None


class MessageDelta(Object, tag="message_delta"):
    delta: Stop
    usage: Counts


class MessageStop(Object, tag="message_stop"):
    pass


def counts(usage: Usage | None) -> Counts:
    """Return the tokens of a run in Anthropic's form; zeros if nobody counted them."""
    if usage is None:
        return Counts(0, 0, 0, 0, OutputDetails(0))
    cached = usage.cached_tokens
    return Counts(
        max(usage.input_tokens - cached, 0),
        usage.output_tokens,
        0,
        cached,
        OutputDetails(usage.reasoning_tokens),
    )
