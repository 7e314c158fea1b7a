"""Paused runs in Agno's store: read to be continued, written for questions that are not kept."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.run.agent import RunOutput
from agno.run.approval import acreate_approval_from_pause
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.run.workflow import WorkflowRunOutput

from ....models.chat import Decision
from ...run_failures import PauseLost
from ..messages import agno_message
from ..storage.proxies.proxy import inner_of, off_the_loop
from ..storage.sessions import Session, find_session, new_session
from .checkpoints import ScratchDb
from .waits import Wait, waits_of


@dataclass(frozen=True, slots=True)
class Continuation:
    """Decisions on what a paused run waits for, and the principal who made them."""

    decisions: tuple[Decision, ...]
    principal: str


async def paused_run(component: Any, run_id: str, session_id: str) -> Any:
    """The paused run of a component, from its store; None if it is not there, or not paused."""
    run = await component.aget_run_output(run_id=run_id, session_id=session_id)
    return run if run is not None and run.status == RunStatus.paused else None


async def decided_run(
    component: Any, run_id: str, session_id: str, continuation: Continuation
) -> Any:
    """The paused run with the decisions applied, also to Agno's records of approvals.

    Raises `PauseLost` if the run is not stored, or does not wait for what was decided.
    """
    run = await paused_run(component, run_id, session_id)
    waits = {wait.shown.id: wait for wait in waits_of(run)} if run is not None else {}
    if not waits or waits.keys() != {decision.id for decision in continuation.decisions}:
        raise PauseLost("The state of the paused run is no longer stored. Send the question again.")
    for decision in continuation.decisions:
        waits[decision.id].apply(decision)
    await _resolve_approvals(component.db, list(waits.values()), continuation)
    return run


async def _resolve_approvals(db: Any, waits: Sequence[Wait], continuation: Continuation) -> None:
    """Note the decisions in the records that Agno made for tools with `@approval`."""
    verdicts: dict[str, bool] = {}
    for wait in waits:
        approval = getattr(wait.tool, "approval_id", None)
        if approval is not None:
            yes = wait.tool.confirmed is not False
            verdicts[approval] = verdicts.get(approval, True) and yes
    for approval, yes in verdicts.items():
        await off_the_loop(db).update_approval(
            approval,
            expected_status="pending",
            status="approved" if yes else "rejected",
            resolved_by=continuation.principal,
            resolved_at=int(time.time()),
        )


class Scratch:
    """The store of one run whose question is not kept: it is forgotten with the run, unless the run
    pauses."""

    def __init__(self) -> None:
        self.db = ScratchDb()  # type: ignore[no-untyped-call]  # Agno leaves it without types

    async def keep(self, component: Any, db: Any, session: Session, run_id: str) -> None:
        """Copy what the run has stored to the component's own store, so that it can be continued.

        Does nothing without such a store.
        """
        if db is None:
            return
        store = off_the_loop(db)
        kept = await find_session(self.db, session)
        if await find_session(db, session) is None:
            await store.upsert_session(kept or new_session(component, session))
        for run in kept.runs or [] if kept is not None else []:
            if run.run_id == run_id and not isinstance(run, WorkflowRunOutput):
                await acreate_approval_from_pause(
                    db=store,
                    run_response=run,
                    agent_id=getattr(run, "agent_id", None),
                    team_id=getattr(run, "team_id", None),
                    user_id=session.owner,
                )
            await store.upsert_run(run, session_id=session.id, user_id=session.owner)


def detach(component: Any) -> Scratch | None:
    """Take the store of conversations from a run's copy, for a question that is not kept, and give
    it one for this run alone; none if it cannot pause for a person, because it has no tools.

    Agno reads memories synchronously where the component has no store, so its memory manager gets
    the user's own store, without the threads around it.
    """
    pauses = not isinstance(component, Agent) or bool(component.tools)
    scratch = Scratch() if pauses else None
    component.db = scratch.db if scratch is not None else None
    manager = getattr(component, "memory_manager", None)
    if manager is not None and manager.db is not None:
        component.memory_manager = copy.copy(manager)
        component.memory_manager.db = inner_of(manager.db)
    return scratch


async def with_history(db: Any, run_id: str, session: Session, history: Sequence[Any]) -> None:
    """Store the history that a client sent along with a run that pauses: Agno stores none, and
    would continue without it."""
    store = off_the_loop(db)
    run = await store.get_run(run_id)
    if not isinstance(run, RunOutput | TeamRunOutput):
        return
    messages = list(run.messages or [])
    place = 1 if messages and messages[0].role in ("system", "developer") else 0
    past = [agno_message(message) for message in history]
    for message in past:
        message.from_history = True
    run.messages = [*messages[:place], *past, *messages[place:]]
    await store.upsert_run(run, session_id=session.id, user_id=session.owner)
