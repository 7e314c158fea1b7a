"""Conversations, kept in Agno's session store, so that other Agno tools can read them.

See docs/decisions/018-broken-turns-are-stored.md.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from ....models.chat import Conversation, ConversationInfo, ConversationPage, FinishReason
from ...errors import UnknownConversation
from .sessions import (
    RUNS,
    AnyRun,
    AnySession,
    Session,
    conversation_of,
    find_session,
    new_run,
    new_session,
    owner_of,
    sessions_of,
)
from .proxies.proxy import Db, off_the_loop
from .transcript import FINISH_REASON, messages_of, repaired

#: Seconds to wait until Agno has stored a cancelled run, which it does in the background.
AGNO_WRITE_TIMEOUT = 2.0


class Conversations:
    """Lists, reads, deletes and repairs conversations in the stores of all agents.

    `user` is the end user of a principal whose key is one for many.
    """

    def __init__(self, dbs: Sequence[Db]) -> None:
        self._dbs = [off_the_loop(db) for db in dbs]

    async def check(self) -> None:
        """Read from each store once, to fail early; raises whatever a store raises."""
        for db in self._dbs:
            await sessions_of(db, None, 1, runs=False)

    async def list(
        self, principal: str, *, limit: int, offset: int, user: str | None = None
    ) -> ConversationPage:
        """A page of a principal's conversations, the most recently updated first."""
        found: list[ConversationInfo] = []
        total = 0
        for db in self._dbs:
            sessions, count = await sessions_of(db, owner_of(principal, user), limit + offset)
            total += count
            found += [_info(session) for session in sessions]
        found.sort(key=lambda info: info.updated_at, reverse=True)
        return ConversationPage(found[offset : offset + limit], total, limit, offset)

    async def get(
        self, conversation_id: str, principal: str, user: str | None = None
    ) -> Conversation:
        """A conversation with its messages; raises `UnknownConversation`."""
        _, session = await self._find(Session(conversation_id, owner_of(principal, user)))
        info = _info(session)
        return Conversation(**msgspec.structs.asdict(info), messages=messages_of(session))

    async def delete(self, conversation_id: str, principal: str, user: str | None = None) -> None:
        """Delete a conversation; raises `UnknownConversation`."""
        session = Session(conversation_id, owner_of(principal, user))
        db, _ = await self._find(session)
        await off_the_loop(db).delete_session(session_id=session.id, user_id=session.owner)

    async def remember(
        self,
        component: Any,
        session: Session,
        *,
        run_id: str,
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
        if getattr(component, "db", None) is None:
            return
        db = off_the_loop(component.db)
        run = await self._stored_run(db, run_id, wait=begun)
        if await find_session(db, session) is None:
            await db.upsert_session(new_session(component, session))
        if run is None:
            run = new_run(component, session, run_id, question)
        if not isinstance(run, WorkflowRunOutput):
            run.messages = repaired(run.messages or [], question, answer)
        run.content = answer
        run.status = RunStatus.completed
        run.metadata = {**(run.metadata or {}), FINISH_REASON: finish_reason}
        await db.upsert_run(run, session_id=session.id, user_id=session.owner)

    async def forget(self, component: Any, session: Session, run_id: str, *, begun: bool) -> None:
        """Delete a run that a rule of the agent refused, and its session if it has no other.

        Agno stores such a run with its question, or with the refused answer.
        """
        if getattr(component, "db", None) is None:
            return
        db = off_the_loop(component.db)
        if await self._stored_run(db, run_id, wait=begun) is not None:
            await db.delete_run(run_id)
        stored = await find_session(db, session)
        if stored is not None and not [r for r in stored.runs or [] if r.run_id != run_id]:
            await db.delete_session(session_id=session.id, user_id=session.owner)

    async def _find(self, session: Session) -> tuple[Db, AnySession]:
        for db in self._dbs:
            found = await find_session(db, session)
            if found is not None:
                return db, found
        raise UnknownConversation(f"There is no conversation {session.conversation_id!r}.")

    async def _stored_run(self, db: Db, run_id: str, *, wait: bool) -> AnyRun | None:
        """The run as Agno stored it, or None. With `wait`, until Agno's background task has written
        it, because that would overwrite a later write."""
        deadline = time.monotonic() + (AGNO_WRITE_TIMEOUT if wait else 0)
        pause = 0.002
        while True:
            run = await off_the_loop(db).get_run(run_id)
            if isinstance(run, RUNS) and run.status != RunStatus.running:
                return run
            if time.monotonic() >= deadline:
                return run if isinstance(run, RUNS) else None
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)


def _info(session: AnySession) -> ConversationInfo:
    title = next((m.content for m in messages_of(session) if m.role == "user"), "")
    ids = (getattr(session, name, None) for name in ("agent_id", "team_id", "workflow_id"))
    return ConversationInfo(
        conversation_id=conversation_of(session),
        title=" ".join(title.split())[:80],
        created_at=session.created_at or 0,
        updated_at=session.updated_at or session.created_at or 0,
        agent=next(filter(None, ids), None),
    )
