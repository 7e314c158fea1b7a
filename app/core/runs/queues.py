"""The order of the runs of one conversation: one at a time, first come, first served."""

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from ..errors import ConversationBusy
from ..log.journal import RunRecord
from ..log.reading import journal_call
from ..log.tail import POLL_INTERVAL
from ..run_failures import RunStopped
from .clock import Policy
from .peers import Peers
from .run import Run

logger = logging.getLogger(__name__)


class Queues:
    """The order in which the runs of each conversation are answered: one at a time.

    `active` are the runs of this process that have not ended, by id; `peers` gives access to those
    of other processes, None if the journal is not shared. At most `limit` runs of this process are
    active in one conversation, the one that is answered included; None means no limit.
    """

    def __init__(
        self, active: Mapping[str, Run], peers: Peers | None, limit: int | None = None
    ) -> None:
        self._active = active
        self._peers = peers
        self.limit = limit
        # The lock of a conversation exists as long as a run holds it or waits for it.
        self.locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def apply_on_busy(self, policy: Policy, record: RunRecord) -> None:
        """Do as the policy says if the conversation has active runs: wait, reject the run, or stop
        them.

        Raises `ConversationBusy` to reject the run. Waiting is done later, by `wait_turn`.
        """
        if policy.on_busy == "queue":
            self._check_room(record)
            return
        busy = await self._before(record)
        if busy and policy.on_busy == "reject":
            raise ConversationBusy(
                f"Conversation {record.conversation_id} is being answered by run {busy[-1]}; "
                "wait for it, cancel it, or send on_busy.",
                run_id=busy[-1],
            )
        for run_id in busy:
            if (run := self._active.get(run_id)) is not None:
                run.stop(RunStopped("cancelled", "A newer message replaced this one."))
            elif self._peers is not None:
                await self._peers.journal.request_cancel(run_id)

    def _check_room(self, record: RunRecord) -> None:
        if record.first:
            return
        here = self._here(record)
        if self.limit is not None and len(here) >= self.limit:
            raise ConversationBusy(
                f"Conversation {record.conversation_id} has {len(here)} unanswered messages "
                "already; wait for an answer, or cancel some.",
                run_id=here[0],
            )

    async def take_turn(
        self, record: RunRecord, before: Sequence[str] | None
    ) -> asyncio.Lock | None:
        """Return the lock of the conversation at once, if no earlier run of it can be active; None
        if `wait_turn` has to look.

        `before` are the runs of other processes before it, as its creation found; see `RunLog`.
        """
        alone = record.first or (before is not None and not before and not self._here(record))
        if not alone or (self._peers is not None and self._peers.orphan_before(record)):
            return None
        lock = self.locks.setdefault(_key(record), asyncio.Lock())
        await lock.acquire()  # nobody else has it, or waits for it
        return lock

    async def wait_turn(self, record: RunRecord) -> asyncio.Lock:
        """Wait until no earlier run of the conversation is active.

        Returns a lock on the conversation, which the caller must release at the end of the run.
        """
        lock = self.locks.setdefault(_key(record), asyncio.Lock())
        await lock.acquire()
        try:
            if self._peers is not None:
                await self._peers.wait_turn(record)
                await self._wait_for(record, recovered=True)
                # A cancel in its last step takes effect at the next await: here, not with the lock.
                await asyncio.sleep(0)
        except BaseException:
            lock.release()
            raise
        return lock

    async def wait_earlier(self, record: RunRecord) -> None:
        """Wait, for a run that was recovered, until no earlier run of the conversation is active.

        It takes no lock: a later run may hold that, which waits for this one.
        """
        if self._peers is not None:
            await self._peers.wait_turn(record)
        await self._wait_for(record, recovered=False)

    async def _wait_for(self, record: RunRecord, *, recovered: bool) -> None:
        """Wait for the earlier runs of the conversation here, or for the `recovered` ones alone."""
        while any(  # noqa: ASYNC110  # rare, and there is no event
            _key(run.record) == _key(record)
            and run.record.created_at < record.created_at
            and (run.recovered or not recovered)
            for run in self._active.values()
        ):
            await asyncio.sleep(POLL_INTERVAL)

    def _here(self, record: RunRecord) -> list[str]:
        """Return the ids of the other runs of this process in the conversation, oldest first."""
        return [
            run_id
            for run_id, run in self._active.items()
            if _key(run.record) == _key(record) and run_id != record.run_id
        ]

    async def list_active(
        self, principal: str, conversation_id: str | None, owner: str
    ) -> list[tuple[RunRecord, bool]]:
        """Return a principal's active runs, oldest first, in one conversation or in all (None).

        The second value of a pair is False if the run waits for its turn; it is True for all runs
        of other processes than `owner`, whose state is unknown here. Raises `JournalUnavailable`.
        """
        here = {run_id: run.began for run_id, run in self._active.items()}
        records = [run.record for run in self._active.values() if run.record.principal == principal]
        if self._peers is not None:
            active = await journal_call(self._peers.journal.list_active(principal))
            records += [record for record in active if record.owner != owner]
        records.sort(key=lambda record: record.created_at)
        return [
            (record, here.get(record.run_id, True))
            for record in records
            if conversation_id in (None, record.conversation_id)
        ]

    async def _before(self, record: RunRecord) -> list[str]:
        """Return the ids of the active runs in the conversation of a new run, in all processes."""
        here = self._here(record)
        if self._peers is None:
            return here
        try:
            return await self._peers.journal.runs_before(record) + here
        except Exception:  # the journal fails, which the hub logs
            logger.debug("queues: the journal cannot be read", exc_info=True)
            return here


class Starts:
    """Orders the starts of each conversation, so that each sees the runs before it.

    A journal that takes long delays the starts of one conversation, and no others.
    """

    def __init__(self) -> None:
        # The lock of a conversation exists as long as a start holds it or waits for it.
        self._locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @asynccontextmanager
    async def enter(self, principal: str, conversation_id: str) -> AsyncIterator[None]:
        """Wait for the earlier starts in a conversation; the block is one start."""
        lock = self._locks.setdefault((principal, conversation_id), asyncio.Lock())
        self._count += 1
        self._none.clear()
        try:
            async with lock:
                yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def none(self) -> None:
        """Wait until no start is under way."""
        await self._none.wait()


def _key(record: RunRecord) -> tuple[str, str]:
    return record.principal, record.conversation_id
