"""The task that takes a run from its queue to its last chunk.

See docs/decisions/002-a-run-is-two-tasks.md.
"""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from ...models.chat import StreamingChunk, Usage
from ..access.rates import Rates
from ..access.slots import Slots
from ..access.turnstile import next_turn
from ..run_failures import (
    AgentFailed,
    HandedOver,
    Interrupted,
    RunFailed,
    TakenOver,
    server_stopped,
)
from ..waiting.pause import RUN
from .queues import Queues
from .report import Observer, RunReport, notify
from .run import Run

logger = logging.getLogger(__name__)


class Driver:
    """Takes runs from their queue to their last chunk, each in a task that is never cancelled.

    A run that ends is removed from `active` and releases its slot before `Run.ended` is set.
    """

    def __init__(
        self,
        active: dict[str, Run],
        slots: Slots,
        queues: Queues,
        rates: Rates,
        observers: Sequence[Observer],
    ) -> None:
        self._active = active
        self._slots = slots
        self._queues = queues
        self._rates = rates
        self._observers = observers

    async def drive(self, run: Run) -> None:
        """Wait for the run's turn in its conversation, run its agent, and append its last chunk.

        Never raises: an error becomes the `error` of the last chunk.
        """
        lock: asyncio.Lock | None = None
        failure: RunFailed | None = None
        last: StreamingChunk | None = None
        stored = True
        RUN.set(run)
        try:
            notify(self._observers, lambda observer: observer.began(run.record))
            if run.recovered:
                await run.step(self._queues.wait_earlier(run.record))
            else:
                lock = await self._queues.take_turn(run.record, run.log.before)
                if lock is None:
                    run.turn.settled = False  # the runs before may leave turns that wait
                    lock = await run.step(self._queues.wait_turn(run.record))
            await next_turn()
            run.begin()
            last = await run.step(run.consume())
        except RunFailed as error:
            failure = error
        except Exception:
            logger.exception("run %s: the agent failed", run.record.run_id)
            failure = AgentFailed("The agent failed; the server's log says why.")
        finally:
            usage = last.usage if last is not None and last.usage is not None else _estimate(run)
            try:
                if isinstance(failure, TakenOver | HandedOver):
                    pass  # the process that has the run stores its turn
                elif failure is not None and (
                    run.began or run.was_begun or isinstance(failure, Interrupted)
                ):
                    stored = await self._remember(run, failure, usage)
                await self._rates.record_tokens(run.record.principal, usage.total_tokens)
            finally:
                if lock is not None:
                    lock.release()
                if isinstance(failure, HandedOver):
                    run.hand_over()
                    self._release(run)
                else:
                    self._end(run, last, failure, usage, stored=stored)

    async def _remember(self, run: Run, failure: RunFailed, usage: Usage) -> bool:
        try:
            if run.turn.stored_question is None:
                return True
            async with asyncio.timeout(run.stop_timeout):
                run.log.measure()
                return await run.turn.remember(run.log.meter.text, failure, usage)
        except Exception:
            logger.exception("run %s: its partial answer was not stored", run.record.run_id)
            return False

    def _end(
        self,
        run: Run,
        last: StreamingChunk | None,
        failure: RunFailed | None,
        usage: Usage,
        *,
        stored: bool,
    ) -> None:
        if last is None:
            failure = failure or server_stopped()
            last = failure.last_chunk(run.log.entries[-1][1].model)
        if not stored:
            last = msgspec.structs.replace(last, stored=False)
        if last.usage is None:
            last = msgspec.structs.replace(last, usage=usage)
        run.end(last)
        self._release(run)
        if self._observers:
            try:
                report = _report(run, last)
            except Exception:
                logger.exception("run %s: it cannot be reported", run.record.run_id)
            else:
                notify(self._observers, lambda observer: observer.ended(report))

    def _release(self, run: Run) -> None:
        del self._active[run.record.run_id]
        self._slots.release(run.record.principal)
        run.ended.set()


def _estimate(run: Run) -> Usage:
    run.log.measure()
    return run.turn.estimate_usage(run.log.meter.tokens)


def _report(run: Run, last: StreamingChunk) -> RunReport:
    log = run.log
    log.measure()
    return RunReport(
        record=run.record,
        model=last.model,
        ending=last.finish_reason or "error",
        error=last.error,
        meter=log.meter,
        duration=log.age,
        usage=last.usage or _estimate(run),
        readers=run.readers,
        resumes=run.resumes,
        request_id=run.request_id,
        question=run.turn.logged_question,
        text=log.meter.take_text(),
        requirements=last.requirements,
    )
