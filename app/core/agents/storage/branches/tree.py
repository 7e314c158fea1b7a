"""The turns of a conversation as a tree: which turn follows which one, and which are shown.

A turn that is answered again, or whose question is edited, gets a sibling. Agno's own fields say
which run another one was forked from; the rest is a `Mark` in the metadata of the run.

See docs/decisions/067-branches-are-marks-on-agnos-runs.md.
"""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from agno.run.base import RunStatus

from ..sessions import AnyRun, AnySession
from ..shown import BRANCH, KEY
from .questions import own_question

logger = logging.getLogger(__name__)


class Mark(msgspec.Struct, frozen=True):
    """The place of a turn: the run `after` which it comes, None for the first turn.

    Of the turns in one place, that with the highest `chosen` is shown, and of equal ones the
    latest.
    """

    after: str | None = None
    chosen: int = 0


def mark_in(metadata: Any) -> Mark | None:
    """The mark in the metadata of a run, None if there is none, or none that can be read."""
    if not metadata:
        return None
    ours = metadata.get(KEY) if isinstance(metadata, dict) else None
    value = ours.get(BRANCH) if isinstance(ours, dict) else None
    if value is None:
        return None
    try:
        return msgspec.convert(value, Mark)
    except msgspec.ValidationError:
        logger.warning("conversations: the place of a turn cannot be read", exc_info=True)
        return None


def with_mark(metadata: dict[str, Any] | None, mark: Mark) -> dict[str, Any]:
    """The metadata of a run with a mark; the original is left as it is."""
    found = dict(metadata or {})
    ours = found.get(KEY)
    found[KEY] = {
        **(ours if isinstance(ours, dict) else {}),
        BRANCH: msgspec.to_builtins(mark),
    }
    return found


class Tree:
    """The turns of a conversation, made of its runs in the order in which they were stored.

    A run without a mark has the place of the run that it was forked from, by Agno's fields; else it
    follows the run before it. A paused run that the next one repeats, with the results of a
    client's tools, is no turn.
    """

    def __init__(self, runs: Iterable[AnyRun]) -> None:
        self.runs: dict[str, AnyRun] = {}
        self.marks: dict[str, Mark] = {}
        self._seen: dict[str, AnyRun] = {}
        self._repeated: dict[str, str | None] = {}  # what each of these runs came after
        for run in runs:
            if run.parent_run_id is None and run.run_id is not None:
                self._add(run.run_id, run)
        self._children: dict[str | None, list[str]] = {}
        for run_id, mark in self.marks.items():
            self._children.setdefault(mark.after, []).append(run_id)

    @classmethod
    def of(cls, session: AnySession | None) -> "Tree":
        """The turns of a session; none if there is no session."""
        return cls([] if session is None else session.runs or [])

    def _add(self, run_id: str, run: AnyRun) -> None:
        known = mark_in(run.metadata)
        after = self._after(run, known)
        while after in self._repeated:
            after = self._repeated[after]
        before = None if after is None else self.runs[after]
        if before is not None and before.status == RunStatus.paused:
            question = own_question(before)
            if question is not None and question == own_question(run):
                replaced = self.marks.pop(after or "")
                del self.runs[after or ""]
                self._repeated[after or ""] = after = replaced.after
        self._seen[run_id] = self.runs[run_id] = run
        self.marks[run_id] = Mark(after, 0 if known is None else known.chosen)

    def _after(self, run: AnyRun, mark: Mark | None) -> str | None:
        if mark is not None and (mark.after is None or mark.after in self._seen):
            return mark.after
        for name in ("forked_from_run_id", "regenerated_from"):
            source = getattr(run, name, None)
            if source in self._repeated:
                return self._repeated[source]
            if source in self.marks:
                return self.marks[source].after
        for run_id, earlier in reversed(self._seen.items()):
            # What this server has hidden is on another branch than what another tool then stored.
            hidden = earlier.status == RunStatus.regenerated and mark_in(earlier.metadata)
            if not hidden:
                return run_id
        return None

    def __contains__(self, run_id: object) -> bool:
        return run_id in self.runs

    @property
    def branched(self) -> bool:
        """Whether any turn has a sibling."""
        return any(len(children) > 1 for children in self._children.values())

    @property
    def leaf(self) -> str | None:
        """The last turn of the branch that is shown; None without turns."""
        return next(reversed(self.path()), None)

    @property
    def latest(self) -> str | None:
        """The turn that was stored last; None without turns."""
        return next(reversed(self.runs), None)

    def siblings(self, run_id: str) -> list[str]:
        """The turns in the place of a turn, itself included, oldest first."""
        return self._children[self.marks[run_id].after]

    def children(self, run_id: str | None) -> list[str]:
        """The turns that follow a turn directly, or the first ones for None."""
        return self._children.get(run_id, [])

    def path(self) -> list[str]:
        """The turns of the branch that is shown, first to last."""
        return self._down(None, [])

    def path_to(self, run_id: str | None) -> list[str]:
        """The turns up to a turn, itself included; none for None."""
        found: list[str] = []
        while run_id is not None:
            found.append(run_id)
            run_id = self.marks[run_id].after
        return found[::-1]

    def path_with(self, run_id: str) -> list[str]:
        """The turns of the branch that would be shown if a turn were selected."""
        return self._down(run_id, self.path_to(run_id))

    def select(self, run_id: str) -> None:
        """Change the marks so that a turn is shown."""
        for turn in self.path_to(run_id):
            others = self.siblings(turn)
            if max(others, key=self._rank) != turn:
                highest = max(self.marks[other].chosen for other in others)
                self.marks[turn] = msgspec.structs.replace(self.marks[turn], chosen=highest + 1)

    def remove(self, run_id: str) -> None:
        """Take a turn out; those that followed it follow the turn before it."""
        before = self.marks.pop(run_id).after
        del self.runs[run_id]
        for child in self._children.pop(run_id, []):
            self.marks[child] = msgspec.structs.replace(self.marks[child], after=before)
        self._children = {}
        for name, mark in self.marks.items():
            self._children.setdefault(mark.after, []).append(name)

    def _down(self, run_id: str | None, found: list[str]) -> list[str]:
        while children := self.children(run_id):
            run_id = max(children, key=self._rank) if len(children) > 1 else children[0]
            found.append(run_id)
        return found

    def _rank(self, run_id: str) -> tuple[int, int]:
        others = self.siblings(run_id)
        return self.marks[run_id].chosen, others.index(run_id)
