"""Runs: started by a request but never owned by it, followed by any number of readers.

See docs/decisions/001-a-request-does-not-own-its-run.md.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from ...models.chat import RunState
from ...models.numbers import entry_number
from ..access.rates import Rates
from ..access.slots import Slots
from ..errors import BadEventId
from ..log.follower import Follower, Traffic
from ..log.hub import Hub
from ..log.journal import RunRecord, SharedJournal
from ..log.reading import WholeLog, journal_call, unknown_run
from ..log.removal import remove
from ..log.sources import source_of
from ..log.state import folded, whole_log
from ..log.tail import Tail
from ..run_failures import cancelled, taken_over
from .clock import Policy
from .driver import Driver
from .identity import Identity, new_id
from .launcher import STOP_TIMEOUT, Launcher
from .peers import Peers, Remember
from .queues import Queues
from .readers import Readers
from .recovery.recovery import ATTEMPTS, Ended, Recoveries, Replan
from .report import Observer
from .run import Run
from .turn import Plan

logger = logging.getLogger(__name__)


class Runs:
    """Starts, finds, follows and stops the runs of this process, and follows those of other
    processes."""

    def __init__(
        self,
        hub: Hub,
        remember: Remember | None = None,
        *,
        stop_timeout: float = STOP_TIMEOUT,
        slots: Slots | None = None,
        rates: Rates | None = None,
        observers: Sequence[Observer] = (),
        per_conversation: int | None = None,
        replan: Replan | None = None,
        ended: Ended | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.owner = new_id()
        self.traffic = Traffic()
        self._hub = hub
        hub.on_lost = self._lost
        self._active: dict[str, Run] = {}
        self._peers: Peers | None = None
        self._tail: Tail | None = None
        if isinstance(hub.journal, SharedJournal):
            self._peers = Peers(hub.journal, remember, self._active, observers)
            self._tail = Tail(hub.journal)
        self.rates = rates or Rates()
        slots = slots or Slots()
        self.queues = Queues(self._active, self._peers, per_conversation)
        self._launcher = Launcher(
            hub,
            self._active,
            self._peers,
            queues=self.queues,
            driver=Driver(self._active, slots, self.queues, self.rates, observers),
            slots=slots,
            rates=self.rates,
            stop_timeout=stop_timeout,
        )
        self._recoveries = None
        if replan is not None and self._peers is not None:
            self._recoveries = Recoveries(hub, self._peers, self._launcher, replan, ended, attempts)
        self._readers = Readers()

    async def open(self) -> None:
        """Open the journal, and end the runs of processes that have died."""
        await self._hub.open(self.owner)
        if self._peers is not None:
            await self._peers.open()

    async def close(self) -> None:
        """End all runs and close the journal."""
        async with AsyncExitStack() as stack:  # each part, whatever happens to those before it
            stack.push_async_callback(self.rates.close)
            stack.push_async_callback(self._hub.close)
            if self._tail is not None and self._peers is not None:
                stack.push_async_callback(self._tail.close)
                stack.push_async_callback(self._peers.close)
            await self.stop_all()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def live(self) -> int:
        """The number of runs of this process that have not ended."""
        return len(self._active)

    @property
    def accepting(self) -> bool:
        """True if new runs are accepted; False once the server shuts down."""
        return self._launcher.accepting

    @property
    def trouble(self) -> tuple[float, str] | None:
        """Since when the journal cannot be written (Unix time), and why; None if it can."""
        return self._hub.trouble

    async def start(self, plan: Plan, policy: Policy, identity: Identity) -> Follower:
        """Start a run, and return a follower at its beginning; raises what `Launcher.launch`
        raises."""
        run = await self.begin(plan, policy, identity)
        return self._follow(run.record, 0)

    async def begin(self, plan: Plan, policy: Policy, identity: Identity) -> Run:
        """Start a run without a reader and return it; raises what `Launcher.launch` raises."""
        record = identity.record(plan, self.owner)
        if self._recoveries is not None:
            record = self._recoveries.recoverable(record, plan, policy)
        return await self._launcher.launch(plan, policy, record)

    async def list_active(
        self, principal: str, conversation_id: str | None = None
    ) -> list[tuple[RunRecord, bool]]:
        """Return a principal's active runs, and whether each has begun; see `Queues`."""
        return await self.queues.list_active(principal, conversation_id, self.owner)

    async def follow(
        self, run_id: str, after: int, *, principal: str, saw_end: bool = False
    ) -> Follower:
        """Return a follower that reads a run's entries after number `after`; 0 is the beginning.

        `saw_end` is True if the reader has got the run's last entry before (see `JournalSource`).
        Raises `UnknownRun`, `JournalUnavailable`, and `BadEventId` if a run of this process has not
        reached the number; readers of a run of another process may be ahead of what that process
        has written.
        """
        return self._follow(await self.record(run_id, principal), after, saw_end=saw_end)

    def _follow(self, record: RunRecord, after: int, *, saw_end: bool = False) -> Follower:
        run_id = record.run_id
        journal, log = self._hub.journal, self._hub.get(run_id)
        number = entry_number(after, record.recoveries)
        if number is None or (log is not None and number > log.last):
            raise BadEventId(f"Run {run_id} has no event {after} so far.")
        run = self._active.get(run_id)
        source = source_of(record, journal, log, self._tail, saw_end=saw_end)
        leave = None if run is None else run.leave
        follower = Follower(record, source, number, leave, self.traffic)
        if run is not None:
            run.join(follower)
            run.resumes += after > 0
        self.traffic.resumes += after > 0
        return self._readers.add(follower)

    async def cancel(self, run_id: str, *, principal: str) -> RunState:
        """Stop a run, wait until it has ended, and return its state; an ended run is not changed.

        If another process drives it and does not stop it in time (`Peers.cancel`), the state is
        that of a running one. Raises `UnknownRun` and `JournalUnavailable`.
        """
        await self.record(run_id, principal)
        run = self._active.get(run_id)
        if run is not None:
            run.stop(cancelled())
            await run.ended.wait()
        elif self._peers is not None:
            with await self.follow(run_id, 0, principal=principal) as follower:
                await self._peers.cancel(follower)
        return await self.state(run_id, principal=principal)

    async def delete(self, run_id: str, *, principal: str) -> None:
        """Remove a run from the journal, after its end; raises what `cancel` raises."""
        await self.cancel(run_id, principal=principal)
        await journal_call(remove(self._hub, run_id))

    async def state(self, run_id: str, *, principal: str) -> RunState:
        """Return a run's status and its text so far; raises what `log_of` raises."""
        record, whole = await self.log_of(run_id, principal=principal)
        run = self._active.get(run_id)
        return await folded(record, whole, queued=run is not None and not run.began)

    async def log_of(self, run_id: str, *, principal: str) -> tuple[RunRecord, WholeLog]:
        """Return a run's record and log; raises `UnknownRun` and `JournalUnavailable`."""
        record, log = await self.record(run_id, principal), self._hub.get(run_id)
        return record, await journal_call(whole_log(record, self._hub.journal, log))

    async def record(self, run_id: str, principal: str) -> RunRecord:
        """Return the record of a principal's run; raises `JournalUnavailable`, and `UnknownRun` if
        the run is unknown or another principal's."""
        log = self._hub.get(run_id)
        record = log.record if log else await journal_call(self._hub.journal.record(run_id))
        if record is None or record.principal != principal:
            raise unknown_run(run_id)
        return record

    def interrupt_all(self) -> None:
        """Accept no new runs, and end all active ones with the finish reason `interrupted`."""
        self._launcher.interrupt_all()

    async def stop_all(self) -> None:
        """Accept no new runs, interrupt all active ones, and wait until they have ended."""
        await self._launcher.stop_all()

    async def drain(self, grace: float) -> None:
        """Accept no new runs, give active runs `grace` seconds to end, and interrupt the others.

        Readers that can resume are sent to another process as soon as one is there that stays. If
        runs are recovered, the others are not interrupted, but left to the next process, as far as
        they can go on.
        """
        self._launcher.accepting = False
        moving = None
        if self._peers is not None:
            await self._peers.leave()
            moving = asyncio.create_task(self._move_readers(self._peers), name="move-readers")
        await self._launcher.wait(grace)
        if moving is not None:
            moving.cancel()
        if self._recoveries is not None:
            self._launcher.hand_over_all()
        self.interrupt_all()
        await self._launcher.wait()
        self._readers.send_away()

    async def _move_readers(self, peers: Peers) -> None:
        await peers.another_stays()
        self._readers.redirect()

    def _lost(self, run_id: str) -> None:
        logger.warning("run %s: another process found this one dead, and has it now", run_id)
        self._readers.redirect(run_id)
        if (run := self._active.get(run_id)) is not None:
            run.stop(taken_over())
