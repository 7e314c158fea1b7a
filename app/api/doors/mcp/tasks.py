"""Runs as tasks: the extension `io.modelcontextprotocol/tasks` of MCP 2026-07-28.

A task is a run with all that continue it; its id is that of the first one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ....core.log.journal import RunRecord
from ....models.chat import Requirement
from ...context import Context

EXTENSION = "io.modelcontextprotocol/tasks"

#: Milliseconds between two polls of a client.
POLL_MS = 1000

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as it is now; `last` is the run that it has come to."""

    status: Status
    last: RunRecord
    requirements: list[Requirement]
    fields: dict[str, Any]


async def task_state(server: Context, principal: str, task_id: str) -> TaskState:
    """Return the state of a task; raises `UnknownRun` and `JournalUnavailable`."""
    first = await server.runs.record(task_id, principal)
    run_id = task_id
    while True:
        state = await server.inbox.mark(await server.runs.state(run_id, principal=principal))
        if state.continued_by is None:
            break
        run_id = state.continued_by
    status: Status = "working"
    if state.status == "paused":
        status = "input_required"
    elif state.status == "cancelled":
        status = "cancelled"
    elif state.status in ("completed", "failed"):
        status = "completed"  # also of a run that failed: its result has `isError`
    message = state.error.message if state.error is not None else _shown(state.content)
    last = await server.runs.record(run_id, principal)
    fields = task_fields(server, first, status, state.ended_at or state.created_at, message)
    return TaskState(status, last, state.requirements or [], fields)


def task_fields(
    server: Context, first: RunRecord, status: Status, updated: float, message: str | None = None
) -> dict[str, Any]:
    """The fields of a task as they are sent; times are Unix times in seconds."""
    fields = {
        "taskId": first.run_id,
        "status": status,
        "createdAt": _time(first.created_at),
        "lastUpdatedAt": _time(updated),
        "ttlMs": round(server.retention * 1000),
        "pollIntervalMs": POLL_MS,
    }
    return {**fields, "statusMessage": message} if message else fields


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _shown(content: str) -> str | None:
    """The end of the text so far."""
    return content[-200:].strip() or None
