"""Removes the runs of a conversation that its owner deletes."""

import asyncio

from ...errors import JournalUnavailable
from ...log.hub import Hub
from ...log.journal import belongs
from ...log.reading import journal_call
from ..service import Runs

#: Seconds to wait until the journal has the last entries of runs that have ended.
FLUSH_TIMEOUT = 2.0


class Removal:
    """Ends and removes the runs of conversations, of all processes that share the journal."""

    def __init__(self, runs: Runs, hub: Hub) -> None:
        self._runs = runs
        self._hub = hub

    async def end(self, principal: str, conversation_id: str, user: str | None) -> int:
        """Cancel the active runs of a conversation, wait for their ends, and return their number.

        Raises `JournalUnavailable`.
        """
        count = 0
        while True:
            active = await self._runs.list_active(principal, conversation_id)
            ids = [record.run_id for record, _ in active if record.user == user]
            if not ids:
                return count
            await asyncio.gather(*(self._runs.cancel(name, principal=principal) for name in ids))
            count += len(ids)

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        """Remove the ended runs of a conversation from the journal; raises `JournalUnavailable`."""
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                while any(  # noqa: ASYNC110  # the flusher sets no event
                    belongs(record, principal, conversation_id, user)
                    for record in self._hub.records
                ):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise JournalUnavailable(
                "The journal of runs cannot be written at the moment.", retry_after=2
            ) from None
        await journal_call(self._hub.journal.remove(principal, conversation_id, user))
