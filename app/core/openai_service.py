"""Runs an Agno agent and maps every event of its run to a `StreamingChunk`."""

import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec
from agno.media import Image
from agno.models.message import Message
from agno.models.response import ToolExecution
from agno.run.agent import RunEvent
from pydantic import BaseModel

from app.core.agents import AgentCatalog, AgentEntry
from app.core.conversations import Conversations
from app.core.errors import AgentFailed, RunFailed, RunStopped
from app.core.models import ModelEntry, ModelOptions
from app.core.text import Joiner, Streamed, whole
from app.models.chat import FinishReason, StreamingChunk, ToolCall, Usage

Emit = Callable[[StreamingChunk], None]

#: Error types of Agno whose text was written for the person who asked.
GUARDRAILS = frozenset({"input_check_error", "output_check_error"})


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the question: either an address, or the bytes themselves."""

    url: str | None = None
    content: bytes | None = None
    mime_type: str | None = None


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One message of a history that the client sends along."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom. A `history` that is not None replaces the server's own memory."""

    message: str
    agent: str | None = None
    model: str | None = None
    history: list[PastMessage] | None = None
    images: list[Picture] = field(default_factory=list)
    options: ModelOptions = ModelOptions()  # noqa: RUF009  # frozen


class AgentService:
    """Makes turns: a question, the agent and the model that answer it, and its conversation."""

    def __init__(self, agents: AgentCatalog, conversations: Conversations) -> None:
        self._agents = agents
        self._conversations = conversations

    def prepare(
        self, question: Question, *, run_id: str, conversation_id: str, principal: str
    ) -> "AgentTurn":
        """Choose agent and model; raises `UnknownAgent` or `UnknownModel`."""
        entry = self._agents.find(question.agent)
        return AgentTurn(
            self._agents,
            entry,
            self._agents.model_of(entry, question.model),
            question,
            self._conversations,
            run_id=run_id,
            conversation_id=conversation_id,
            principal=principal,
        )


class AgentTurn:
    """One run of a copy of an agent; `app.core.runs.Turn` is what a run sees of it."""

    def __init__(
        self,
        agents: AgentCatalog,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        conversations: Conversations,
        *,
        run_id: str,
        conversation_id: str,
        principal: str,
    ) -> None:
        self._runner = agents.prepare(entry, chosen, question.options, self._take)
        self._question = question
        self._conversations = conversations
        self._run_id = run_id
        self._conversation_id = conversation_id
        self._principal = principal
        self._begun = False
        self.agent = entry.id
        self.model: str = getattr(self._runner.model, "id", "")
        self._reader = EventReader(run_id, self.model)

    async def run(self, emit: Emit) -> StreamingChunk:
        """Emit the answer as it comes, and return its last chunk; raises `RunFailed` for every
        end that is not one of a whole answer."""
        self._emit = emit
        question = self._question
        events: Any = self._runner.arun(
            self._input(),
            stream=True,
            stream_events=True,
            run_id=self._run_id,
            session_id=self._conversation_id,
            user_id=self._principal,
            images=_images(question.images) if question.history is None else None,
            add_history_to_context=False if question.history is not None else None,
        )
        async with aclosing(events):
            async for event in events:
                self._begun = True
                if event.event == RunEvent.run_error:
                    raise self._failure(event)
                chunk = self._reader.read(event)
                if chunk is not None:
                    emit(chunk)
        return self._reader.ending(getattr(self._runner.model, "ending", None))

    def _take(self, text: str | None, reasoning: str | None) -> None:
        """What a model says past Agno, which gets the whole of it later."""
        chunk = self._reader.content(text, reasoning)
        if chunk is not None:
            self._emit(chunk)

    async def remember(self, text: str, failure: RunFailed) -> None:
        await self._conversations.remember(
            self._runner,
            run_id=self._run_id,
            conversation_id=self._conversation_id,
            principal=self._principal,
            question=self._question.message,
            answer=text,
            finish_reason=failure.finish_reason,
            begun=self._begun,
        )

    def _input(self) -> str | list[Message]:
        question = self._question
        if question.history is None:
            return question.message
        past = [Message(role=past.role, content=past.content) for past in question.history]
        images = _images(question.images)
        return [*past, Message(role="user", content=question.message, images=images)]

    def _failure(self, event: Any) -> RunFailed:
        known: RunFailed | None = getattr(self._runner.model, "failure", None)
        if known is not None:
            return known
        if event.error_type in GUARDRAILS:
            return AgentFailed(str(event.content))
        return AgentFailed(f"The agent failed ({event.error_type}); the server's log says why.")


class EventReader:
    """Maps the events of one run to chunks, without their beginning and their end."""

    def __init__(self, run_id: str, model: str) -> None:
        self._run_id = run_id
        self._model = model
        self._text = Joiner()
        self._reasoning = Joiner()
        self._usage: Usage | None = None
        self._paused = False

    def read(self, event: Any) -> StreamingChunk | None:
        """The chunk for an event; None for those that say nothing to a reader."""
        kind = event.event
        if kind == "RunContent":
            if event.run_id != self._run_id:
                return None  # a nested agent's text is its caller's tool result, not the answer
            return self.content(event.content, event.reasoning_content)
        if kind in ("ToolCallStarted", "ToolCallCompleted", "ToolCallError"):
            return self._tool(kind, event.tool)
        if kind == "ReasoningContentDelta":
            return self.content(None, event.reasoning_content)
        if kind == "RunPaused":
            self._paused = True
            return None
        if kind == "RunCancelled":
            raise RunStopped("cancelled", event.reason or "The run was cancelled.")
        if kind == "RunCompleted" and event.metrics is not None:
            self._usage = _usage(event.metrics)
        return None

    def ending(self, reason: FinishReason | None) -> StreamingChunk:
        """The last chunk. A completed run has called its own tools: that is no ending to tell."""
        if self._paused:
            reason = "tool_calls"
        elif reason is None or reason == "tool_calls":
            reason = "stop"
        return StreamingChunk(
            content=self._text.rest(),
            reasoning=self._reasoning.rest() or None,
            done=True,
            model=self._model,
            finish_reason=reason,
            usage=self._usage,
        )

    def content(self, content: Any, reasoning: str | None) -> StreamingChunk | None:
        """The chunk for text and reasoning; None for what has nothing new in it."""
        if type(content) is not str and content is not None:
            content = None if isinstance(content, Streamed) else _structured(content)
        if isinstance(reasoning, Streamed):
            reasoning = None
        text = self._text.feed(content) if content else ""
        thought = self._reasoning.feed(reasoning) if reasoning else ""
        if not text and not thought:
            return None
        return StreamingChunk(
            content=text, done=False, model=self._model, reasoning=thought or None
        )

    def _tool(self, kind: str, tool: ToolExecution | None) -> StreamingChunk | None:
        if tool is None or kind == "ToolCallError":
            return None  # a failed call has been told as completed, with its failure
        call = ToolCall(
            id=whole(tool.tool_call_id or ""),
            name=whole(tool.tool_name or ""),
            status="started" if kind == "ToolCallStarted" else _tool_status(tool),
            arguments=_plain(tool.tool_args),
            result=None if kind == "ToolCallStarted" else _clean(tool.result),
        )
        return StreamingChunk(content="", done=False, model=self._model, tool=call)


def _tool_status(tool: ToolExecution) -> Any:
    return "failed" if tool.tool_call_error else "completed"


def _plain(arguments: dict[str, Any] | None) -> dict[str, Any] | None:
    """Arguments as JSON knows them: a tool may have been called with any Python object, or, by a
    model, with half a character."""
    text = json.dumps(msgspec.to_builtins(arguments, enc_hook=str), ensure_ascii=False)
    plain: dict[str, Any] | None = json.loads(whole(text))
    return plain


def _clean(text: Any) -> str | None:
    return None if text is None else whole(str(text))


def _structured(content: Any) -> str:
    if isinstance(content, BaseModel):
        return content.model_dump_json()
    return msgspec.json.encode(content, enc_hook=str).decode()


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


def _images(pictures: list[Picture]) -> list[Image] | None:
    return [
        Image(url=picture.url, content=picture.content, mime_type=picture.mime_type)
        for picture in pictures
    ] or None
