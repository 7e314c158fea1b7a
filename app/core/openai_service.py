"""Runs an Agno agent; every event of its run becomes a `StreamingChunk` (see `events`)."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from agno.media import Image
from agno.models.message import Message
from agno.run import RunContext
from agno.run.agent import RunEvent

from ..models.chat import StreamingChunk, Usage
from .agents.catalog import AgentCatalog, AgentEntry
from .agents.conversations import Conversations, session_of
from .agents.events import EventReader
from .errors import AgentFailed, RunFailed, UnknownAgent
from .log.journal import RunRecord
from .providers.catalog import ModelEntry
from .providers.client_tools import client_function
from .providers.endings import ReportsEnding
from .question import PastMessage, Picture, Question

logger = logging.getLogger(__name__)

Emit = Callable[[StreamingChunk], None]

#: Characters per token, for an estimate of what no provider has counted.
CHARS_PER_TOKEN = 4

#: Error types of Agno whose text was written for the person who asked.
GUARDRAILS = frozenset({"input_check_error", "output_check_error"})


class AgentService:
    """Turns a question into the plan of a run, and stores the turns of runs that were orphaned."""

    def __init__(self, agents: AgentCatalog, conversations: Conversations) -> None:
        self._agents = agents
        self._conversations = conversations

    def plan(self, question: Question) -> "AgentPlan":
        """Choose the agent and the model of a question.

        Raises `UnknownAgent`, `UnknownModel`, and what `AgentCatalog.check` raises.
        """
        entry = self._agents.find(question.agent)
        chosen = self._agents.model_of(entry, question.model)
        self._agents.check(entry, chosen, question)
        return AgentPlan(self._agents, self._conversations, entry, chosen, question)

    async def remember(self, record: RunRecord, text: str, failure: RunFailed) -> None:
        """Keep the question of a run, and what was said of its answer, when its process died."""
        try:
            agent = self._agents.find(record.agent).agent
        except UnknownAgent:  # another set of agents was served then
            agent = self._agents.find(None).agent
        await self._conversations.remember(
            agent,
            run_id=record.run_id,
            conversation_id=record.conversation_id,
            principal=record.principal,
            question=record.question or "",
            answer=text,
            finish_reason=failure.finish_reason,
            begun=False,
        )


class AgentPlan:
    """A question with its agent and its model; nothing is copied before `prepare`."""

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
    ) -> None:
        self._agents = agents
        self._conversations = conversations
        self._entry = entry
        self._chosen = chosen
        self._question = question
        self.agent = entry.id
        self.model = chosen.id if chosen is not None else entry.model or ""
        self.stored_question = (question.message or "") if question.kept else None

    def prepare(self, record: RunRecord) -> "AgentTurn":
        """The turn of one run: copies of the agent and the model for it alone."""
        return AgentTurn(
            self._agents, self._conversations, self._entry, self._chosen, self._question, record
        )


class AgentTurn:
    """One run of a copy of an agent, as the driver of the run sees it: a `Turn`."""

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        record: RunRecord,
    ) -> None:
        self._runner = agents.prepare(entry, chosen, question, self._take)
        self._question = question
        self._conversations = conversations
        self._run_id = record.run_id
        self._conversation_id = record.conversation_id
        self._principal = record.principal
        self._begun = False
        self.stored_question = record.question
        last = question.history[-1].content if question.history else None
        self.logged_question = question.message or last or ""
        self.model: str = getattr(self._runner.model, "id", "")
        self._reader = EventReader(record.run_id, self.model)
        if isinstance(self._runner.model, ReportsEnding):
            self._runner.model.on_fallback = self._fell_back

    async def run(self, emit: Emit) -> StreamingChunk:
        """Emit the answer as it comes, and return its last chunk; raises `RunFailed` for every
        end that is not one of a whole answer."""
        self._emit = emit
        question = self._question
        session_id = session_of(self._principal, self._conversation_id)
        events: Any = self._runner.arun(
            self._input(),
            stream=True,
            stream_events=True,
            run_id=self._run_id,
            session_id=session_id,
            user_id=self._principal,
            images=_images(question.images) if question.history is None else None,
            add_history_to_context=False if question.history is not None else None,
            run_context=RunContext(
                run_id=self._run_id,
                session_id=session_id,
                user_id=self._principal,
                client_tools=[client_function(tool) for tool in question.tools],
            ),
        )
        async with aclosing(events):
            async for event in events:
                self._begun = True
                if event.event == RunEvent.run_error:
                    raise self._failure(event)
                chunk = self._reader.read(event)
                if chunk is not None:
                    emit(chunk)
        if self._reader.paused:
            for call in getattr(self._answering, "client_calls", ()):
                emit(self._reader.call(call))
        return self._reader.ending(getattr(self._answering, "ending", None))

    @property
    def _answering(self) -> Any:
        """The model that answers: the one that was chosen, or the one in its stead."""
        return getattr(self._runner.model, "answering", self._runner.model)

    def _fell_back(self, model: str) -> None:
        logger.warning("run %s: %s answers in the stead of %s", self._run_id, model, self.model)
        self._reader.model = model

    def _take(self, text: str | None, reasoning: str | None) -> None:
        """What a model says past Agno, which gets the whole of it later."""
        chunk = self._reader.content(text, reasoning)
        if chunk is not None:
            self._emit(chunk)

    def estimate_usage(self, pieces: int) -> Usage:
        """What the provider has counted, and an estimate of what it has not; see `Turn`."""
        counted = self._reader.usage or Usage(0, 0, 0)
        sent = counted.input_tokens + self._answering.uncounted // CHARS_PER_TOKEN
        received = max(counted.output_tokens, pieces)
        return Usage(input_tokens=sent, output_tokens=received, total_tokens=sent + received)

    async def remember(self, text: str, failure: RunFailed) -> None:
        await self._conversations.remember(
            self._runner,
            run_id=self._run_id,
            conversation_id=self._conversation_id,
            principal=self._principal,
            question=self.stored_question or "",
            answer=text,
            finish_reason=failure.finish_reason,
            begun=self._begun,
        )

    def _input(self) -> str | list[Message]:
        question = self._question
        if question.history is None:
            return question.message or ""
        messages = [_message(past) for past in question.history]
        if question.message is not None:
            images = _images(question.images)
            messages.append(Message(role="user", content=question.message, images=images))
        return _remembered(messages)

    def _failure(self, event: Any) -> RunFailed:
        known: RunFailed | None = getattr(self._runner.model, "failure", None)
        if known is not None:
            return known
        if event.error_type in GUARDRAILS:
            return AgentFailed(str(event.content))
        return AgentFailed(f"The agent failed ({event.error_type}); the server's log says why.")


def _images(pictures: list[Picture]) -> list[Image] | None:
    return [
        Image(
            url=picture.url,
            content=picture.content,
            mime_type=picture.mime_type,
            detail=picture.detail,
        )
        for picture in pictures
    ] or None


def _message(past: PastMessage) -> Message:
    """A message of the client's history as Agno knows it."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        for call in past.calls
    ]
    return Message(
        role=past.role,
        content=past.content,
        images=_images(list(past.images)),
        tool_calls=calls or None,
        tool_call_id=past.call_id,
        tool_name=past.tool,
    )


def _remembered(messages: list[Message]) -> list[Message]:
    """Mark what is before the newest message of the user: that is no part of this turn."""
    newest = max((n for n, message in enumerate(messages) if message.role == "user"), default=0)
    for message in messages[:newest]:
        message.from_history = True
    return messages
