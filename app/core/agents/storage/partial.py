"""Turns of runs that broke off, which are stored with their partial answers.

See docs/decisions/018-broken-turns-are-stored.md.
"""

from typing import Any

import msgspec
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from ....models.chat import FinishReason
from .branches.places import place_in
from .rows import RunRow, TurnRows, name_of
from .sessions import RUNS, AnyRun, Session, new_run, new_session, session_from
from .shown import NOTHING, Shown, metadata_with, shown_in
from .store import Store
from .transcript import repaired, written_in


class Partial(msgspec.Struct, frozen=True):
    """A run that broke off, to be stored as a turn with its question and its partial answer.

    If it `continues` a paused one, which is stored, its answer is the rest of the turn's.
    """

    run_id: str
    question: str
    answer: str
    finish_reason: FinishReason
    shown: Shown = NOTHING
    replaces: str | None = None
    continues: bool = False


async def complete(
    store: Store,
    component: Any,
    session: Session,
    partial: Partial,
    rows: TurnRows,
    run: AnyRun | None = None,
) -> None:
    """Add a run that broke off to `rows`, and its session if there is none.

    `run` is what Agno has stored of it, if that is not in the store. Raises
    `ConversationsUnavailable` if the store cannot be read.
    """
    answer, shown = partial.answer, partial.shown
    if run is None or partial.continues:
        stored_run = await store.run(partial.run_id)
        found = stored_run if isinstance(stored_run, RUNS) else None
        if partial.continues and found is not None and found.status == RunStatus.paused:
            answer = written_in(found) + answer
            shown = shown if shown.continued else shown.after(shown_in(found.metadata))
        run = run or found
    if session.id not in rows.sessions:
        row = await store.session(session.id, user_id=session.owner, deserialize=False)
        stored = session_from(row)
        rows.names[session.id] = name_of(stored)
        rows.sessions[session.id] = stored or new_session(component, session)
    if run is None:
        run = new_run(component, session, partial.run_id, partial.question)
    if not isinstance(run, WorkflowRunOutput):
        run.messages = repaired(run.messages or [], partial.question, answer)
    place_in(rows.sessions[session.id], partial.run_id, partial.replaces).put(run)
    run.content = answer
    run.status = RunStatus.completed
    run.metadata = metadata_with(run.metadata, partial.finish_reason, shown, run.metrics)
    before = rows.runs.get(partial.run_id)
    index = before.index if before is not None else None
    rows.runs[partial.run_id] = RunRow(run, session.id, session.owner, index)
