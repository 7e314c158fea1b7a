"""Who speaks in an event: the runs that go on inside a run, by their ids."""

from typing import Any, Literal

from ....models.chat import Speaker

#: An empty set takes 216 bytes, which each stream would have.
_NONE: frozenset[str] = frozenset()


class Speakers:
    """The speakers of one run. `team` is True if its own members are those of a team."""

    __slots__ = ("_known", "_run_id", "_teams")

    def __init__(self, run_id: str, *, team: bool) -> None:
        self._run_id = run_id
        self._teams = frozenset((run_id,)) if team else _NONE
        self._known: dict[str, Speaker] = {}

    def of(self, event: Any) -> Speaker:
        """The speaker of an event of another run, the same for all events of that run."""
        run_id = event.run_id or ""
        known = self._known.get(run_id)
        if known is None:
            known = self._known[run_id] = self._new(event, run_id)
        return known

    def step(self, event: Any) -> Speaker:
        """The step of a workflow that an event of the workflow is about."""
        name = str(event.step_name or "step")
        return Speaker(str(event.step_id or name), name, "step")

    def _new(self, event: Any, run_id: str) -> Speaker:
        who = str(
            getattr(event, "agent_id", None)
            or getattr(event, "team_id", None)
            or getattr(event, "workflow_id", None)
            or "agent"
        )
        name = str(
            getattr(event, "agent_name", None)
            or getattr(event, "team_name", None)
            or getattr(event, "workflow_name", None)
            or who
        )
        parent = getattr(event, "parent_run_id", None)
        above = self._known.get(parent or "")
        depth = above.depth + 1 if above else 1 + (event.nested_depth or 0)
        if getattr(event, "team_id", None):
            self._teams |= {run_id}
        kind: Literal["member", "step", "agent"] = "agent"
        if parent in self._teams:
            kind = "member"
        elif parent in (None, self._run_id) and getattr(event, "step_id", None):
            return Speaker(event.step_id, event.step_name or name, "step", run_id, depth)
        return Speaker(who, name, kind, run_id, depth)
