"""Runs Agno agents: a question in, `StreamingChunk`s out (made by `agents.events`)."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from agno.models.message import Message
from agno.run import RunContext
from agno.run.agent import RunEvent

from ..models.chat import StreamingChunk, Usage
from .agents.catalog import AgentCatalog, AgentEntry
from .agents.conversations import Conversations, session_of
from .agents.events import EventReader
from .agents.media_in import adopted, media_of
from .agents.media_out import MediaReader
from .agents.messages import agno_message, mark_history
from .errors import UnknownAgent
from .log.journal import RunRecord
from .media import MediaStore, Owner
from .providers.catalog import ModelEntry
from .providers.client_tools import client_function
from .question import Question
from .run_failures import AgentFailed, RunFailed

logger = logging.getLogger(__name__)

Emit = Callable[[StreamingChunk], None]

#: Characters per token, to estimate the tokens that the provider did not count.
CHARS_PER_TOKEN = 4

#: Error types of Agno whose message is written for the user.
GUARDRAILS = frozenset({"input_check_error", "output_check_error"})


class AgentService:
    """Plans runs for questions, and stores the questions and answers of orphaned runs."""

    def __init__(
        self, agents: AgentCatalog, conversations: Conversations, media: MediaStore | None = None
    ) -> None:
        self._agents = agents
        self._conversations = conversations
        self._media = media

    def plan(self, question: Question, principal: str) -> "AgentPlan":
        """Choose the agent and the model of a question.

        Raises `UnknownAgent`, `UnknownModel`, and what `AgentCatalog.check` raises.
        """
        entry = self._agents.find(question.agent)
        chosen = self._agents.model_of(entry, question.model)
        self._agents.check(entry, chosen, question, principal)
        return AgentPlan(self._agents, self._conversations, entry, chosen, question, self._media)

    async def remember(self, record: RunRecord, text: str, failure: RunFailed) -> None:
        """Store the question and the partial answer of a run whose process died."""
        try:
            agent = self._agents.find(record.agent).agent
        except UnknownAgent:  # the run's server had other agents
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
    """A question with its agent and its model, checked; `prepare` makes the copies for a run."""

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        media: MediaStore | None,
    ) -> None:
        self._media = media
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
            self._agents,
            self._conversations,
            self._entry,
            self._chosen,
            self._question,
            record,
            self._media,
        )


class AgentTurn:
    """One run of a copy of an agent; implements the `Turn` that the run's driver expects."""

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        record: RunRecord,
        media: MediaStore | None,
    ) -> None:
        self._runner, self._model = agents.prepare(
            entry, chosen, question, record.principal, self._emit_text
        )
        self._model.on_fallback = self._fell_back
        self._model.on_unknown_call = self._emit_unknown_call
        self._question = question
        self._conversations = conversations
        self._run_id = record.run_id
        self._conversation_id = record.conversation_id
        self._principal = record.principal
        self._begun = False
        self.stored_question = record.question
        last = question.history[-1].content if question.history else None
        self.logged_question = question.message or last or ""
        self.model = self._model.model.id
        self._reader = EventReader(record.run_id, self.model)
        self._store = media
        self._owner = Owner(
            record.run_id, record.principal, record.conversation_id, kept=question.kept
        )
        self._media = MediaReader(media, self._owner)

    async def run(self, emit: Emit, on_alive: Callable[[], None]) -> StreamingChunk:
        """Emit the answer, and return its last chunk; raises `RunFailed` if it is incomplete."""
        self._emit = emit
        self._model.on_alive = on_alive
        question = await self._with_uploads()
        session_id = session_of(self._principal, self._conversation_id)
        events: Any = self._runner.arun(
            self._input(),
            stream=True,
            stream_events=True,
            run_id=self._run_id,
            session_id=session_id,
            user_id=self._principal,
            **(media_of(question).fields() if question.history is None else {}),
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
                if self._media.concerns(event):
                    media = await self._media.read(event, self._reader.model)
                    if media is not None:
                        emit(media)
        if self._reader.paused:
            for call in self._model.answering.client_calls:
                emit(self._reader.call(call))
        return self._reader.ending(self._model.answering.finish_reason)

    async def _with_uploads(self) -> Question:
        """The question with its uploads moved into the folder of the run."""
        if self._store is not None:
            self._question = await adopted(self._question, partial(self._store.adopt, self._owner))
        return self._question

    def _fell_back(self, model: str) -> None:
        logger.warning("run %s: fallback from %s to %s", self._run_id, self.model, model)
        self._reader.model = model

    def _emit_text(self, text: str | None, reasoning: str | None) -> None:
        """The sink for text that bypasses Agno, which gets all of it at once later."""
        chunk = self._reader.content(text, reasoning)
        if chunk is not None:
            self._emit(chunk)

    def _emit_unknown_call(self, call: dict[str, Any]) -> None:
        """Show a call of a tool that the agent does not have: Agno refuses it, and reports no
        event."""
        self._emit(self._reader.refused_call(call))

    def estimate_usage(self, pieces: int) -> Usage:
        """The tokens that the provider counted, plus an estimate of the others; see `Turn`."""
        counted = self._reader.usage or Usage(0, 0, 0)
        sent = counted.input_tokens + self._model.answering.uncounted // CHARS_PER_TOKEN
        received = max(counted.output_tokens, pieces)
        return Usage(sent, received, sent + received, estimated=True)

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
        messages = [agno_message(past) for past in question.history]
        if question.message is not None:
            media = media_of(question).fields()
            messages.append(Message(role="user", content=question.message, **media))
        return mark_history(messages)

    def _failure(self, event: Any) -> RunFailed:
        """The error for a failed run of Agno: the model's own, if the model failed."""
        failure = self._model.failure or self._model.answering.failure
        if failure is not None:
            return failure
        if event.error_type in GUARDRAILS:
            return AgentFailed(str(event.content))
        return AgentFailed(f"The agent failed ({event.error_type}); see the server's log.")
