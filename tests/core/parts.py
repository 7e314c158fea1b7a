"""Small real parts for the tests of the core: chunks, records, and a journal that tells all."""

import asyncio
from collections.abc import Callable, Sequence

from app.core.errors import UnknownRun
from app.core.follow import Follower
from app.core.journals import Entry, RunRecord
from app.models.chat import StreamingChunk


def said(text: str) -> StreamingChunk:
    return StreamingChunk(content=text, done=False, model="m")


def ending(text: str = "") -> StreamingChunk:
    return StreamingChunk(content=text, done=True, model="m", finish_reason="stop")


def record(
    run_id: str = "r1", principal: str = "ann", conversation_id: str = "c1", owner: str = ""
) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        conversation_id=conversation_id,
        principal=principal,
        agent="a",
        model="m",
        created_at=1_700_000_000.0,
        owner=owner,
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


class Notebook:
    """A journal that keeps everything and notes each call; it may be slow, and it may fail."""

    def __init__(self, *, delay: float | None = None, create_delay: float | None = None) -> None:
        self.delay = delay
        self.create_delay = create_delay
        self.failing = False
        self.closed = False
        self.records: dict[str, RunRecord] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.appends: list[tuple[str, int, int]] = []  # run, first number, count
        self.reads: list[tuple[str, int]] = []

    async def open(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True

    async def create(self, record: RunRecord) -> None:
        if self.create_delay is not None:
            await asyncio.sleep(self.create_delay)
        self.records[record.run_id] = record
        self.entries[record.run_id] = []

    async def append(self, run_id: str, first: int, entries: Sequence[Entry]) -> None:
        if self.delay is not None:
            await asyncio.sleep(self.delay)
        if self.closed:
            raise OSError("the journal is closed")
        if self.failing:
            raise OSError("the disk is full")
        if first != len(self.entries[run_id]) + 1:
            raise ValueError(f"entry {first} does not follow {len(self.entries[run_id])}")
        self.entries[run_id].extend(entries)
        self.appends.append((run_id, first, len(entries)))

    async def record(self, run_id: str) -> RunRecord | None:
        return self.records.get(run_id)

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        self.reads.append((run_id, after))
        if self.delay is not None:
            await asyncio.sleep(self.delay)
        if run_id not in self.records:
            raise UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")
        return self.entries[run_id][after : after + limit]
