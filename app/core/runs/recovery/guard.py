"""What a process tells the journal of a run, so that another one can go on with it.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from ....models.chat import StreamingChunk
from ...log.hub import Hub
from ...log.journal import SharedJournal
from ...log.run_log import RunLog
from ...run_failures import Interrupted, taken_over

logger = logging.getLogger(__name__)

#: Seconds that a tool waits, before it begins, for a journal that cannot be written.
CONFIRM_TIMEOUT = 10.0

#: Bytes of a checkpoint, at most.
CHECKPOINT_BYTES = 8 << 20


class Checkpoint(msgspec.Struct, frozen=True):
    """A state of an agent, the number of the last entry that belongs to it, and the last `chunks`
    before that, which the log may lack."""

    after: int
    data: str
    chunks: list[StreamingChunk] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Checkpoint).decode


class JournalGuard:
    """The guard of one run, over the journal; implements `Guard`."""

    def __init__(self, hub: Hub, journal: SharedJournal, log: RunLog) -> None:
        self._hub = hub
        self._journal = journal
        self._log = log

    async def confirm(self) -> None:
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                owned = await self._hub.confirm(self._log)
        except TimeoutError:
            raise Interrupted(
                "The journal of runs cannot be written, so no tool can begin that must not run "
                "twice."
            ) from None
        if not owned:
            raise taken_over()

    async def checkpoint(self, data: str, chunks: Sequence[StreamingChunk]) -> None:
        record, after = self._log.record, self._log.last + len(chunks)
        if self._log.flushed < self._log.last:
            await self.confirm()
        text = _encode(Checkpoint(after, data, list(chunks))).decode() if data else ""
        if len(text) > CHECKPOINT_BYTES:
            logger.warning("run %s: its checkpoint is too large", record.run_id)
            text = ""
        try:
            kept = await self._journal.keep_checkpoint(record, text)
        except Exception:  # the one before stays: tools since then make the run end if it dies now
            logger.debug("run %s: its checkpoint was not kept", record.run_id, exc_info=True)
            return
        if not kept:
            raise taken_over()


async def checkpoint_of(journal: SharedJournal, run_id: str) -> Checkpoint | None:
    """The checkpoint of a run; None if it has none."""
    found = await journal.checkpoint(run_id)
    return _decode(found) if found else None
