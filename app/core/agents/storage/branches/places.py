"""Where a run stands in its conversation, and what of the conversation its model sees."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.run.workflow import WorkflowRunOutput

from ....run_failures import TurnGone
from ..sessions import AnyRun, AnySession, session_from
from .questions import plain_question
from .tree import Mark, Tree, mark_in, with_mark

#: What Agno leaves out of the history of a model in any case.
LEFT_OUT = (RunStatus.paused, RunStatus.cancelled, RunStatus.error)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a run: after the turn `before`, None if it is the first.

    `mark` is None if the run needs none, because it follows the turn that was stored last.
    `source` is the run of the turn that it has the place of.
    """

    before: str | None
    mark: Mark | None = None
    source: AnyRun | None = None

    def put(self, run: AnyRun) -> None:
        """Write the place into a run that is to be stored."""
        if self.mark is not None:
            run.metadata = with_mark(run.metadata, self.mark)
        source = self.source
        if source is None or isinstance(run, WorkflowRunOutput):  # which has no such fields
            return
        run.forked_from_run_id = source.run_id
        if plain_question(run) == plain_question(source):
            run.regenerated_from = source.run_id
            run.forked_from_message_index = _questions_end(source)
        else:
            run.forked_from_message_index = 0


def place_of(tree: Tree, run_id: str | None, replaces: str | None = None) -> Place:
    """Return where a run's turn stands: in place of the one that it `replaces`, else at the end.

    Raises `TurnGone` if there is no turn to replace.
    """
    if run_id is not None and run_id in tree:
        known = tree.marks[run_id]
        marked = mark_in(tree.runs[run_id].metadata) is not None
        return Place(known.after, known if marked else None)
    if replaces is not None:
        if replaces not in tree:
            raise TurnGone("The turn that was to be answered again is no longer stored.")
        chosen = max(tree.marks[other].chosen for other in tree.siblings(replaces))
        after = tree.marks[replaces].after
        return Place(after, Mark(after, chosen), tree.runs[replaces])
    leaf = tree.leaf
    plain = leaf == tree.latest and not any(mark_in(run.metadata) for run in tree.runs.values())
    return Place(leaf, None if plain else Mark(leaf))


def place_in(session: AnySession, run_id: str, replaces: str | None) -> Place:
    """The place of a run that broke off: behind the last turn if the one to replace is gone."""
    tree = Tree.of(session)
    return place_of(tree, run_id, replaces if replaces in tree else None)


def seen_from(found: Any, tree: Tree, place: Place, run_id: str | None = None) -> Any:
    """A session as a run in a place sees it: turns of other branches are not in its history.

    They have the status with which Agno marks what was regenerated. `found` is a session of Agno's
    or its row.
    """
    path = [*tree.path_to(place.before), *([] if run_id is None else [run_id])]
    others = [name for name in tree.runs if name != run_id]
    stale = bool(others) and others[-1] != place.before
    if isinstance(found, dict):
        seen = {**found, "runs": with_statuses(found.get("runs") or [], tree, path)[0]}
        return {**seen, "summary": None} if stale else seen
    runs, changed = with_statuses(found.runs or [], tree, path)
    if changed:
        found.runs = runs
    if stale and getattr(found, "summary", None) is not None:
        found.summary = None  # it contains text of another branch
    return found


def with_statuses(
    runs: Iterable[Any], tree: Tree, path: Iterable[str]
) -> tuple[list[Any], list[str]]:
    """The runs of a session, with those inside them, hidden as far as they are not on a path.

    Returns all runs, of which those that change are copies with their mark, and the ids of these.
    """
    runs, shown = list(runs), set(path)
    if tree.runs.keys() <= shown and not any(
        _get(run, "status") == RunStatus.regenerated for run in runs
    ):
        return runs, []  # as nearly all conversations: nothing is hidden, and nothing was
    parents = {_get(run, "run_id"): _get(run, "parent_run_id") for run in runs}
    found, changed = [], []
    for run in runs:
        run_id = _get(run, "run_id")
        root, seen = run_id, {run_id}
        while (parent := parents.get(root)) is not None and parent not in seen:
            root = parent
            seen.add(root)
        wanted = _status(run, hidden=root in tree and root not in shown)
        if root not in tree or wanted is None:
            found.append(run)
            continue
        changed.append(run_id)
        found.append(_changed(run, wanted, tree.marks.get(run_id)))
    return found, changed


def turns_of(row: Any) -> Tree:
    """The turns of a session of Agno's, or of its row; none of None."""
    # Agno takes what it reads out of the data.
    return Tree.of(session_from(copy.deepcopy(row) if isinstance(row, dict) else row))


def _status(run: Any, *, hidden: bool) -> RunStatus | None:
    """The status that a run gets; None if it keeps its own."""
    status = _get(run, "status")
    if hidden:
        return None if status in (*LEFT_OUT, RunStatus.regenerated) else RunStatus.regenerated
    return RunStatus.completed if status == RunStatus.regenerated else None


def _changed(run: Any, status: RunStatus, mark: Mark | None) -> Any:
    """A copy of a run, or of its data, with another status and perhaps a mark."""
    if isinstance(run, dict):
        copied = {**run, "status": status.value}
        if mark is not None:
            copied["metadata"] = with_mark(run.get("metadata"), mark)
        members = run.get("member_responses")
        if members:
            copied["member_responses"] = [_member(member, status) for member in members]
        return copied
    other: AnyRun = copy.copy(run)
    other.status = status
    if mark is not None:
        other.metadata = with_mark(run.metadata, mark)
    if isinstance(other, TeamRunOutput) and other.member_responses:
        other.member_responses = [_member(member, status) for member in other.member_responses]
    return other


def _member(run: Any, status: RunStatus) -> Any:
    kept = _status(run, hidden=status == RunStatus.regenerated) is None
    return run if kept else _changed(run, status, None)


def _questions_end(run: AnyRun) -> int:
    """The number of messages of a run up to its question, that included."""
    messages = getattr(run, "messages", None) or []
    users = [n for n, m in enumerate(messages) if m.role == "user" and not m.from_history]
    return users[0] + 1 if users else 0


def _get(run: Any, name: str) -> Any:
    return run.get(name) if isinstance(run, dict) else getattr(run, name, None)
