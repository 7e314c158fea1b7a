"""Runs: started by a request but never owned by it, followed by any number of readers."""

import asyncio
import logging
import time
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Self

import msgspec

from ...models.chat import RunState
from ..errors import (
    BadEventId,
    ConversationBusy,
    Overloaded,
    RunFailed,
    RunStopped,
    UnknownRun,
)
from ..log.follower import Follower
from ..log.hub import Hub
from ..log.journal import RunRecord, SharedJournal
from ..log.reading import journal_call
from ..log.state import state_of
from ..log.tail import Tail
from ..log.traffic import Traffic
from .driver import PATIENCE, Driver, stopping
from .identity import Identity, new_id
from .peers import Peers, Remember
from .queues import Queues
from .rates import Rates
from .report import Observer
from .run import Plan, Policy, Run, opening
from .slots import Slots

logger = logging.getLogger(__name__)


class Runs:
    """Starts, finds, follows and stops runs."""

    def __init__(
        self,
        hub: Hub,
        remember: Remember | None = None,
        *,
        patience: float = PATIENCE,
        slots: Slots | None = None,
        rates: Rates | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.owner = new_id()
        self._hub = hub
        hub.on_lost = self._lost
        self._peers: Peers | None = None
        self._tail: Tail | None = None
        if isinstance(hub.journal, SharedJournal):
            self._peers = Peers(hub.journal, remember or _forget)
            self._tail = Tail(hub.journal)
        self._slots = slots or Slots()
        self._rates = rates or Rates()
        self.traffic = Traffic()
        self._runs: dict[str, Run] = {}
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()  # a run that is being created is not among the busy ones
        self.queues = Queues(self._runs, self._peers)
        self._driver = Driver(
            self.queues, self._rates, observers, patience=patience, on_end=self._ended
        )
        self.accepting = True

    async def open(self) -> None:
        """Open the log; runs that a dead process left behind have their ends when this returns."""
        await self._hub.open(self.owner)
        if self._peers is not None:
            await self._peers.open(lambda: self._runs, self._cancel_asked)

    async def close(self) -> None:
        """End all runs and close the log."""
        await self.stop_all()
        if self._peers is not None:
            await self._peers.close()
        if self._tail is not None:
            await self._tail.close()
        await self._hub.close()
        await self._rates.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def live(self) -> int:
        """How many runs have not ended."""
        return len(self._runs)

    @property
    def trouble(self) -> tuple[float, str] | None:
        """Since when (Unix time) the journal cannot be written, and why; None while it can."""
        return self._hub.trouble

    async def start(self, plan: Plan, policy: Policy, identity: Identity) -> Follower:
        """Start a run and follow it from its beginning, without a moment in which it has no reader.

        Raises what `begin` raises.
        """
        run = await self.begin(plan, policy, identity)
        return self._follow(run.record, 0)

    async def begin(self, plan: Plan, policy: Policy, identity: Identity) -> Run:
        """Start a run that nobody follows yet; its log opens before the model is called.

        Returns at once, or when there is a slot. Raises `RateLimited`, `TooManyRuns`, `Overloaded`,
        `ConversationBusy`, and `AlreadyAsked` if a run of this id exists.
        """
        record = RunRecord(
            run_id=identity.run_id,
            conversation_id=identity.conversation_id,
            principal=identity.principal,
            agent=plan.agent,
            model=plan.model,
            created_at=time.time(),
            owner=self.owner,
            question=plan.stored_question,
            fingerprint=identity.fingerprint,
        )
        self._check_accepting()
        await self._rates.admit(record.principal)
        await self.queues.apply_on_busy(policy, record)  # an interrupted run gives up its slot
        await self._slots.take(record.principal)
        try:
            return await self._begin(plan, policy, record)
        except BaseException:  # then there is no run that gives it back
            self._slots.give(record.principal)
            raise

    async def _begin(self, plan: Plan, policy: Policy, record: RunRecord) -> Run:
        run_id = record.run_id
        async with self._starting:
            self._check_accepting()
            record = msgspec.structs.replace(record, created_at=time.time())  # it may have waited
            await self.queues.apply_on_busy(policy, record)
            turn = plan.prepare(record)
            log = await self._hub.create(record)
            log.append(opening(record))
            if self._peers is not None:
                try:
                    await self.queues.apply_on_busy(policy, record)  # other processes' new runs
                except BaseException as error:
                    busy = error if isinstance(error, ConversationBusy) else stopping()
                    log.append(busy.last_chunk(record.model))
                    raise
            followed = partial(self._peers.journal.is_followed, run_id) if self._peers else None
            run = self._runs[run_id] = Run(
                record, log, turn, policy, self._driver.patience, followed
            )
            driving = asyncio.create_task(self._driver.drive(run), name=f"run-{run_id}")
            self._tasks.add(driving)
            driving.add_done_callback(self._tasks.discard)
            if not self.accepting:  # the server began to stop in the meantime
                run.stop(stopping())
        return run

    def _check_accepting(self) -> None:
        if not self.accepting:
            raise Overloaded("The server is stopping and takes no new runs.", retry_after=2)

    async def list_active(
        self, principal: str, conversation_id: str | None = None
    ) -> list[tuple[RunRecord, bool]]:
        """A principal's runs that have not ended, oldest first, of one conversation or of all.

        The flag says whether the run has left its queue. It is True for runs of other processes,
        whose state is unknown here.
        """
        here = {run_id: run.running for run_id, run in self._runs.items()}
        records = [run.record for run in self._runs.values() if run.record.principal == principal]
        if self._peers is not None:
            live = await journal_call(self._peers.journal.list_active(principal))
            records += [record for record in live if record.owner != self.owner]
        records.sort(key=lambda record: record.created_at)
        return [
            (record, here.get(record.run_id, True))
            for record in records
            if conversation_id in (None, record.conversation_id)
        ]

    async def follow(
        self, run_id: str, after: int, *, principal: str, saw_end: bool = False
    ) -> Follower:
        """Read a run's log from the number `after`: 0 is its beginning.

        `saw_end` says that the reader has had the end (see `Follower`). Raises `UnknownRun`, and
        `BadEventId` for a number that a run of this process has not reached; the readers of
        another process may be ahead of what it has written.
        """
        return self._follow(await self.record(run_id, principal), after, saw_end=saw_end)

    def _follow(self, record: RunRecord, after: int, *, saw_end: bool = False) -> Follower:
        run_id = record.run_id
        journal, log = self._hub.journal, self._hub.get(run_id)
        if log is not None and after > log.last:
            raise BadEventId(f"Run {run_id} has {log.last} events so far; there is no {after}.")
        run = self._runs.get(run_id)
        if run is not None:
            run.join()
            run.resumes += after > 0
        self.traffic.resumes += after > 0
        leave = None if run is None else run.leave
        follower = Follower(
            record, journal, log, after, leave, self._tail, saw_end=saw_end, traffic=self.traffic
        )
        self._followers.add(follower)
        return follower

    async def cancel(self, run_id: str, *, principal: str) -> RunState:
        """Stop a run, wait until it has ended, and tell how; an ended run is left as it is."""
        await self.record(run_id, principal)
        run = self._runs.get(run_id)
        if run is not None:
            run.stop(_cancelled())
            await run.ended.wait()
        elif self._peers is not None:
            await journal_call(self._peers.journal.request_cancel(run_id))
            with await self.follow(run_id, 0, principal=principal) as follower:
                follower.after = await self._reached(run_id)
                while not follower.done:
                    await follower.batch()
        return await self.state(run_id, principal=principal)

    async def state(self, run_id: str, *, principal: str) -> RunState:
        """What a run has said so far, folded from its log."""
        record = await self.record(run_id, principal)
        run = self._runs.get(run_id)
        waiting = run is not None and not run.running
        return await journal_call(
            state_of(record, self._hub.journal, self._hub.get(run_id), queued=waiting)
        )

    def interrupt_all(self) -> None:
        """Take no new runs, and end those that there are as `interrupted`."""
        self.accepting = False
        for run in list(self._runs.values()):
            run.stop(stopping())

    async def drain(self, grace: float) -> None:
        """Take no new runs, and give those that there are `grace` seconds to end.

        Where another process can follow them, readers that can resume are sent there.
        """
        self.accepting = False
        if await self._has_peers():
            self._send_away()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace)
        self.interrupt_all()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._send_away()

    async def stop_all(self) -> None:
        """As `interrupt_all`, and wait until all have ended."""
        self.interrupt_all()
        async with self._starting:
            if self._tasks:
                await asyncio.wait(set(self._tasks))

    async def _has_peers(self) -> bool:
        try:
            return self._peers is not None and await self._peers.journal.count_peers() > 0
        except Exception:
            logger.exception("runs: whether other processes live cannot be told")
            return False

    def _send_away(self) -> None:
        for follower in list(self._followers):
            follower.send_away()

    async def _reached(self, run_id: str) -> int:
        reach = (await journal_call(self._hub.journal.reached([run_id]))).get(run_id)
        return reach.last if reach is not None else 0

    def _cancel_asked(self, run_id: str) -> None:
        if (run := self._runs.get(run_id)) is not None:
            run.stop(_cancelled())

    def _lost(self, run_id: str) -> None:
        if (run := self._runs.get(run_id)) is not None:
            logger.warning("run %s: another process took it for dead, and ended it", run_id)
            run.stop(stopping())

    async def record(self, run_id: str, principal: str) -> RunRecord:
        """What is known of a principal's run; raises `UnknownRun`, for another's, too."""
        log = self._hub.get(run_id)
        record = log.record if log else await journal_call(self._hub.journal.record(run_id))
        if record is None or record.principal != principal:
            raise UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")
        return record

    def _ended(self, run: Run) -> None:
        del self._runs[run.record.run_id]
        self._slots.give(run.record.principal)


def _cancelled() -> RunStopped:
    return RunStopped("cancelled", "The run was cancelled.")


async def _forget(record: RunRecord, text: str, failure: RunFailed) -> None:
    """What is remembered of an orphan where there are no conversations."""
