"""How a run starts: it is admitted, its log is opened, and a task drives it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from ..access.rates import Rates
from ..access.slots import Slots
from ..access.turnstile import next_turn
from ..errors import ConversationBusy, Overloaded
from ..log.hub import Hub
from ..log.journal import RunRecord
from ..log.outbox import TurnsWait
from ..log.run_log import RunLog
from ..recovering import Guard
from ..run_failures import handed_over, server_stopped
from .clock import Policy
from .driver import Driver
from .identity import opening
from .peers import Peers
from .queues import Queues, Starts
from .run import Run
from .turn import Plan, Turn

#: Seconds that a stopped agent may take to return, and then storing its partial answer; after that
#: the run ends without them.
STOP_TIMEOUT = 5.0


class Launcher:
    """Starts runs: admits them, opens their logs, and owns the tasks that drive them.

    `active` are the runs that have not ended, by id. New runs are rejected unless `accepting`.
    `guard` makes the guard of a run, if another process may go on with it.
    """

    guard: Callable[[RunLog], Guard] | None = None

    def __init__(
        self,
        hub: Hub,
        active: dict[str, Run],
        peers: Peers | None,
        *,
        queues: Queues,
        driver: Driver,
        slots: Slots,
        rates: Rates,
        stop_timeout: float,
    ) -> None:
        self.accepting = True
        self._interrupting = False
        self._hub = hub
        self._active = active
        self._peers = peers
        self._queues = queues
        self._driver = driver
        self._slots = slots
        self._rates = rates
        self._stop_timeout = stop_timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts = Starts()  # a run that is being created is not active yet

    async def launch(self, plan: Plan, policy: Policy, record: RunRecord) -> Run:
        """Start a run and return it; its log is open then, and its model not yet called.

        Waits for a slot. Raises `RateLimited`, `TooManyRuns`, `Overloaded`, `ConversationBusy`,
        `ConversationsUnavailable`, and `AlreadyAsked` if a run with this id exists.
        """
        self._check_accepting()
        await next_turn()  # fifty that start at once would hold up all others
        session = await plan.check(record)
        await self._rates.check(record.principal)  # counted when the run is created
        await self._queues.apply_on_busy(policy, record)  # an interrupted run releases its slot
        await self._slots.acquire(record.principal)
        try:
            return await self._create(plan, policy, record, session)
        except BaseException:  # then no run releases it
            self._slots.release(record.principal)
            raise

    async def _create(
        self, plan: Plan, policy: Policy, record: RunRecord, session: str | None
    ) -> Run:
        async with self._starts.enter(record.principal, record.conversation_id):
            self._check_accepting()
            record = msgspec.structs.replace(record, created_at=time.time())  # it may have waited
            await self._queues.apply_on_busy(policy, record)
            await self._rates.admit(record.principal)
            turn = plan.prepare(record)
            log = await self._log(plan, record, session)
            turn.settled = session is not None or record.first
            log.append(opening(record))
            if self._peers is not None:
                try:
                    await self._queues.apply_on_busy(policy, record)  # new runs of other processes
                except BaseException as error:
                    failure = error if isinstance(error, ConversationBusy) else server_stopped()
                    log.append(failure.last_chunk(record.model))
                    raise
            return self._drive(turn, policy, log)

    async def _log(self, plan: Plan, record: RunRecord, session: str | None) -> RunLog:
        """The log of a new run, after the turns of its session that wait to be stored."""
        while True:
            try:
                return await self._hub.create(record, session)
            except TurnsWait:
                await plan.settle(record)

    @property
    def has_room(self) -> bool:
        """True if the limit of concurrent runs is not reached."""
        return not self._slots.full

    def take_over(self, turn: Turn, policy: Policy, log: RunLog) -> Run:
        """Go on with a run of a dead process, whose log this process owns."""
        self._slots.take(log.record.principal)
        run = self._drive(turn, policy, log, recovered=True)
        run.expect_readers()
        return run

    def _drive(self, turn: Turn, policy: Policy, log: RunLog, *, recovered: bool = False) -> Run:
        """Drive a run in a task."""
        run_id = log.record.run_id
        run = self._active[run_id] = Run(
            log.record,
            log,
            turn,
            policy,
            stop_timeout=self._stop_timeout,
            mailbox=self._peers.journal if self._peers else None,
            recovered=recovered,
        )
        if self.guard is not None and log.record.recipe:
            turn.protect(self.guard(log))
        driving = asyncio.create_task(self._driver.drive(run), name=f"run-{run_id}")
        self._tasks.add(driving)
        driving.add_done_callback(self._tasks.discard)
        if self._interrupting:  # the grace was over while the run was being created
            run.stop(server_stopped())
        return run

    def _check_accepting(self) -> None:
        if not self.accepting:
            raise Overloaded("The server is stopping and takes no new runs.", retry_after=2)

    def hand_over_all(self) -> None:
        """Leave the active runs that another process can go on with to that process."""
        for run in list(self._active.values()):
            if run.record.recipe:
                run.stop(handed_over())

    def interrupt_all(self) -> None:
        """Accept no new runs, and end all active ones with the finish reason `interrupted`."""
        self.accepting = False
        self._interrupting = True
        for run in list(self._active.values()):
            run.stop(server_stopped())

    async def stop_all(self) -> None:
        """Interrupt all runs, also those that are being created, and wait until they have ended."""
        self.interrupt_all()
        await self.wait()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until the active runs and those that are being created have ended, at most
        `seconds`; None means no limit."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._starts.none()
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
