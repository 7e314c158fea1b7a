"""The events of AG-UI 1.0 that this server sends, as structs; an absent field is left out."""

from typing import Any

import msgspec

#: The version of the protocol, as `RUN_STARTED` declares it.
VERSION = "1.0"


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    """`metadata` is open by key; ours has the key `agno-stream`."""

    metadata: dict[str, Any] | None = None


class Attributed(Event, kw_only=True):
    """An event that belongs to a subagent, or without `subagent_run_id` to the run's own agent."""

    subagent_run_id: str | None = None


class RunStarted(Event, kw_only=True, tag="RUN_STARTED"):
    thread_id: str
    run_id: str
    protocol_version: str
    parent_run_id: str | None = None


class TokenUsage(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """The tokens of a run; those that nobody counted are absent."""

    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0


class Interrupt(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that a run waits for; `response_schema` describes the answer."""

    id: str
    reason: str
    message: str | None = None
    tool_call_id: str | None = None
    response_schema: dict[str, Any] | None = None
    subagent_run_id: str | None = None
    metadata: dict[str, Any] | None = None


class Succeeded(msgspec.Struct, omit_defaults=True, rename="camel", tag="success"):
    """`pending_tool_call_ids` are the calls that the client is to answer."""

    pending_tool_call_ids: list[str] | None = None


class Interrupted(msgspec.Struct, tag="interrupt"):
    interrupts: list[Interrupt]


class Cancelled(msgspec.Struct, tag="cancelled"):
    pass


class RunFinished(Event, kw_only=True, tag="RUN_FINISHED"):
    thread_id: str
    run_id: str
    outcome: Succeeded | Interrupted | Cancelled | None = None
    result: Any = None
    usage: list[TokenUsage] | None = None


class RunError(Event, kw_only=True, tag="RUN_ERROR"):
    message: str
    code: str | None = None
    usage: list[TokenUsage] | None = None


class StepStarted(Attributed, kw_only=True, tag="STEP_STARTED"):
    step_name: str


class StepFinished(Attributed, kw_only=True, tag="STEP_FINISHED"):
    step_name: str


class TextStart(Attributed, kw_only=True, tag="TEXT_MESSAGE_START"):
    message_id: str
    role: str
    name: str | None = None


class TextContent(Attributed, kw_only=True, tag="TEXT_MESSAGE_CONTENT"):
    message_id: str
    delta: str


class TextEnd(Attributed, kw_only=True, tag="TEXT_MESSAGE_END"):
    message_id: str


class ReasoningStart(Attributed, kw_only=True, tag="REASONING_START"):
    message_id: str


class ReasoningMessageStart(Attributed, kw_only=True, tag="REASONING_MESSAGE_START"):
    message_id: str
    role: str


class ReasoningContent(Attributed, kw_only=True, tag="REASONING_MESSAGE_CONTENT"):
    message_id: str
    delta: str


class ReasoningMessageEnd(Attributed, kw_only=True, tag="REASONING_MESSAGE_END"):
    message_id: str


class ReasoningEnd(Attributed, kw_only=True, tag="REASONING_END"):
    message_id: str


class EncryptedValue(Attributed, kw_only=True, tag="REASONING_ENCRYPTED_VALUE"):
    """What a provider wants back with a tool call (`subtype` is `tool-call`)."""

    subtype: str
    entity_id: str
    encrypted_value: str


class ToolCallStart(Attributed, kw_only=True, tag="TOOL_CALL_START"):
    tool_call_id: str
    tool_call_name: str
    parent_message_id: str


class ToolCallArgs(Attributed, kw_only=True, tag="TOOL_CALL_ARGS"):
    tool_call_id: str
    delta: str


class ToolCallEnd(Attributed, kw_only=True, tag="TOOL_CALL_END"):
    tool_call_id: str


class ToolCallResult(Attributed, kw_only=True, tag="TOOL_CALL_RESULT"):
    message_id: str
    tool_call_id: str
    content: str
    role: str


class StateSnapshot(Attributed, kw_only=True, tag="STATE_SNAPSHOT"):
    snapshot: Any


class MessagesSnapshot(Event, kw_only=True, tag="MESSAGES_SNAPSHOT"):
    messages: list[dict[str, Any]]


class Custom(Attributed, kw_only=True, tag="CUSTOM"):
    name: str
    value: Any


class SubagentStarted(Event, kw_only=True, tag="SUBAGENT_STARTED"):
    subagent_run_id: str
    name: str
    parent_subagent_run_id: str | None = None
    parent_tool_call_id: str | None = None


class Suspended(msgspec.Struct, rename="camel", tag="suspended"):
    interrupt_ids: list[str]


class SubagentFinished(Event, kw_only=True, tag="SUBAGENT_FINISHED"):
    subagent_run_id: str
    outcome: Suspended | None = None


class SubagentError(Event, kw_only=True, tag="SUBAGENT_ERROR"):
    subagent_run_id: str
    message: str
    code: str | None = None
