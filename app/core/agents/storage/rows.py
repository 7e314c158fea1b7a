"""What one turn stores: rows of sessions and of runs, as Agno wants them written."""

import json
from dataclasses import dataclass, field
from typing import Any

from agno.db.utils import json_serializer

from .sessions import AnySession, session_from

#: The key in Agno's `session_data` that has the name of a session.
NAME = "session_name"

#: The key in Agno's `session_data` with the Unix time since which the session is pinned.
PINNED = "agno_stream_pinned"

TITLE_LENGTH = 80


@dataclass(slots=True)
class RunRow:
    """A run of Agno's, or its data, and its place in its session; `index` is None if the store
    chooses it."""

    run: Any
    session_id: str
    user_id: str | None
    index: int | None = None


@dataclass(slots=True)
class TurnRows:
    """The last state of all sessions and runs that a turn has written, in the order of the first
    write of each.

    `names` are the names of sessions when they were read. If the store has another name by now,
    somebody has renamed the session meanwhile, and that name stays.
    """

    sessions: dict[str, AnySession] = field(default_factory=dict)
    runs: dict[str, RunRow] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sessions or self.runs)

    @property
    def session_ids(self) -> set[str]:
        """The sessions that these rows belong to."""
        return {*self.sessions, *(row.session_id for row in self.runs.values())}

    def encode(self) -> str:
        """The rows as JSON, with the types of Agno's that its own stores can write."""
        return json_serializer(
            {
                "sessions": [session_row(session) for session in self.sessions.values()],
                "runs": [
                    {
                        "run": row.run if isinstance(row.run, dict) else row.run.to_dict(),
                        "session_id": row.session_id,
                        "user_id": row.user_id,
                        "index": row.index,
                    }
                    for row in self.runs.values()
                ],
                "names": self.names,
            }
        )

    @classmethod
    def decode(cls, data: str) -> "TurnRows":
        """The rows that `encode` has encoded."""
        found = json.loads(data)
        rows = cls(names=found["names"])
        for row in found["sessions"]:
            if (session := session_from(row)) is not None:
                rows.sessions[session.session_id] = session
        for row in found["runs"]:
            run = row["run"]  # Agno's stores take it as it is, and objects may lose something
            rows.runs[run["run_id"]] = RunRow(run, row["session_id"], row["user_id"], row["index"])
        return rows


def session_row(session: AnySession) -> dict[str, Any]:
    """A session as a row of Agno's table of sessions, without its runs."""
    row = session.to_dict(include_runs=False)
    return {**row, "session_type": type_of(session)}


def type_of(session: AnySession) -> str:
    """The type of a session as stores write it: "agent", "team" or "workflow"."""
    return type(session).__name__.removesuffix("Session").lower()


def title_of(question: str) -> str:
    """The title that a conversation gets from its first question: its first words."""
    return " ".join(question.split())[:TITLE_LENGTH]


def name_of(session: Any) -> str | None:
    """The name of a session, or of its row; None if it has none, or there is no session."""
    name = _data_of(session).get(NAME)
    return name if isinstance(name, str) else None


def pin_of(session: Any) -> int | None:
    """Since when a session is pinned, in Unix time; None if it is not."""
    at = _data_of(session).get(PINNED)
    return at if isinstance(at, int) else None


def with_pin(data: Any, at: int | None) -> dict[str, Any]:
    """The `session_data` of a session that is pinned since `at`, in Unix time, or not for None."""
    found = json.loads(data) if isinstance(data, str) else data  # some stores encode it twice
    changed = {**(found or {}), PINNED: at}
    if at is None:
        del changed[PINNED]
    return changed


def _data_of(session: Any) -> dict[str, Any]:
    data = session.get("session_data") if isinstance(session, dict) else None
    if isinstance(session, AnySession):
        data = session.session_data
    return data if isinstance(data, dict) else {}
