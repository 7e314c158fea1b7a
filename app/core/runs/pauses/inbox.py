"""The paused runs that wait for a person, and who may decide on them.

See docs/decisions/059-a-paused-run-ends-and-another-continues-it.md.
"""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from ....models.chat import Requirement, RunState
from ...errors import NotPaused
from ...log.hub import Hub
from ...log.journal import RunRecord
from ...log.reading import journal_call, unknown_run
from ..identity import Identity

#: How often a decision looks for the end of a run, and the seconds between two looks.
LOOKS, PAUSE = 20, 0.05

#: Paused runs whose last entries are read at once.
BATCH = 20


class Waiting(NamedTuple):
    """A paused run, and what it waits for."""

    record: RunRecord
    requirements: list[Requirement]


class Inbox:
    """Finds paused runs: for their owners, and for `approvers`, who see those of all principals."""

    def __init__(self, hub: Hub, approvers: Collection[str] = ()) -> None:
        self._hub = hub
        self._approvers = frozenset(approvers)

    def approves(self, principal: str) -> bool:
        """Whether a principal may decide on the runs of others."""
        return principal in self._approvers

    async def waiting(self, principal: str, conversation_id: str | None = None) -> list[Waiting]:
        """The paused runs that a principal may decide on, oldest first, in one conversation or in
        all (None); raises `JournalUnavailable`."""
        owner = None if self.approves(principal) else principal
        await self._hub.write()
        records = [
            record
            for record in await journal_call(self._hub.journal.list_paused(owner))
            if conversation_id in (None, record.conversation_id)
        ]
        found: list[Waiting] = []
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            read = await asyncio.gather(*(self._requirements(record) for record in batch))
            found += [Waiting(*pair) for pair in zip(batch, read, strict=True) if pair[1]]
        return found

    async def find(self, run_id: str, principal: str) -> Waiting:
        """A paused run that a principal may decide on.

        Raises `UnknownRun`, `JournalUnavailable`, and `NotPaused` if the run does not wait.
        """
        await self._hub.write()
        record = await journal_call(self._hub.journal.record(run_id))
        if record is None or not (record.principal == principal or self.approves(principal)):
            raise unknown_run(run_id)
        await self.settle(record)
        requirements = await self._requirements(record)
        if not requirements:
            raise NotPaused(f"Run {run_id} does not wait for a person.")
        return Waiting(record, requirements)

    async def mark(self, state: RunState) -> RunState:
        """The state of a run, with the run that continues it if it was paused."""
        if state.status == "paused":
            state.continued_by = await journal_call(self._hub.journal.continued_by(state.run_id))
            state.status = "paused" if state.continued_by is None else "completed"
        return state

    async def taken(self, run_id: str) -> NotPaused:
        """The error for a run that another one continues."""
        by = await journal_call(self._hub.journal.continued_by(run_id))
        if by is None:
            return NotPaused(f"Run {run_id} does not wait for a person any more.")
        return NotPaused(f"Run {run_id} is continued by run {by}.", continued_by=by)

    async def settle(self, record: RunRecord) -> None:
        """Wait a little for the end of a run of another process: its readers may have that before
        the journal has it, and answer at once. Raises `JournalUnavailable`."""
        if self._hub.get(record.run_id) is not None:
            return
        for _ in range(LOOKS):
            reach = await journal_call(self._hub.journal.reached([record.run_id]))
            if record.run_id not in reach or reach[record.run_id].ended:
                return
            await asyncio.sleep(PAUSE)

    async def _requirements(self, record: RunRecord) -> list[Requirement]:
        """What a run waits for; empty if it has not ended, or not as paused."""
        journal, run_id = self._hub.journal, record.run_id
        reach = (await journal_call(journal.reached([run_id]))).get(run_id)
        if reach is None or not reach.ended:
            return []
        entries = await journal_call(journal.read(run_id, reach.last - 1, 1))
        return (entries[-1][1].requirements if entries else None) or []


def continuing(record: RunRecord, run_id: str, fingerprint: str) -> Identity:
    """The identity of the run that continues a paused one: in its conversation, and its owner's."""
    return Identity(
        run_id=run_id,
        conversation_id=record.conversation_id,
        principal=record.principal,
        fingerprint=fingerprint,
        user=record.user,
        continues=record.run_id,
        origin=record.turn_id,
        replaces=record.replaces,
    )
