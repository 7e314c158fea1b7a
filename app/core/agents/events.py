"""Maps the events of an Agno run to `StreamingChunk`s, Agno's classes known by their names."""

import json
from typing import Any

import msgspec
from agno.models.response import ToolExecution
from pydantic import BaseModel

from ...models.chat import FinishReason, StreamingChunk, ToolCall, Usage
from ..providers.client_tools import parsed
from ..question import ClientCall
from ..run_failures import RunStopped
from ..text import AlreadySent, SurrogateJoiner, replace_lone_surrogates
from .media_out import transcript


class EventReader:
    """Maps the events of one run to chunks, and makes the last chunk; the run makes the first.

    `model` is the id of the model that answers; `usage` is what the provider has reported so far;
    `paused` becomes True when the run waits for the client's tools.
    """

    def __init__(self, run_id: str, model: str) -> None:
        self._run_id = run_id
        self.model = model
        self._text = SurrogateJoiner()
        self._reasoning = SurrogateJoiner()
        self.usage: Usage | None = None
        self.paused = False

    def read(self, event: Any) -> StreamingChunk | None:
        """The chunk for an event; None if readers get nothing. Raises `RunStopped` if the run was
        cancelled inside Agno."""
        kind = event.event
        if kind == "RunContent":
            if event.run_id != self._run_id:
                return None  # a nested agent's text is its caller's tool result, not the answer
            return self.content(event.content or transcript(event), event.reasoning_content)
        if kind in ("ToolCallStarted", "ToolCallCompleted", "ToolCallError"):
            return self._tool(kind, event.tool)
        if kind == "ReasoningContentDelta":
            return self.content(None, event.reasoning_content)
        if kind == "RunPaused":
            self.paused = True
            return None
        if kind == "ModelRequestCompleted":
            self.usage = _sum(self.usage, event)
            return None
        if kind == "RunCancelled":
            raise RunStopped("cancelled", event.reason or "The run was cancelled.")
        if kind == "RunCompleted" and event.metrics is not None:
            self.usage = _usage(event.metrics)
        return None

    def ending(self, reason: FinishReason | None) -> StreamingChunk:
        """The last chunk of a run that did not fail.

        `tool_calls` is reported only if the run waits for the client: a completed run has executed
        its own tools.
        """
        if self.paused:
            reason = "tool_calls"
        elif reason is None or reason == "tool_calls":
            reason = "stop"
        return StreamingChunk(
            content=self._text.rest(),
            reasoning=self._reasoning.rest() or None,
            done=True,
            model=self.model,
            finish_reason=reason,
            usage=self.usage,
        )

    def content(self, content: Any, reasoning: str | None) -> StreamingChunk | None:
        """The chunk for new text and reasoning; None if there is neither."""
        if type(content) is not str and content is not None:
            content = None if isinstance(content, AlreadySent) else _structured(content)
        if isinstance(reasoning, AlreadySent):
            reasoning = None
        text = self._text.feed(content) if content else ""
        thought = self._reasoning.feed(reasoning) if reasoning else ""
        if not text and not thought:
            return None
        return StreamingChunk(content=text, done=False, model=self.model, reasoning=thought or None)

    def call(self, call: ClientCall) -> StreamingChunk:
        """The chunk for a tool call that the client must execute."""
        tool = ToolCall(
            id=replace_lone_surrogates(call.id),
            name=replace_lone_surrogates(call.name),
            status="paused",
            arguments=_plain(parsed(call.arguments)),
            arguments_text=replace_lone_surrogates(call.arguments),
        )
        return StreamingChunk(content="", done=False, model=self.model, tool=tool)

    def refused_call(self, call: dict[str, Any]) -> StreamingChunk:
        """The chunk for a call of a tool that does not exist."""
        written = call.get("function") or {}
        name = replace_lone_surrogates(str(written.get("name") or ""))
        tool = ToolCall(
            id=replace_lone_surrogates(str(call.get("id") or "")),
            name=name,
            status="failed",
            arguments=_plain(parsed(str(written.get("arguments") or "{}"))),
            result=f"There is no tool {name!r}.",
        )
        return StreamingChunk(content="", done=False, model=self.model, tool=tool)

    def _tool(self, kind: str, tool: ToolExecution | None) -> StreamingChunk | None:
        if tool is None or kind == "ToolCallError":
            return None  # Agno has already reported a failed call, as completed with an error
        call = ToolCall(
            id=replace_lone_surrogates(tool.tool_call_id or ""),
            name=replace_lone_surrogates(tool.tool_name or ""),
            status="started" if kind == "ToolCallStarted" else _tool_status(tool),
            arguments=_plain(tool.tool_args),
            result=None if kind == "ToolCallStarted" else _clean(tool.result),
        )
        return StreamingChunk(content="", done=False, model=self.model, tool=call)


def _tool_status(tool: ToolExecution) -> Any:
    return "failed" if tool.tool_call_error else "completed"


def _plain(arguments: dict[str, Any] | None) -> dict[str, Any] | None:
    """Tool arguments as JSON values, without lone surrogates; other Python objects become text."""
    text = json.dumps(msgspec.to_builtins(arguments, enc_hook=str), ensure_ascii=False)
    plain: dict[str, Any] | None = json.loads(replace_lone_surrogates(text))
    return plain


def _clean(text: Any) -> str | None:
    return None if text is None else replace_lone_surrogates(str(text))


def _structured(content: Any) -> str:
    if isinstance(content, BaseModel):
        return content.model_dump_json()
    return msgspec.json.encode(content, enc_hook=str).decode()


def _sum(usage: Usage | None, request: Any) -> Usage | None:
    """The usage of a run after one more upstream request; Agno reports no sum if a run pauses."""
    if not request.total_tokens:
        return usage
    before = usage or Usage(0, 0, 0)
    return Usage(
        input_tokens=before.input_tokens + (request.input_tokens or 0),
        output_tokens=before.output_tokens + (request.output_tokens or 0),
        total_tokens=before.total_tokens + request.total_tokens,
        reasoning_tokens=before.reasoning_tokens + (request.reasoning_tokens or 0),
        cached_tokens=before.cached_tokens + (request.cache_read_tokens or 0),
    )


def _usage(metrics: Any) -> Usage | None:
    if not metrics.total_tokens:
        return None
    return Usage(
        input_tokens=metrics.input_tokens,
        output_tokens=metrics.output_tokens,
        total_tokens=metrics.total_tokens,
        reasoning_tokens=metrics.reasoning_tokens or 0,
        cached_tokens=metrics.cache_read_tokens or 0,
    )
