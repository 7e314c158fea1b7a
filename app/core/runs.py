"""Runs: started by a request but never owned by it, followed by any number of readers."""

import asyncio
import logging
import time
import uuid
import weakref
from typing import Literal

from app.core.errors import (
    AgentFailed,
    BadEventId,
    ConversationBusy,
    Gap,
    Interrupted,
    Overloaded,
    RunFailed,
    RunStopped,
    UnknownRun,
)
from app.core.follow import PAGE, Follower
from app.core.hub import Hub
from app.core.journals import RunRecord
from app.core.run import Policy, Run, Turn
from app.models.chat import COMPLETE, RunState, StreamingChunk, fold

logger = logging.getLogger(__name__)

#: Seconds that a stopped agent may take to let go, and then that remembering its broken turn may
#: take, before the end is told all the same.
PATIENCE = 5.0


class Runs:
    """Starts, finds, follows and stops runs."""

    def __init__(self, hub: Hub, *, patience: float = PATIENCE) -> None:
        self._hub = hub
        self._patience = patience
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()  # a run that is being created is not among the busy ones
        # A conversation's lock lives as long as a run holds it or waits for it.
        self._locks: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self.open = True

    @property
    def live(self) -> int:
        """How many runs have not ended."""
        return len(self._runs)

    async def start(
        self,
        turn: Turn,
        policy: Policy,
        *,
        run_id: str,
        conversation_id: str,
        principal: str,
        question: str = "",
    ) -> Run:
        """Begin a run and return at once; its log opens before the model is asked."""
        async with self._starting:
            self._make_way(policy, conversation_id=conversation_id, principal=principal)
            record = RunRecord(
                run_id=run_id,
                conversation_id=conversation_id,
                principal=principal,
                agent=turn.agent,
                model=turn.model,
                created_at=time.time(),
                question=question,
            )
            log = await self._hub.create(record)
            run = self._runs[run_id] = Run(record, log, turn, policy, self._patience)
            log.append(
                StreamingChunk(
                    content="",
                    done=False,
                    model=turn.model,
                    agent=turn.agent,
                    run_id=run_id,
                    conversation_id=conversation_id,
                )
            )
            driving = asyncio.create_task(self._drive(run), name=f"run-{run_id}")
            self._tasks.add(driving)
            driving.add_done_callback(self._tasks.discard)
            if not self.open:  # the server began to stop in the meantime
                run.stop(_stopping())
        return run

    def of(self, principal: str, conversation_id: str | None = None) -> list[Run]:
        """A principal's runs that have not ended, the oldest first; of one conversation or all."""
        return [
            run
            for run in self._runs.values()
            if run.record.principal == principal
            and conversation_id in (None, run.record.conversation_id)
        ]

    async def follow(self, run_id: str, after: int, *, principal: str) -> Follower:
        """Read a run's log from the number `after`: 0 is its beginning.

        Raises `UnknownRun`, and `BadEventId` for a number that the log has not reached.
        """
        record = await self._record(run_id, principal)
        run = self._runs.get(run_id)
        log = self._hub.get(run_id)
        if log is not None and after > log.last:
            raise BadEventId(f"Run {run_id} has {log.last} events so far; there is no {after}.")
        if run is None:
            return Follower(record, self._hub.journal, log, after)
        run.join()
        return Follower(record, self._hub.journal, log, after, run.leave)

    async def cancel(self, run_id: str, *, principal: str) -> RunState:
        """Stop a run, wait until it has ended, and tell how; an ended run is left as it is."""
        await self._record(run_id, principal)
        run = self._runs.get(run_id)
        if run is not None:
            run.stop(RunStopped("cancelled", "The run was cancelled."))
            await run.ended.wait()
        return await self.state(run_id, principal=principal)

    async def state(self, run_id: str, *, principal: str) -> RunState:
        """What a run has said so far, folded from its log."""
        record = await self._record(run_id, principal)
        state = RunState(
            content="",
            model=record.model,
            run_id=run_id,
            conversation_id=record.conversation_id,
            agent=record.agent,
            status="queued",
            last_event_id=f"{run_id}:0",
            created_at=record.created_at,
        )
        log, after = self._hub.get(run_id), 0
        chunks: list[StreamingChunk] = []
        while True:
            try:
                if log is None or after < log.base:
                    entries = await self._hub.journal.read(run_id, after, PAGE)
                else:
                    entries = log.since(after)
            except Gap as gap:
                after = int(str(gap.details["base"]))
                state.truncated = True
                continue
            if not entries:
                break
            after += len(entries)
            chunks += [chunk for _, chunk in entries]
            if entries[-1][1].done:
                state.ended_at = record.created_at + entries[-1][0]
                break
        fold(state, chunks)
        state.last_event_id = f"{run_id}:{after}"
        run = self._runs.get(run_id)
        if state.finish_reason is not None:
            state.status = _status(state.finish_reason)
        elif run is None or run.running:
            state.status = "running"
        return state

    def stop_soon(self) -> None:
        """Take no new runs, and end those that there are as `interrupted`; safe in a signal."""
        self.open = False
        for run in list(self._runs.values()):
            run.loop.call_soon_threadsafe(run.stop, _stopping())

    async def stop_all(self) -> None:
        """As `stop_soon`, and wait until all have ended and are in the journal."""
        self.stop_soon()
        async with self._starting:
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _make_way(self, policy: Policy, *, conversation_id: str, principal: str) -> None:
        """Deal with the runs that a new one finds in its conversation."""
        if not self.open:
            raise Overloaded("The server is stopping and takes no new runs.", retry_after=2)
        busy = self.of(principal, conversation_id)
        if busy and policy.on_busy == "reject":
            raise ConversationBusy(
                f"Conversation {conversation_id} is being answered by run "
                f"{busy[-1].record.run_id}; wait for it, cancel it, or send on_busy.",
                run_id=busy[-1].record.run_id,
            )
        if policy.on_busy == "interrupt":
            for run in busy:
                run.stop(RunStopped("cancelled", "A newer message took this one's place."))

    async def _record(self, run_id: str, principal: str) -> RunRecord:
        log = self._hub.get(run_id)
        record = log.record if log else await self._hub.journal.record(run_id)
        if record is None or record.principal != principal:
            raise UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")
        return record

    async def _drive(self, run: Run) -> None:
        """The life of a run, from its place in the queue to its one last chunk."""
        key = (run.record.principal, run.record.conversation_id)
        lock = self._locks.setdefault(key, asyncio.Lock())
        failure: RunFailed | None = None
        final: StreamingChunk | None = None
        try:
            await run.step(lock.acquire())
            run.running = True
            final = await run.step(run.consume())
        except RunFailed as error:
            failure = error
        except Exception:
            logger.exception("run %s: the agent failed", run.record.run_id)
            failure = AgentFailed("The agent failed; the server's log says why.")
        finally:
            try:
                if run.running and failure is not None:
                    await self._remember(run, failure)
            finally:
                if run.running:
                    lock.release()
                await self._end(run, final, failure)

    async def _remember(self, run: Run, failure: RunFailed) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await run.turn.remember("".join(run.text), failure)
        except Exception:
            logger.exception("run %s: its partial answer was not remembered", run.record.run_id)

    async def _end(self, run: Run, final: StreamingChunk | None, failure: RunFailed | None) -> None:
        if final is None:
            failure = failure or _stopping()
            final = failure.last_chunk(run.record.model)
        run.close()
        run.log.append(final)
        del self._runs[run.record.run_id]
        run.ended.set()
        await self._hub.retire(run.log)


def new_id() -> str:
    """An id for a run or a conversation: random, and short enough for a header."""
    return uuid.uuid4().hex


def _stopping() -> Interrupted:
    return Interrupted("The server stopped before the answer was complete.")


def _status(finish_reason: str) -> Literal["completed", "cancelled", "failed"]:
    if finish_reason in COMPLETE:
        return "completed"
    return "cancelled" if finish_reason in ("cancelled", "disconnected") else "failed"
