"""How a run stands, folded from its log."""

from typing import Literal

from ...models.chat import COMPLETE, RunState, StreamingChunk, fold, number_in_id
from ..errors import Gap
from .follower import PAGE
from .hub import RunLog
from .journal import Journal, RunRecord


async def state_of(
    record: RunRecord, journal: Journal, log: RunLog | None, *, waiting: bool
) -> RunState:
    """What a run has said so far, from the journal and from the hub's `log`, if there is one.

    `waiting` says that it is known not to have begun.
    """
    state = RunState(
        content="",
        model=record.model,
        run_id=record.run_id,
        conversation_id=record.conversation_id,
        agent=record.agent,
        status="queued" if waiting else "running",
        last_event_id="",
        created_at=record.created_at,
    )
    after = 0
    chunks: list[StreamingChunk] = []
    while True:
        try:
            if log is None or after < log.base:
                entries = await journal.read(record.run_id, after, PAGE)
                if not entries and log is not None:
                    raise Gap("The journal has a hole.", base=log.base)
            else:
                entries = log.since(after)
        except Gap as gap:
            after = int(str(gap.details["base"]))
            state.truncated = True
            continue
        if not entries:
            break
        after += len(entries)
        chunks += [chunk for _, chunk in entries]
        if entries[-1][1].done:
            state.ended_at = record.created_at + entries[-1][0]
            break
    fold(state, chunks)
    place = number_in_id(after, chunks[-1]) if chunks else str(after)
    state.last_event_id = f"{record.run_id}:{place}"
    if state.finish_reason is not None:
        state.status = _status(state.finish_reason)
    return state


def _status(finish_reason: str) -> Literal["completed", "cancelled", "failed"]:
    if finish_reason in COMPLETE:
        return "completed"
    return "cancelled" if finish_reason in ("cancelled", "disconnected") else "failed"
