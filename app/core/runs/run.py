"""One run of this process: its state, its agent's work, its readers, and how it is stopped.

See docs/decisions/002-a-run-is-two-tasks.md.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from ...models.chat import StreamingChunk
from ..log.follower import Follower
from ..log.journal import FOLLOWED_TTL, Mailbox, RunRecord
from ..log.run_log import RunLog
from ..request_context import request_id
from ..run_failures import AgentFailed, RunFailed, RunStopped
from ..waiting.flag import Flag
from .clock import Clock, Policy
from .readers import pause_for
from .states import Life, State, closing
from .turn import Turn

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Run:
    """A run that this process drives; `stop` ends it at any moment, whatever its agent does.

    An agent that is stopped has `stop_timeout` seconds to return; then the run ends without it.
    `mailbox` shows whether other processes have readers of the run; None without other processes.
    """

    __slots__ = (
        *("_checking", "_failure", "_giving_up", "_grace", "_left", "_mailbox", "_present"),
        *("_step", "_waiter", "ended", "life", "log", "loop", "policy", "readers"),
        *("record", "recovered", "request_id", "resumes", "stop_timeout", "turn", "was_begun"),
    )

    def __init__(
        self,
        record: RunRecord,
        log: RunLog,
        turn: Turn,
        policy: Policy,
        *,
        stop_timeout: float,
        mailbox: Mailbox | None = None,
        recovered: bool = False,
    ) -> None:
        self.record = record
        self.log = log
        self.turn = turn
        self.policy = policy
        self.stop_timeout = stop_timeout
        self.loop = asyncio.get_running_loop()
        self.life = Life()
        self.recovered = recovered
        if recovered:
            self.life.enter(State.RECOVERED)
        self.ended = Flag()  # set when the run is in no table any more
        self.was_begun = False  # by a process that has died
        self.request_id = request_id.get()
        self.readers = self.resumes = 0  # so far
        self._failure: RunFailed | None = None
        self._step: asyncio.Task[Any] | None = None
        self._waiter: asyncio.Future[None] | None = None  # of `step`
        self._present: tuple[Follower, ...] = ()  # readers that are here
        self._left: tuple[Follower, ...] = ()  # the last that left, if it took nothing more
        self._grace: asyncio.TimerHandle | None = None
        self._mailbox = mailbox
        self._giving_up: asyncio.TimerHandle | None = None
        self._checking: asyncio.Task[None] | None = None

    @property
    def began(self) -> bool:
        """True if the run has left the queue of its conversation; stays True until and after its
        end."""
        return self.life.began

    def begin(self) -> None:
        """Note that the run has left its queue; has no effect if the run was stopped at that
        moment."""
        if self.life.may(State.RUNNING):
            self.life.enter(State.RUNNING)

    def stop(self, failure: RunFailed) -> None:
        """End the run with this reason; has no effect if the run is stopping or has ended."""
        if not self.life.may(State.STOPPING):
            return
        self.life.enter(State.STOPPING)
        self._failure = failure
        if self._step is not None:
            self._step.cancel()
            self._giving_up = self.loop.call_later(self.stop_timeout, self._wake)

    def end(self, last: StreamingChunk) -> None:
        """Append the last chunk to the log, and cancel all timers; a run that is paused has ended
        here, because another run continues it."""
        if self.log.ended:
            raise RuntimeError(f"a run that is {self.life.state} cannot end again")
        self.life.enter(closing(last.finish_reason))
        self._cancel_timers()
        self.log.append(last)

    def hand_over(self) -> None:
        """Leave the run to another process: its log gets no end here."""
        self.life.enter(State.RECOVERED)
        self.log.left = True
        self._cancel_timers()

    def _cancel_timers(self) -> None:
        for waiting in (self._giving_up, self._grace, self._checking):
            if waiting is not None:
                waiting.cancel()

    async def step(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a part of the run's work in a task that `stop` can cancel, and return its result;
        raises the reason of a stop, and what the work raises."""
        if self._failure is not None:
            work.close()
            raise self._failure
        self._step = asyncio.ensure_future(work)
        self._waiter = self.loop.create_future()
        self._step.add_done_callback(self._wake)
        try:
            await self._waiter
        except asyncio.CancelledError:
            self._step.cancel()
            raise
        done = self._step.done() and not self._step.cancelled()
        if self._failure is not None and not (done and self._step.exception() is None):
            self._step.add_done_callback(_log_late_failure)
            raise self._failure
        if not done:
            raise AgentFailed("The agent was cancelled from within.")
        return self._step.result()  # type: ignore[no-any-return]  # Task[Any] holds the T

    def join(self, reader: Follower) -> None:
        """Note a new reader, and cancel the timer that would stop a run without readers."""
        self._present += (reader,)
        self.readers += 1
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def pause(self) -> float:
        """The seconds for which nothing more is to be read from the run's providers."""
        return pause_for(self._present or self._left, self.log.last)

    def expect_readers(self) -> None:
        """Start the timer that stops a run without readers, because those of the process that has
        died may not come back."""
        if self.policy.on_disconnect != "continue" and not self._present:
            self._grace = self.loop.call_later(self.policy.grace, self._grace_over)

    def leave(self, reader: Follower) -> None:
        """Forget a reader, and apply the policy `on_disconnect` if that was the last one."""
        self._present = tuple(other for other in self._present if other is not reader)
        self._left = (reader,) if reader.stalled else ()
        if self._present or self.log.ended or self.policy.on_disconnect == "continue":
            return
        if self.policy.on_disconnect == "cancel":
            self._disconnect()
        else:
            self._grace = self.loop.call_later(self.policy.grace, self._grace_over)

    def _disconnect(self) -> None:
        self.stop(RunStopped("disconnected", "The last reader left, and none came back in time."))

    def _grace_over(self) -> None:
        self._grace = None
        if self._mailbox is None:
            self._disconnect()
        else:
            self._checking = asyncio.create_task(self._check_elsewhere(self._mailbox))

    async def _check_elsewhere(self, mailbox: Mailbox) -> None:
        """Stop the run, unless it has readers at another process; then check again after a
        while."""
        try:
            followed = await mailbox.is_followed(self.record.run_id)
        except Exception:  # the journal fails, which the hub logs
            logger.debug("run %s: its readers are unknown", self.record.run_id, exc_info=True)
            followed = True
        if self._present or self.log.ended:
            return
        if followed:
            self._grace = self.loop.call_later(FOLLOWED_TTL, self._grace_over)
        else:
            self._disconnect()

    def _wake(self, _: object = None) -> None:
        """Let `step` go on: its work has ended, or it is waited for no longer."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def consume(self) -> StreamingChunk:
        """Run the agent to its end and return the last chunk; all others are appended to the
        log."""
        log = self.log  # which has the first chunk of the run
        clock = Clock(self.policy.timeouts, self.stop, lambda: log.age - log.entries[-1][0])

        def emit(chunk: StreamingChunk) -> None:
            if self._failure is not None:  # the agent continues although it was cancelled
                raise self._failure
            if not clock.begun or chunk.tool is not None or chunk.said is not None:
                clock.saw(chunk)  # of all others it sees that the log has them
            log.append(chunk)

        try:
            return await self.turn.run(emit, clock.alive)
        finally:
            clock.stop()


def _log_late_failure(step: asyncio.Task[Any]) -> None:
    """Log the error of an agent that failed after it was stopped, because nobody else reports
    it."""
    if not step.cancelled() and not isinstance(step.exception(), RunFailed):
        logger.warning("an agent that was stopped failed", exc_info=step.exception())
