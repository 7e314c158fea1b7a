"""Keeps what Agno reads of a conversation in step with the branch that is shown.

Turns on other branches have the status that Agno gives to what was regenerated, so that no tool of
Agno takes them for a part of the history.
"""

from typing import Any

from ..rows import RunRow, TurnRows
from ..sessions import Session
from ..store import Store
from .places import turns_of, with_statuses
from .tree import Tree, with_mark


async def align(store: Store, session: Session) -> None:
    """Hide the turns of a session that are not shown, and no others.

    Raises `ConversationsUnavailable`. What this server shows does not depend on it, and the next
    call makes up for one that failed.
    """
    row = await store.session(session.id, user_id=session.owner, deserialize=False)
    if rows := aligned(row, turns_of(row), session):
        await store.write(rows)


def aligned(row: Any, tree: Tree, session: Session) -> TurnRows:
    """What has to be written so that the runs in the row of a session are as in `tree`."""
    stored = turns_of(row).marks
    moved = {run_id for run_id, mark in tree.marks.items() if stored.get(run_id) != mark}
    runs = [run if isinstance(run, dict) else run.to_dict() for run in _runs_of(row)]
    found, hidden = with_statuses(runs, tree, tree.path())
    rows = TurnRows()
    for run in found:
        run_id = run.get("run_id")
        if run_id in moved:
            run = {**run, "metadata": with_mark(run.get("metadata"), tree.marks[run_id])}
        if run_id in moved or run_id in hidden:
            rows.runs[run_id] = RunRow(run, session.id, session.owner)
    return rows


def without(row: Any, run_id: str) -> Any:
    """The row of a session without one of its runs."""
    runs = [run for run in _runs_of(row) if _id(run) != run_id]
    return {**(row if isinstance(row, dict) else row.to_dict()), "runs": runs}


def _id(run: Any) -> Any:
    return run.get("run_id") if isinstance(run, dict) else run.run_id


def _runs_of(row: Any) -> list[Any]:
    if row is None:
        return []
    return (row.get("runs") if isinstance(row, dict) else row.runs) or []
