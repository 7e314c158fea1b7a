"""The events of a streamed response, each with its `sequence_number`, from 0 without a gap."""

from typing import Any

import msgspec

from .items import Item, OutputText, SummaryText, UrlCitation
from .resource import Response


class Event(msgspec.Struct, tag_field="type"):
    sequence_number: int


class ResponseEvent(Event):
    """An event with the whole response as it is then."""

    response: Response


class Created(ResponseEvent, tag="response.created"):
    pass


class Queued(ResponseEvent, tag="response.queued"):
    pass


class InProgress(ResponseEvent, tag="response.in_progress"):
    pass


class Completed(ResponseEvent, tag="response.completed"):
    pass


class Incomplete(ResponseEvent, tag="response.incomplete"):
    pass


class Failed(ResponseEvent, tag="response.failed"):
    pass


class ItemAdded(Event, tag="response.output_item.added"):
    output_index: int
    item: Item


class ItemDone(Event, tag="response.output_item.done"):
    output_index: int
    item: Item


class ItemEvent(Event):
    """An event about a part of an item."""

    item_id: str
    output_index: int


class PartAdded(ItemEvent, tag="response.content_part.added"):
    content_index: int
    part: OutputText


class PartDone(ItemEvent, tag="response.content_part.done"):
    content_index: int
    part: OutputText


class TextDelta(ItemEvent, tag="response.output_text.delta"):
    content_index: int
    delta: str
    logprobs: list[Any] = msgspec.field(default_factory=list)


class TextDone(ItemEvent, tag="response.output_text.done"):
    content_index: int
    text: str
    logprobs: list[Any] = msgspec.field(default_factory=list)


class AnnotationAdded(ItemEvent, tag="response.output_text.annotation.added"):
    content_index: int
    annotation_index: int
    annotation: UrlCitation


class SummaryPartAdded(ItemEvent, tag="response.reasoning_summary_part.added"):
    summary_index: int
    part: SummaryText


class SummaryPartDone(ItemEvent, tag="response.reasoning_summary_part.done"):
    summary_index: int
    part: SummaryText


class SummaryDelta(ItemEvent, tag="response.reasoning_summary_text.delta"):
    summary_index: int
    delta: str


class SummaryDone(ItemEvent, tag="response.reasoning_summary_text.done"):
    summary_index: int
    text: str


class ArgumentsDelta(ItemEvent, tag="response.function_call_arguments.delta"):
    delta: str


class ArgumentsDone(ItemEvent, tag="response.function_call_arguments.done"):
    arguments: str


class InputDelta(ItemEvent, tag="response.custom_tool_call_input.delta"):
    delta: str


class InputDone(ItemEvent, tag="response.custom_tool_call_input.done"):
    input: str


class McpInProgress(ItemEvent, tag="response.mcp_call.in_progress"):
    pass


class McpArgumentsDelta(ItemEvent, tag="response.mcp_call_arguments.delta"):
    delta: str


class McpArgumentsDone(ItemEvent, tag="response.mcp_call_arguments.done"):
    arguments: str


class McpCompleted(ItemEvent, tag="response.mcp_call.completed"):
    pass


class McpFailed(ItemEvent, tag="response.mcp_call.failed"):
    pass
