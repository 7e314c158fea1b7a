"""The items of a response's `output`: messages, reasoning, tool calls and their results.

An item's id is its kind, the run's id and its place, so that a later request can refer to it.
"""

from typing import Any, Literal

import msgspec

Status = Literal["in_progress", "completed", "incomplete"]


class UrlCitation(msgspec.Struct, tag_field="type", tag="url_citation"):
    """A source of the answer. The indices are places in the text, in characters."""

    url: str
    title: str
    start_index: int
    end_index: int


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    text: str
    annotations: list[UrlCitation] = msgspec.field(default_factory=list)
    logprobs: list[Any] = msgspec.field(default_factory=list)


class SummaryText(msgspec.Struct, tag_field="type", tag="summary_text"):
    text: str


class Message(msgspec.Struct, tag_field="type", tag="message"):
    """A text of the assistant, between two calls of tools."""

    id: str
    status: Status
    content: list[OutputText]
    role: str = "assistant"


class Reasoning(msgspec.Struct, tag_field="type", tag="reasoning"):
    """What the model thinks; a summary, because OpenAI and Open Responses agree on its events."""

    id: str
    status: Status
    summary: list[SummaryText]


class FunctionCall(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a tool; `arguments` is JSON, or whatever the model wrote in its place."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status = "completed"


class FunctionCallOutput(msgspec.Struct, tag_field="type", tag="function_call_output"):
    """The result of a tool that the server ran."""

    id: str
    call_id: str
    output: str
    status: Status = "completed"


class CustomToolCall(msgspec.Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a client's tool whose input is plain text."""

    id: str
    call_id: str
    name: str
    input: str
    status: Status = "completed"


class McpError(msgspec.Struct, tag_field="type", tag="mcp_tool_execution_error"):
    content: list[Any]


class McpCall(msgspec.Struct, tag_field="type", tag="mcp_call"):
    """A call of a tool that the server ran, with its result, for clients that run tools themselves.

    They would run a `function_call`, too, or fail because they do not know its tool.
    """

    id: str
    server_label: str
    name: str
    arguments: str
    output: str | None = None
    error: McpError | None = None
    approval_request_id: str | None = None
    status: Literal["in_progress", "completed", "incomplete", "calling", "failed"] = "completed"


class ApprovalRequest(msgspec.Struct, tag_field="type", tag="mcp_approval_request"):
    """A question to a person: may the tool run?"""

    id: str
    server_label: str
    name: str
    arguments: str


Item = (
    Message
    | Reasoning
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | McpCall
    | ApprovalRequest
)

#: The beginnings of the ids of items; the id of the run and a number follow.
PREFIXES = ("msg", "rs", "fc", "fco", "ctc", "mcp")
