"""The state of a run, folded from its log."""

import asyncio
from collections.abc import Callable
from typing import Literal, TypeVar

from ...models.answer_parts import ContentPart
from ...models.chat import COMPLETE, RunState
from ...models.folding import fold
from ...models.numbers import event_number, number_in_id, standing
from .journal import Entry, Log, RunRecord
from .reading import PAGE, WholeLog, never_kept, read_whole
from .run_log import RunLog

T = TypeVar("T")

#: Entries of a log from which on it is folded on a thread: it takes some 10 ms.
LONG = 20_000


async def whole_log(record: RunRecord, journal: Log, log: RunLog | None) -> WholeLog:
    """Return all entries of a run that are kept, without those that recoveries have made void.

    They come from the journal and from `log`, which is None if the run is not in this process's
    memory.
    """

    async def read(after: int) -> list[Entry]:
        if log is not None and after >= log.base:
            return log.since(after)
        entries = await journal.read(record.run_id, after, PAGE)
        if not entries and log is not None:
            raise never_kept(record.run_id, log.base)
        return entries

    found = await read_whole(read)
    entries = await _off_the_loop(found, lambda: standing(found.entries, found.last))
    return found._replace(entries=entries)


async def folded(record: RunRecord, whole: WholeLog, *, queued: bool) -> RunState:
    """Return the state of a run as `state_of` does, and let others go on if its log is long."""
    return await _off_the_loop(whole, lambda: state_of(record, whole, queued=queued))


async def _off_the_loop(whole: WholeLog, work: Callable[[], T]) -> T:
    return work() if len(whole.entries) < LONG else await asyncio.to_thread(work)


def state_of(record: RunRecord, whole: WholeLog, *, queued: bool) -> RunState:
    """Return the state of a run: the text so far, the status, and all else that its entries
    contain.

    `queued` is True if the run waits for its turn.
    """
    run_id = record.run_id
    entries, _, truncated = whole
    state = RunState(
        content="",
        model=record.model,
        run_id=run_id,
        conversation_id=record.conversation_id,
        agent=record.agent,
        status="queued" if queued else "running",
        last_event_id=f"{run_id}:{_last_number(record, whole)}",
        created_at=record.created_at,
        truncated=truncated,
    )
    fold(state, [chunk for _, chunk in entries])
    if state.content and not state.parts:
        state.parts = [ContentPart(state.content)]
    if entries and entries[-1][1].done:
        state.ended_at = record.created_at + entries[-1][0]
    if state.finish_reason is not None:
        state.status = _status(state.finish_reason)
    return state


def _last_number(record: RunRecord, whole: WholeLog) -> str:
    if not whole.entries:
        return str(event_number(whole.last, record.recoveries))
    return number_in_id(whole.last, whole.entries[-1][1], record.recoveries)


def _status(finish_reason: str) -> Literal["paused", "completed", "cancelled", "failed"]:
    if finish_reason == "paused":
        return "paused"
    if finish_reason in COMPLETE:
        return "completed"
    return "cancelled" if finish_reason in ("cancelled", "disconnected") else "failed"
