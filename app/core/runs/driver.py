"""The life of a run, from its place in the queue to its one last chunk.

See docs/decisions/002-a-run-is-two-tasks.md.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ...models.chat import StreamingChunk
from ..errors import AgentFailed, Interrupted, RunFailed
from .queues import Queues
from .rates import Rates
from .report import Observer, RunReport
from .run import Run

logger = logging.getLogger(__name__)

#: Seconds that a stopped agent may take to let go, and then that remembering its broken turn may
#: take, before the end is told all the same.
PATIENCE = 5.0


class Driver:
    """Drives runs, each in a task that is never cancelled; `on_end` is told before a run's
    `ended`."""

    def __init__(
        self,
        queues: Queues,
        rates: Rates,
        observers: Sequence[Observer],
        *,
        patience: float,
        on_end: Callable[[Run], None],
    ) -> None:
        self.patience = patience
        self._queues = queues
        self._rates = rates
        self._observers = observers
        self._on_end = on_end

    async def drive(self, run: Run) -> None:
        """The life of a run, from its place in the queue to its one last chunk."""
        lock: asyncio.Lock | None = None
        failure: RunFailed | None = None
        final: StreamingChunk | None = None
        try:
            self._tell(lambda observer: observer.began(run.record))
            lock = await run.step(self._queues.turn(run.record))
            run.running = True
            final = await run.step(run.consume())
        except RunFailed as error:
            failure = error
        except Exception:
            logger.exception("run %s: the agent failed", run.record.run_id)
            failure = AgentFailed("The agent failed; the server's log says why.")
        finally:
            try:
                if failure is not None and (run.running or isinstance(failure, Interrupted)):
                    await self._remember(run, failure)
                await self._rates.spent(run.record.principal, _tokens(run, final))
            finally:
                if lock is not None:
                    lock.release()
                self._end(run, final, failure)

    async def _remember(self, run: Run, failure: RunFailed) -> None:
        try:
            if run.turn.stored_question is None:
                return
            async with asyncio.timeout(self.patience):
                await run.turn.remember("".join(run.text), failure)
        except Exception:
            logger.exception("run %s: its partial answer was not remembered", run.record.run_id)

    def _end(self, run: Run, final: StreamingChunk | None, failure: RunFailed | None) -> None:
        if final is None:
            failure = failure or stopping()
            final = failure.last_chunk(run.log.entries[-1][1].model)
        run.close()
        run.log.append(final)
        self._on_end(run)
        run.ended.set()
        if self._observers:
            try:
                report = _report(run, final)
            except Exception:
                logger.exception("run %s: what became of it cannot be told", run.record.run_id)
            else:
                self._tell(lambda observer: observer.ended(report))

    def _tell(self, what: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                what(observer)
            except Exception:  # a run does not fail because it cannot be counted
                logger.exception("runs: %s failed", type(observer).__name__)


def stopping() -> Interrupted:
    return Interrupted("The server stopped before the answer was complete.")


def _tokens(run: Run, final: StreamingChunk | None) -> int:
    """What a run cost: as its provider counted it, else as it can be told from its text."""
    if final is not None and final.usage is not None:
        return final.usage.total_tokens
    run.log.measure()
    return run.turn.estimate_usage(run.log.meter.tokens).total_tokens


def _report(run: Run, final: StreamingChunk) -> RunReport:
    log = run.log
    log.measure()
    return RunReport(
        record=run.record,
        model=final.model,
        ending=final.finish_reason or "error",
        error=final.error,
        meter=log.meter,
        duration=log.age,
        usage=final.usage or run.turn.estimate_usage(log.meter.tokens),
        estimated=final.usage is None,
        readers=run.readers,
        resumes=run.resumes,
        request_id=run.request_id,
        question=run.turn.logged_question,
        text="".join(run.text) + final.content,
    )
