"""Small real parts for the tests of the core: chunks, records, and a journal that records calls."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from app.core.errors import Gap
from app.core.log.follower import Follower
from app.core.log.hub import Hub
from app.core.log.journal import Entry, Group, Reach, RunRecord, belongs
from app.core.log.outbox import Created, MemoryOutbox
from app.core.log.reading import unknown_run
from app.core.log.run_log import RunLog
from app.models.chat import StreamingChunk


def text_chunk(text: str) -> StreamingChunk:
    return StreamingChunk(content=text, done=False, model="m")


def ending(text: str = "") -> StreamingChunk:
    return StreamingChunk(content=text, done=True, model="m", finish_reason="stop")


def record(
    run_id: str = "r1",
    principal: str = "ann",
    conversation_id: str = "c1",
    owner: str = "",
    question: str | None = None,
) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        conversation_id=conversation_id,
        principal=principal,
        agent="a",
        model="m",
        created_at=1_700_000_000.0,
        owner=owner,
        question=question,
    )


def words(entries: Sequence[Entry]) -> list[str]:
    return [chunk.content for _, chunk in entries]


async def read_all(follower: Follower, *, pause: int = 0) -> list[Entry]:
    """Everything up to the end; `pause` is how many turns of the loop a batch takes to digest."""
    entries: list[Entry] = []
    while not follower.done:
        entries += await follower.batch()
        for _ in range(pause):
            await asyncio.sleep(0)
    return entries


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something holds; fail if it does not come to."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # nobody there to set an event
            await asyncio.sleep(0.001)


async def retired(hub: Hub, log: RunLog) -> None:
    """Wait until an ended log is in the journal alone."""
    await until(lambda: hub.get(log.record.run_id) is None)


class RecordingJournal:
    """A journal that keeps everything and records each call; it may be slow, and it may fail."""

    def __init__(self, *, delay: float | None = None, create_delay: float | None = None) -> None:
        self.delay = delay
        self.create_delay = create_delay
        self.failing = False
        self.most: int | None = None  # bytes of text that a write may have
        self.closed = False
        self.records: dict[str, RunRecord] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.appends: list[tuple[str, int, int]] = []  # run, first number, count
        self.reads: list[tuple[str, int]] = []
        self.writes = self.refused = 0
        self.bases: dict[str, int] = {}
        self.outbox = MemoryOutbox()
        self.taken: set[str] = set()  # runs that another process has taken over

    async def open(self, owner: str) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True

    async def create(self, record: RunRecord, session: str | None = None) -> Created:
        if self.create_delay is not None:
            await asyncio.sleep(self.create_delay)
        self._check()
        new = record.run_id not in self.records
        self.records.setdefault(record.run_id, record)
        self.entries.setdefault(record.run_id, [])
        return Created(new)

    async def list_paused(self, principal: str | None) -> list[RunRecord]:
        return []

    async def continued_by(self, run_id: str) -> str | None:
        return None

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        if self.delay is not None:
            await asyncio.sleep(self.delay)
        self._check()
        text = sum(len(chunk.content) for group in groups for _, chunk in group.entries)
        if self.most is not None and text > self.most:
            self.refused += 1
            raise OSError("the command is too large")
        self.writes += 1
        for group in groups:
            run_id = group.record.run_id
            self.records[run_id] = group.record
            if run_id not in self.taken:
                kept = self.entries.setdefault(run_id, [])
                if group.first > self.bases.get(run_id, 0) + len(kept) + 1:
                    kept.clear()
                    self.bases[run_id] = group.first - 1
                kept.extend(group.entries)
                self.appends.append((run_id, group.first, len(group.entries)))
        return self.taken & {group.record.run_id for group in groups}

    async def record(self, run_id: str) -> RunRecord | None:
        return self.records.get(run_id)

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        self.reads.append((run_id, after))
        if self.delay is not None:
            await asyncio.sleep(self.delay)
        if run_id not in self.records:
            raise unknown_run(run_id)
        base = self.bases.get(run_id, 0)
        if after < base:
            raise Gap("There is a hole.", base=base)
        return self.entries[run_id][after - base : after - base + limit]

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        found = {run_id: self.entries[run_id] for run_id in run_ids if run_id in self.entries}
        return {
            run_id: Reach(self.bases.get(run_id, 0) + len(kept), bool(kept) and kept[-1][1].done)
            for run_id, kept in found.items()
        }

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        for run_id, record in list(self.records.items()):
            if belongs(record, principal, conversation_id, user):
                del self.records[run_id], self.entries[run_id]

    async def delete(self, run_id: str) -> None:
        self.records.pop(run_id, None)
        self.entries.pop(run_id, None)

    async def sweep(self) -> None:
        pass

    def _check(self) -> None:
        if self.closed:
            raise OSError("the journal is closed")
        if self.failing:
            self.refused += 1
            raise OSError("the disk is full")
