"""The order of the runs of one conversation: one at a time, first come, first served."""

import asyncio
import logging
import weakref
from collections.abc import Mapping

from ..errors import ConversationBusy
from ..log.journal import RunRecord
from ..run_failures import RunStopped
from .peers import Peers
from .run import Policy, Run

logger = logging.getLogger(__name__)


class Queues:
    """The turns of the runs of each conversation, over this process and those of `peers`.

    `active` holds the runs of this process that have not ended, by id.
    """

    def __init__(self, active: Mapping[str, Run], peers: Peers | None) -> None:
        self._active = active
        self._peers = peers
        # The lock of a conversation exists as long as a run holds it or waits for it.
        self.locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def apply_on_busy(self, policy: Policy, record: RunRecord) -> None:
        """Reject the new run, interrupt the active runs of its conversation, or let it wait.

        Raises `ConversationBusy` if the policy rejects it.
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
            if (run := self._active.get(run_id)) is not None:
                run.stop(RunStopped("cancelled", "A newer message replaced this one."))
            elif self._peers is not None:
                await self._peers.journal.request_cancel(run_id)

    async def wait_turn(self, record: RunRecord) -> asyncio.Lock:
        """Wait for the turn of a run; returns the lock that the caller releases at its end."""
        lock = self.locks.setdefault(_key(record), asyncio.Lock())
        await lock.acquire()
        try:
            if self._peers is not None:
                await self._peers.wait_turn(record)
                # A cancel in its last step takes effect at the next await: here, not with the lock.
                await asyncio.sleep(0)
        except BaseException:
            lock.release()
            raise
        return lock

    async def _before(self, record: RunRecord) -> list[str]:
        """The ids of the active runs in the conversation of a new run."""
        here = [run_id for run_id, run in self._active.items() if _key(run.record) == _key(record)]
        if self._peers is None:
            return here
        try:
            return await self._peers.journal.runs_before(record) + here
        except Exception:  # the journal fails, which the hub logs
            logger.debug("queues: the journal cannot be read", exc_info=True)
            return here


def _key(record: RunRecord) -> tuple[str, str]:
    return record.principal, record.conversation_id
