"""The order of the runs of one conversation: one at a time, as they came."""

import asyncio
import logging
import weakref
from collections.abc import Mapping

from ..errors import ConversationBusy, RunStopped
from ..log.journal import RunRecord
from .peers import Peers
from .run import Policy, Run

logger = logging.getLogger(__name__)


class Queues:
    """Who answers in a conversation, and who waits; here, and in the processes of `peers`."""

    def __init__(self, runs: Mapping[str, Run], peers: Peers | None) -> None:
        self._runs = runs
        self._peers = peers
        # A conversation's lock lives as long as a run holds it or waits for it.
        self.locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def apply_on_busy(self, policy: Policy, record: RunRecord) -> None:
        """Reject the new run, interrupt the active runs of its conversation, or let it wait.

        Raises `ConversationBusy` if the policy is to reject.
        """
        if policy.on_busy == "queue":
            return
        busy = await self._before(record)
        if busy and policy.on_busy == "reject":
            raise ConversationBusy(
                f"Conversation {record.conversation_id} is being answered by run {busy[-1]}; "
                "wait for it, cancel it, or send on_busy.",
                run_id=busy[-1],
            )
        for run_id in busy:
            if (run := self._runs.get(run_id)) is not None:
                run.stop(RunStopped("cancelled", "A newer message took this one's place."))
            elif self._peers is not None:
                await self._peers.journal.request_cancel(run_id)

    async def turn(self, record: RunRecord) -> asyncio.Lock:
        """Wait until it is this run's turn; the lock that is returned is to be released."""
        lock = self.locks.setdefault(_key(record), asyncio.Lock())
        await lock.acquire()
        try:
            if self._peers is not None:
                await self._peers.turn(record)
        except BaseException:
            lock.release()
            raise
        return lock

    async def _before(self, record: RunRecord) -> list[str]:
        """The runs of a record's conversation that have not ended."""
        here = [run_id for run_id, run in self._runs.items() if _key(run.record) == _key(record)]
        if self._peers is None:
            return here
        try:
            return await self._peers.journal.runs_before(record) + here
        except Exception:  # the journal is down, and the hub tells so
            logger.debug("queues: the journal cannot be read", exc_info=True)
            return here


def _key(record: RunRecord) -> tuple[str, str]:
    return record.principal, record.conversation_id
