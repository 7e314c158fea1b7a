"""Takes over runs of dead processes: in the same log, from a checkpoint, or anew.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from ....models.chat import Recovered, StreamingChunk
from ....models.numbers import Recovery, event_number, standing
from ...errors import Overloaded
from ...log.hub import Hub
from ...log.journal import Entry, Group, RunRecord
from ...log.reading import WholeLog
from ...log.run_log import RunLog
from ..clock import Policy
from ..identity import opening
from ..launcher import Launcher
from ..peers import Peers
from ..turn import Plan
from .guard import JournalGuard, checkpoint_of

logger = logging.getLogger(__name__)

#: Recoveries of one run, at most, unless `RECOVERY_ATTEMPTS` says otherwise.
ATTEMPTS = 25

#: Recoveries in a row that begin at the same place, at most.
STALLED = 3


class Replan(Protocol):
    """Makes the plan by which a run goes on; None if it must not, or cannot here."""

    def __call__(
        self,
        record: RunRecord,
        stands: Sequence[StreamingChunk],
        void: Sequence[StreamingChunk],
        checkpoint: str | None,
    ) -> Plan | None: ...


#: The last chunks of a run that had ended but for its log; None if it had not.
Ended = Callable[[RunRecord, Sequence[StreamingChunk]], Awaitable[list[StreamingChunk] | None]]


class Recoveries:
    """Goes on with the runs of dead processes, as far as they may: see `recover`."""

    def __init__(
        self,
        hub: Hub,
        peers: Peers,
        launcher: Launcher,
        replan: Replan,
        ended: Ended | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._hub = hub
        self._peers = peers
        self._journal = peers.journal
        self._launcher = launcher
        self._replan = replan
        self._ended = ended
        self._attempts = attempts
        peers.recover = self.recover
        launcher.guard = self._guard

    def recoverable(self, record: RunRecord, plan: Plan, policy: Policy) -> RunRecord:
        """The record of a new run, with what another process needs to go on with it."""
        rules = msgspec.json.encode(policy).decode()
        return msgspec.structs.replace(record, recipe=plan.recipe, policy=rules)

    async def recover(self, record: RunRecord, log: WholeLog) -> bool:
        """Go on with a run of a dead process, which this one owns now; returns False if the caller
        has to end it. Raises `Overloaded` if there is no room for it now, or if this one stops.

        It has to end if it was recovered too often or without progress, if its time is over, if
        nobody can read the rest, or if a tool may have begun to work whose outcome is not known. A
        run that had stored its turn lacks only the end of its log, which is appended: also True.
        """
        if not record.recipe or log.truncated:
            return False
        if await self._had_ended(record, log):
            return True
        try:
            policy = _remaining(msgspec.json.decode(record.policy, type=Policy), record)
        except msgspec.MsgspecError:  # of another version
            return False
        if policy is None or not await self._is_wanted(policy, record):
            return False
        checkpoint = await checkpoint_of(self._journal, record.run_id)
        after = 1 if checkpoint is None else checkpoint.after
        ahead: list[StreamingChunk] = []  # of the log: what its readers have not seen yet
        if checkpoint is not None and 0 < after - log.last <= len(checkpoint.chunks):
            ahead = checkpoint.chunks[log.last - after :]
            last = _last_time(log.entries)
            entries = [*log.entries, *((last, chunk) for chunk in ahead)]
            log = log._replace(entries=entries, last=after)
        if after > max(log.last, 1) or not self._is_bounded(record, after):
            return False
        stands = [chunk for _, chunk in standing(log.entries[:after], min(after, log.last))]
        void = [chunk for _, chunk in log.entries[after:]]
        data = None if checkpoint is None else checkpoint.data
        plan = self._replan(record, stands, void, data)
        if plan is None:
            return False
        if not self._launcher.accepting:
            raise Overloaded("This process stops; the next one goes on with the run.")
        if not self._launcher.has_room:
            raise Overloaded("There are as many runs as may be.")
        self._go_on(record, policy, plan, log, after, stands, ahead)
        return True

    async def _had_ended(self, record: RunRecord, log: WholeLog) -> bool:
        """Append the end of a run whose process died after it had stored its turn."""
        chunks = [chunk for _, chunk in standing(log.entries, log.last)]
        last = None if self._ended is None else await self._ended(record, chunks)
        if last is None:
            return False
        entries = [(_last_time(log.entries), chunk) for chunk in last]
        if not await self._journal.append([Group(record, log.last + 1, entries)]):
            self._peers.report(record, [*log.entries, *entries])
        return True

    def _guard(self, log: RunLog) -> JournalGuard:
        return JournalGuard(self._hub, self._journal, log)

    def _is_bounded(self, record: RunRecord, after: int) -> bool:
        """Whether a run may be recovered once more, at this place: it may be what kills servers."""
        before = record.recoveries
        latest = [recovery.after for recovery in before[-STALLED:]]
        stalled = len(latest) == STALLED and set(latest) == {after}
        if len(before) >= self._attempts or stalled:
            logger.warning("run %s: was recovered %d times", record.run_id, len(before))
            return False
        return True

    async def _is_wanted(self, policy: Policy, record: RunRecord) -> bool:
        """Whether somebody may read the rest: a reader that cannot come back has left."""
        if policy.on_disconnect != "cancel":
            return True
        return await self._journal.is_followed(record.run_id)

    def _go_on(
        self,
        record: RunRecord,
        policy: Policy,
        plan: Plan,
        log: WholeLog,
        after: int,
        stands: Sequence[StreamingChunk],
        ahead: Sequence[StreamingChunk],
    ) -> None:
        before = record.recoveries
        number = max(log.last, 1) + 1
        recoveries = (*before, Recovery(number, after))
        # What it has stored there is to be read.
        changed = msgspec.structs.replace(record, recoveries=recoveries, first=False)
        seconds = max(time.time() - record.created_at, _last_time(log.entries))
        live = self._hub.take_over(changed, log.last - len(ahead), seconds)
        # Its process may have died before it had written these.
        for chunk in ahead if log.last else [opening(record)]:
            live.append(chunk)
        text = "".join(chunk.content for chunk in stands)
        recovered = Recovered(event_number(after, before), len(text), attempt=len(before) + 1)
        live.append(StreamingChunk(content="", done=False, model=record.model, recovered=recovered))
        run = self._launcher.take_over(plan.prepare(changed), policy, live)
        live.measure()
        live.meter.begin(text)
        run.was_begun = log.last > 1
        logger.warning(
            "run %s: its process died; it goes on here after event %d", record.run_id, after
        )


def _remaining(policy: Policy, record: RunRecord) -> Policy | None:
    """The policy for the rest of a run; None if its time is over."""
    left = record.created_at + policy.timeouts.total - time.time()
    if left <= 0:
        return None
    timeouts = msgspec.structs.replace(policy.timeouts, total=left)
    return msgspec.structs.replace(policy, timeouts=timeouts)


def _last_time(entries: Sequence[Entry]) -> float:
    return entries[-1][0] if entries else 0.0
