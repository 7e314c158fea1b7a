"""One run: how it lives, what its agent does for it, and how it is stopped."""

import asyncio
import logging
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from ...models.chat import StreamingChunk, Usage
from ..errors import AgentFailed, RunFailed, RunStopped
from ..log.journal import FOLLOWED_TTL, RunRecord
from ..log.run_log import RunLog
from ..request_context import request_id
from .clock import Clock, Timeouts

logger = logging.getLogger(__name__)
T = TypeVar("T")

OnDisconnect = Literal["cancel", "continue", "grace"]
OnBusy = Literal["queue", "reject", "interrupt"]


class Turn(Protocol):
    """One question to one agent, ready to be run once."""

    model: str
    stored_question: str | None  # None: the conversation keeps nothing of this turn
    logged_question: str  # the last message of the request, stored or not

    async def run(self, emit: Callable[[StreamingChunk], None]) -> StreamingChunk:
        """Emit text, reasoning and tool calls as they come; return the one chunk with `done`, or
        raise `RunFailed`."""

    def estimate_usage(self, pieces: int) -> Usage:
        """The tokens of a run whose last chunk has no usage: what the provider has counted, and an
        estimate of the rest. `pieces` of text and reasoning came."""

    async def remember(self, text: str, failure: RunFailed) -> None:
        """Keep the question and the partial answer of a turn that did not end well."""


class Plan(Protocol):
    """A question whose agent and model are chosen, and checked, but not yet prepared."""

    agent: str
    model: str
    stored_question: str | None

    def prepare(self, record: RunRecord) -> Turn:
        """Make the turn of this run: copies of the agent and the model for it alone."""


class Policy(msgspec.Struct, frozen=True):
    """How a run lives. `grace` is in seconds, and counts from the last reader's leaving."""

    timeouts: Timeouts
    on_disconnect: OnDisconnect = "grace"
    on_busy: OnBusy = "queue"
    grace: float = 30.0


def opening(record: RunRecord) -> StreamingChunk:
    """The first chunk of each run's log."""
    return StreamingChunk(
        content="",
        done=False,
        model=record.model,
        agent=record.agent,
        run_id=record.run_id,
        conversation_id=record.conversation_id,
    )


class Run:
    """A run of this process. `stop` ends it at any moment, whatever the agent is doing."""

    def __init__(
        self,
        record: RunRecord,
        log: RunLog,
        turn: Turn,
        policy: Policy,
        patience: float,
        watched: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.record = record
        self.log = log
        self.turn = turn
        self.policy = policy
        self.loop = asyncio.get_running_loop()
        self.running = False
        self.ended = asyncio.Event()
        self.text: list[str] = []
        self.request_id = request_id.get()
        self.readers = 0  # that there were
        self.resumes = 0
        self._failure: RunFailed | None = None
        self._step: asyncio.Task[Any] | None = None
        self._readers = 0
        self._leaving: asyncio.TimerHandle | None = None
        self._patience = patience
        self._watched = watched  # whether another process has readers of this run
        self._given_up = self.loop.create_future()
        self._giving_up: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def stop(self, failure: RunFailed) -> None:
        """End the run for this reason; the first reason given is the one that is told."""
        if self._failure is None:
            self._failure = failure
            if self._step is not None:
                self._step.cancel()
                self._giving_up = self.loop.call_later(self._patience, self._give_up)

    async def step(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a part of the run's work in a task of its own, which `stop` cancels."""
        if self._failure is not None:
            work.close()
            raise self._failure
        self._step = asyncio.ensure_future(work)
        try:
            await asyncio.wait({self._step, self._given_up}, return_when=FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._step.cancel()
            raise
        done = self._step.done() and not self._step.cancelled()
        if self._failure is not None and not (done and self._step.exception() is None):
            self._step.add_done_callback(_let_go)
            raise self._failure
        if not done:
            raise AgentFailed("The agent was cancelled from within.")
        return self._step.result()  # type: ignore[no-any-return]  # Task[Any] holds the T

    def close(self) -> None:
        """Forget the timers of a run that has ended."""
        for waiting in (self._giving_up, self._leaving, self._asking):
            if waiting is not None:
                waiting.cancel()

    def join(self) -> None:
        self._readers += 1
        self.readers += 1
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def leave(self) -> None:
        self._readers -= 1
        if self._readers or self.log.ended or self.policy.on_disconnect == "continue":
            return
        if self.policy.on_disconnect == "cancel":
            self._abandoned()
        else:
            self._leaving = self.loop.call_later(self.policy.grace, self._grace_over)

    def _abandoned(self) -> None:
        self.stop(RunStopped("disconnected", "The last reader left, and nobody came back in time."))

    def _grace_over(self) -> None:
        self._leaving = None
        if self._watched is None:
            self._abandoned()
        else:
            self._asking = asyncio.create_task(self._ask_others(self._watched))

    async def _ask_others(self, watched: Callable[[], Awaitable[bool]]) -> None:
        """Stop unless the run is read in another process; then ask again later."""
        try:
            found = await watched()
        except Exception:  # the journal is down, and the hub tells so
            logger.debug("run %s: its readers cannot be counted", self.record.run_id, exc_info=True)
            found = True
        if self._readers or self.log.ended:
            return
        if found:
            self._leaving = self.loop.call_later(FOLLOWED_TTL, self._grace_over)
        else:
            self._abandoned()

    def _give_up(self) -> None:
        if not self._given_up.done():
            self._given_up.set_result(None)

    async def consume(self) -> StreamingChunk:
        """Run the agent to its end; its last chunk is returned, all others are logged."""
        clock = Clock(self.policy.timeouts, self.stop)

        def emit(chunk: StreamingChunk) -> None:
            if self._failure is not None:  # the agent did not heed that it was stopped
                raise self._failure
            clock.saw(chunk)
            if chunk.content:
                self.text.append(chunk.content)
            self.log.append(chunk)

        try:
            return await self.turn.run(emit)
        finally:
            clock.stop()


def _let_go(step: asyncio.Task[Any]) -> None:
    """Tell the log how a stopped agent ended, where it is not in the way it was asked to."""
    if not step.cancelled() and not isinstance(step.exception(), RunFailed):
        logger.warning("an agent that was stopped failed", exc_info=step.exception())
