"""A copy of the turns of a conversation, as a conversation of its own.

Sessions and runs of the copy have new ids, and name those that they came from, as Agno's own
`fork_session` makes it.
"""

import copy
import json
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from agno.db.utils import json_serializer
from agno.run.base import RunStatus

from ..rows import NAME, RunRow, TurnRows, with_pin
from ..sessions import Session, session_from
from ..shown import BRANCH, FINISH_REASON, KEY

#: Agno's fields with the session that a session, or a run, was copied from.
FORKED_FROM = "forked_from_session_id"


def forked(
    row: Any, source: Session, target: Session, turns: Sequence[str], title: str | None
) -> tuple[TurnRows, dict[str, str]]:
    """The rows of a copy of some turns, and the new ids of their runs by the old ones.

    `row` is the row of the session, as it is stored.
    """
    session = copy.copy(session_from(copy.deepcopy(row)))
    assert session is not None
    runs = [run if isinstance(run, dict) else run.to_dict() for run in _runs_of(row)]
    wanted = _with_inner(runs, turns)
    ids = {run["run_id"]: uuid4().hex for run in wanted}
    session.session_id = target.id
    session.runs = []
    data = with_pin({**(session.session_data or {}), FORKED_FROM: source.id}, None)
    session.session_data = data if title is None else {**data, NAME: title}
    session.created_at = session.updated_at = int(time.time())
    if hasattr(session, "summary"):
        session.summary = None  # it may contain text of other turns
    rows = TurnRows(sessions={target.id: session}, names={target.id: None})
    for index, run in enumerate(wanted):
        made = _copy(run, ids, source, target)
        rows.runs[made["run_id"]] = RunRow(made, target.id, target.owner, index)
    return rows, ids


def _with_inner(runs: list[dict[str, Any]], turns: Sequence[str]) -> list[dict[str, Any]]:
    """The runs of turns, and those of members and steps inside them."""
    wanted = set(turns)
    while True:
        inner = {run["run_id"] for run in runs if run.get("parent_run_id") in wanted}
        if inner <= wanted:
            return [run for run in runs if run["run_id"] in wanted]
        wanted |= inner


def _copy(
    run: dict[str, Any], ids: dict[str, str], source: Session, target: Session
) -> dict[str, Any]:
    """A run with new ids, also in the addresses of its media; without siblings."""
    text = json_serializer(run)
    for old, new in ids.items():
        text = text.replace(old, new)
    made: dict[str, Any] = json.loads(text)
    made.pop("run_index", None)
    made["session_id"] = target.id
    made[FORKED_FROM] = made.get(FORKED_FROM) or source.id
    for name in ("forked_from_run_id", "forked_from_message_index", "regenerated_from"):
        made.pop(name, None)
    metadata = dict(made.get("metadata") or {})
    ours = metadata.get(KEY)
    if isinstance(ours, dict) and BRANCH in ours:
        ours = metadata[KEY] = {name: ours[name] for name in ours if name != BRANCH}
        if not ours:
            del metadata[KEY]
    if made.get("status") == RunStatus.regenerated:
        made["status"] = RunStatus.completed.value
    elif made.get("status") == RunStatus.paused:  # nothing can decide on a copy
        made["status"] = RunStatus.cancelled.value
        metadata[FINISH_REASON] = "cancelled"
    made["metadata"] = metadata or None
    return made


def _runs_of(row: Any) -> list[Any]:
    return (row.get("runs") if isinstance(row, dict) else row.runs) or []
