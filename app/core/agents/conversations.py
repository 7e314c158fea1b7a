"""Conversations, kept in Agno's session store, so that other Agno tools can read them.

See docs/decisions/018-broken-turns-are-stored.md.
See docs/decisions/019-session-ids-carry-the-principal.md.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import msgspec
from agno.agent import Agent
from agno.db.base import AsyncBaseDb, BaseDb, SessionType
from agno.models.message import Message
from agno.run.agent import RunInput, RunOutput
from agno.run.base import RunStatus
from agno.session.agent import AgentSession

from ...models.chat import (
    Conversation,
    ConversationInfo,
    ConversationPage,
    FinishReason,
    StoredMessage,
)
from ..access.keys import ANONYMOUS
from ..errors import UnknownConversation
from .messages import shown_text

Db = AsyncBaseDb | BaseDb

#: The key of a run's finish reason in Agno's metadata of the run.
FINISH_REASON = "finish_reason"

#: Seconds to wait until Agno has stored a cancelled run, which it does in the background.
AGNO_WRITE_TIMEOUT = 2.0


class Conversations:
    """Lists, reads, deletes and repairs conversations in the stores of all agents."""

    def __init__(self, dbs: list[Db]) -> None:
        self._dbs = dbs

    async def check(self) -> None:
        """Read from each store once, to fail early; raises whatever a store raises."""
        for db in self._dbs:
            await _call(
                db.get_sessions, session_type=SessionType.AGENT, limit=1, include_runs=False
            )

    async def list(self, principal: str, *, limit: int, offset: int) -> ConversationPage:
        """A page of a principal's conversations, the most recently updated first."""
        found: list[ConversationInfo] = []
        total = 0
        for db in self._dbs:
            rows, count = await _call(
                db.get_sessions,
                session_type=SessionType.AGENT,
                user_id=principal,
                limit=limit + offset,
                page=1,
                sort_by="updated_at",
                sort_order="desc",
                deserialize=False,
                include_runs=True,
            )
            total += count
            found += [_info(AgentSession.from_dict(row)) for row in rows]
        found.sort(key=lambda info: info.updated_at, reverse=True)
        return ConversationPage(found[offset : offset + limit], total, limit, offset)

    async def get(self, conversation_id: str, principal: str) -> Conversation:
        """A conversation with its messages; raises `UnknownConversation`."""
        _, session = await self._find(conversation_id, principal)
        info = _info(session)
        return Conversation(**msgspec.structs.asdict(info), messages=_messages(session))

    async def delete(self, conversation_id: str, principal: str) -> None:
        """Delete a conversation; raises `UnknownConversation`."""
        db, _ = await self._find(conversation_id, principal)
        await _call(
            db.delete_session, session_id=session_of(principal, conversation_id), user_id=principal
        )

    async def remember(
        self,
        agent: Agent,
        *,
        run_id: str,
        conversation_id: str,
        principal: str,
        question: str,
        answer: str,
        finish_reason: FinishReason,
        begun: bool,
    ) -> None:
        """Store a cancelled or failed run so that it stays in the conversation's history.

        Agno leaves such runs out of the history. Here they are stored as completed, with the
        partial answer, and with their finish reason in the metadata. `begun` is True if Agno has
        started the run, and so will write it, too.
        """
        db = agent.db
        if db is None:
            return
        session_id = session_of(principal, conversation_id)
        run = await self._stored_run(db, run_id, wait=begun)
        session = await _session(db, conversation_id, principal)
        if session is None:
            now = int(time.time())
            session = AgentSession(
                session_id=session_id,
                agent_id=agent.id,
                user_id=principal,
                session_data={},
                agent_data={"agent_id": agent.id, "name": agent.name},
                created_at=now,
                updated_at=now,
            )
            await _call(db.upsert_session, session)
        if run is None:
            run = RunOutput(
                run_id=run_id,
                session_id=session_id,
                agent_id=agent.id,
                agent_name=agent.name,
                user_id=principal,
                model=agent.model.id if agent.model else None,
                input=RunInput(input_content=question),
            )
        run.messages = _repaired(run.messages or [], question, answer)
        run.content = answer
        run.status = RunStatus.completed
        run.metadata = {**(run.metadata or {}), FINISH_REASON: finish_reason}
        await _call(db.upsert_run, run, session_id=session_id, user_id=principal)

    async def _find(self, conversation_id: str, principal: str) -> tuple[Db, AgentSession]:
        for db in self._dbs:
            session = await _session(db, conversation_id, principal)
            if session is not None:
                return db, session
        raise UnknownConversation(f"There is no conversation {conversation_id!r}.")

    async def _stored_run(self, db: Db, run_id: str, *, wait: bool) -> RunOutput | None:
        """The run as stored, or None; with `wait`, once Agno's background task has written it."""
        deadline = time.monotonic() + (AGNO_WRITE_TIMEOUT if wait else 0)
        pause = 0.002
        while True:
            run = await _call(db.get_run, run_id)
            if isinstance(run, RunOutput) and run.status != RunStatus.running:
                return run
            if time.monotonic() >= deadline:
                return run if isinstance(run, RunOutput) else None
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)


def session_of(principal: str, conversation_id: str) -> str:
    """The id of a principal's conversation as a session of Agno's store.

    Agno's session ids are unique across users. So the id contains the principal; else the second
    principal with the same conversation id could store nothing.
    """
    return conversation_id if principal == ANONYMOUS else f"{principal}/{conversation_id}"


def _conversation_of(session: AgentSession) -> str:
    return session.session_id.removeprefix(f"{session.user_id}/")


async def _call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Await a store's method; one that is not a coroutine function runs in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    return await asyncio.to_thread(method, *args, **kwargs)


async def _session(db: Db, conversation_id: str, principal: str) -> AgentSession | None:
    session = await _call(
        db.get_session,
        session_id=session_of(principal, conversation_id),
        session_type=SessionType.AGENT,
        user_id=principal,
    )
    return session if isinstance(session, AgentSession) else None


def _repaired(messages: list[Message], question: str, answer: str) -> list[Message]:
    """The messages of an incomplete run, with its question and its partial answer added.

    Tool calls without a result are removed, because providers reject a history that has them.
    """
    kept = [message for message in messages if not message.from_history]
    answered = {message.tool_call_id for message in kept if message.role == "tool"}
    for message in kept:
        calls = [call for call in message.tool_calls or [] if call.get("id") in answered]
        message.tool_calls = calls or None
    if not any(message.role == "user" for message in kept):
        kept.append(Message(role="user", content=question))
    if kept[-1].role == "assistant" and not kept[-1].tool_calls:
        kept.pop()
    before = "".join(m.get_content_string() for m in kept if m.role == "assistant")
    if rest := answer.removeprefix(before):
        kept.append(Message(role="assistant", content=rest))
    return kept


def _info(session: AgentSession | None) -> ConversationInfo:
    assert session is not None  # a stored row has an id
    title = next((m.content for m in _messages(session) if m.role == "user"), "")
    return ConversationInfo(
        conversation_id=_conversation_of(session),
        title=" ".join(title.split())[:80],
        created_at=session.created_at or 0,
        updated_at=session.updated_at or session.created_at or 0,
        agent=session.agent_id,
    )


def _question(run: Any) -> str | None:
    own = (m for m in (run and run.messages) or [] if m.role == "user" and not m.from_history)
    return next((message.get_content_string() for message in own), None)


def _messages(session: AgentSession) -> list[StoredMessage]:
    """The messages of the user and the assistant, without system prompts and tool messages."""
    stored, runs = [], [run for run in session.runs or [] if run.parent_run_id is None]
    for run, following in zip_longest(runs, runs[1:]):
        if run.status == RunStatus.paused and _question(run) == _question(following):
            continue  # the next run repeats this turn, with the results of the client's tools
        for message in run.messages or []:
            if (content := shown_text(message, pictures=bool(run.images))) is None:
                continue
            answer = message.role == "assistant"
            stored.append(
                StoredMessage(
                    role=message.role,
                    content=content,
                    run_id=run.run_id or "",
                    created_at=message.created_at,
                    model=run.model if answer else None,
                    finish_reason=(run.metadata or {}).get(FINISH_REASON) if answer else None,
                )
            )
    return stored
