"""Runs: started by a request but never owned by it, followed by any number of readers."""

import asyncio
import logging
import time
import uuid
import weakref
from collections.abc import Sequence
from functools import partial

import msgspec

from app.core.drive import PATIENCE, Driver, stopping
from app.core.errors import (
    BadEventId,
    ConversationBusy,
    Overloaded,
    RunFailed,
    RunStopped,
    UnknownRun,
)
from app.core.follow import Follower, asking
from app.core.hub import Hub
from app.core.journals import RunRecord, SharedJournal
from app.core.peers import Peers, Remember
from app.core.queues import Queues
from app.core.rates import Rates
from app.core.report import Observer
from app.core.run import Policy, Run, Turn, opening
from app.core.slots import Slots
from app.core.state import state_of
from app.core.tail import Tail
from app.core.traffic import Traffic
from app.models.chat import RunState

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
        self.taking = True

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

    @property
    def live(self) -> int:
        """How many runs have not ended."""
        return len(self._runs)

    @property
    def trouble(self) -> tuple[float, str] | None:
        """Since when (Unix time) the journal cannot be written, and why; None while it can."""
        return self._hub.trouble

    async def start(
        self,
        turn: Turn,
        policy: Policy,
        *,
        run_id: str,
        conversation_id: str,
        principal: str,
        fingerprint: str = "",
    ) -> Run:
        """Begin a run; its log opens before the model is asked.

        Returns at once, or when there is a slot. Raises `RateLimited`, `TooManyRuns`, `Overloaded`,
        `ConversationBusy`, and `AlreadyAsked` where there is a run of this id.
        """
        record = RunRecord(
            run_id=run_id,
            conversation_id=conversation_id,
            principal=principal,
            agent=turn.agent,
            model=turn.model,
            created_at=time.time(),
            owner=self.owner,
            question=turn.question,
            fingerprint=fingerprint,
        )
        self._check_taking()
        await self._rates.admit(principal)
        await self.queues.make_way(policy, record)  # a run that it interrupts gives it its slot
        await self._slots.take(principal)
        try:
            return await self._begin(turn, policy, record)
        except BaseException:  # then there is no run that gives it back
            self._slots.give(principal)
            raise

    async def _begin(self, turn: Turn, policy: Policy, record: RunRecord) -> Run:
        run_id = record.run_id
        async with self._starting:
            self._check_taking()
            record = msgspec.structs.replace(record, created_at=time.time())  # it may have waited
            await self.queues.make_way(policy, record)
            log = await self._hub.create(record)
            log.append(opening(record))
            if self._peers is not None:
                try:
                    await self.queues.make_way(policy, record)  # others may have begun meanwhile
                except BaseException as error:
                    busy = error if isinstance(error, ConversationBusy) else stopping()
                    log.append(busy.last_chunk(turn.model))
                    raise
            watched = partial(self._peers.journal.watched, run_id) if self._peers else None
            run = self._runs[run_id] = Run(
                record, log, turn, policy, self._driver.patience, watched
            )
            driving = asyncio.create_task(self._driver.drive(run), name=f"run-{run_id}")
            self._tasks.add(driving)
            driving.add_done_callback(self._tasks.discard)
            if not self.taking:  # the server began to stop in the meantime
                run.stop(stopping())
        return run

    def _check_taking(self) -> None:
        if not self.taking:
            raise Overloaded("The server is stopping and takes no new runs.", retry_after=2)

    async def of(
        self, principal: str, conversation_id: str | None = None
    ) -> list[tuple[RunRecord, bool]]:
        """A principal's runs that have not ended, the oldest first, of one conversation or all;
        and whether each has begun. Of those of other processes that is not known."""
        here = {run_id: run.running for run_id, run in self._runs.items()}
        records = [run.record for run in self._runs.values() if run.record.principal == principal]
        if self._peers is not None:
            live = await asking(self._peers.journal.live(principal))
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
        record = await self.record(run_id, principal)
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
            await asking(self._peers.journal.ask(run_id))
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
        return await asking(
            state_of(record, self._hub.journal, self._hub.get(run_id), waiting=waiting)
        )

    def stop_soon(self) -> None:
        """Take no new runs, and end those that there are as `interrupted`."""
        self.taking = False
        for run in list(self._runs.values()):
            run.stop(stopping())

    async def drain(self, grace: float) -> None:
        """Take no new runs, and give those that there are `grace` seconds to end.

        Where another process can follow them, readers that can resume are sent there.
        """
        self.taking = False
        if await self._has_peers():
            self._send_away()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace)
        self.stop_soon()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._send_away()

    async def stop_all(self) -> None:
        """As `stop_soon`, and wait until all have ended."""
        self.stop_soon()
        async with self._starting:
            if self._tasks:
                await asyncio.wait(set(self._tasks))

    async def _has_peers(self) -> bool:
        try:
            return self._peers is not None and await self._peers.journal.peers() > 0
        except Exception:
            logger.exception("runs: whether other processes live cannot be told")
            return False

    def _send_away(self) -> None:
        for follower in list(self._followers):
            follower.send_away()

    async def _reached(self, run_id: str) -> int:
        reach = (await asking(self._hub.journal.reached([run_id]))).get(run_id)
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
        record = log.record if log else await asking(self._hub.journal.record(run_id))
        if record is None or record.principal != principal:
            raise UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")
        return record

    def _ended(self, run: Run) -> None:
        del self._runs[run.record.run_id]
        self._slots.give(run.record.principal)


def new_id() -> str:
    """An id for a run or a conversation: random, and short enough for a header."""
    return uuid.uuid4().hex


def _cancelled() -> RunStopped:
    return RunStopped("cancelled", "The run was cancelled.")


async def _forget(record: RunRecord, text: str, failure: RunFailed) -> None:
    """What is remembered of an orphan where there are no conversations."""
