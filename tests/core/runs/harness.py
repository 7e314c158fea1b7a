"""Runs with all their real parts; scripts replace the agents."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from app.core.log.follower import Follower
from app.core.log.hub import Hub
from app.core.log.journal import Log, RunRecord
from app.core.log.journals.sqlite import SqliteJournal
from app.core.recovering import Guard
from app.core.run_failures import RunFailed
from app.core.runs.clock import OnBusy, OnDisconnect, Policy, Timeouts
from app.core.runs.identity import Identity
from app.core.runs.run import Run
from app.core.runs.service import Runs
from app.models.chat import RunState, StreamingChunk, Usage
from tests.core.parts import ending, read_all, text_chunk

STOP_TIMEOUT = 0.3
Chunks = AsyncGenerator[StreamingChunk, None]
Script = Callable[[], Chunks]


class Scripted:
    """A turn that does what its script says, and records what it had to remember."""

    agent = "a"
    model = "m"
    stored_question: str | None = "what?"
    settings = ""
    recipe = ""
    logged_question = "what?"

    def __init__(
        self,
        script: Script,
        remember: Callable[[], Awaitable[None]] | None = None,
        order: list[str] | None = None,
        name: str = "",
    ) -> None:
        self.remembered: list[tuple[str, str]] = []
        self.counted: Usage | None = None
        self.began = asyncio.Event()
        self.closed = False
        self._script = script
        self._remember = remember
        self._order = order
        self._name = name

    settled = False

    async def check(self, record: RunRecord) -> str | None:
        """Nothing prevents its runs, and no turn waits."""
        return None

    async def settle(self, record: RunRecord) -> None:
        """No turn waits."""

    def prepare(self, record: RunRecord) -> "Scripted":
        return self

    def protect(self, guard: Guard) -> None:
        self.guard = guard

    async def run(
        self, emit: Callable[[StreamingChunk], None], on_alive: Callable[[], None]
    ) -> StreamingChunk:
        self.began.set()
        if self._order is not None:
            self._order.append(self._name)
        try:
            async with aclosing(self._script()) as chunks:
                async for chunk in chunks:
                    if chunk.done:
                        return chunk
                    emit(chunk)
        finally:
            self.closed = True
        raise EOFError("the script has no end")

    def estimate_usage(self, pieces: int) -> Usage:
        return Usage(input_tokens=2, output_tokens=pieces, total_tokens=2 + pieces)

    async def remember(self, text: str, failure: RunFailed, usage: Usage | None = None) -> bool:
        self.remembered.append((text, failure.finish_reason))
        self.counted = usage
        if self._remember is not None:
            await self._remember()
        return True


class RunsHarness:
    """Runs with their hub, and short methods for what tests do with them."""

    def __init__(self, journal: Log, name: str = "r", **options: Any) -> None:
        self.hub = Hub(journal, flush_interval=0.005)
        self.remembered: list[tuple[str, str]] = []  # of orphans: their run, and its text
        self.runs = Runs(self.hub, self._remember, stop_timeout=STOP_TIMEOUT, **options)
        self._name = name
        self._count = 0

    async def _remember(
        self, record: RunRecord, chunks: Sequence[StreamingChunk], failure: RunFailed
    ) -> None:
        self.remembered.append((record.run_id, "".join(chunk.content for chunk in chunks)))

    async def start(
        self,
        turn: Scripted,
        *,
        on_busy: OnBusy = "queue",
        on_disconnect: OnDisconnect = "continue",
        grace: float = 30,
        principal: str = "ann",
        conversation_id: str = "c1",
        timeouts: Timeouts | None = None,
    ) -> Run:
        self._count += 1
        policy = Policy(timeouts or Timeouts(60, 60, 60), on_disconnect, on_busy, grace)
        identity = Identity(f"{self._name}{self._count}", conversation_id, principal)
        return await self.runs.begin(turn, policy, identity)

    async def follow(self, run: Run, after: int = 0) -> Follower:
        return await self.runs.follow(run.record.run_id, after, principal="ann")

    async def cancel(self, run: Run) -> RunState:
        return await self.runs.cancel(run.record.run_id, principal="ann")

    async def state(self, run: Run) -> RunState:
        return await self.runs.state(run.record.run_id, principal="ann")

    async def read(self, run: Run) -> list[StreamingChunk]:
        """The whole log of a run; its grammar is checked on the way."""
        async with asyncio.timeout(10):
            with await self.follow(run) as follower:
                chunks = [chunk for _, chunk in await read_all(follower)]
        first, last = chunks[0], chunks[-1]
        assert ("", run.record.run_id) == (first.content, first.run_id)
        assert run.record.conversation_id == first.conversation_id
        assert [last] == [chunk for chunk in chunks if chunk.done]
        assert last.finish_reason is not None
        return chunks

    async def ending(self, run: Run) -> tuple[str | None, str | None, str]:
        """How a run ended: its finish reason, the code of its error, and its text."""
        chunks = await self.read(run)
        last = chunks[-1]
        code = None if last.error is None else last.error.code
        return last.finish_reason, code, "".join(chunk.content for chunk in chunks)


def saying(*texts: str, pause: float = 0) -> Script:
    """Sends the texts and ends well."""

    async def script() -> Chunks:
        for text in texts:
            await asyncio.sleep(pause)
            yield text_chunk(text)
        yield ending()

    return script


def raising(error: BaseException) -> Script:
    async def script() -> Chunks:
        yield text_chunk("half")
        raise error

    return script


def silent() -> Script:
    """Sends one word and then nothing, for ever."""

    async def script() -> Chunks:
        yield text_chunk("word")
        await asyncio.Event().wait()

    return script


@asynccontextmanager
async def two_processes(folder: Path) -> AsyncIterator[tuple[RunsHarness, RunsHarness]]:
    """Two sets of runs over one SQLite journal, as of two processes; runs are `a1`, `b1`, ..."""
    harnesses = RunsHarness(shared(folder), "a"), RunsHarness(shared(folder), "b")
    for harness in harnesses:
        await harness.runs.open()
    yield harnesses
    async with asyncio.timeout(10):
        for harness in harnesses:
            await harness.runs.close()
    assert {asyncio.current_task()} == asyncio.all_tasks()


def shared(folder: Path, **bounds: int) -> SqliteJournal:
    return SqliteJournal(folder / "runs.db", **bounds)
