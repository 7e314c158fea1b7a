"""What ends a run by itself: its policy, and the three timeouts, to its first token, between two
events, and in all."""

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec

from ...models.chat import StreamingChunk
from ..run_failures import RunTimeout
from ..waiting.wheel import wheel

#: An empty set takes 216 bytes, which each run would have.
_NONE: frozenset[str] = frozenset()


OnDisconnect = Literal["cancel", "continue", "grace"]
OnBusy = Literal["queue", "reject", "interrupt"]


class Timeouts(msgspec.Struct, frozen=True):
    """The longest times in seconds to a run's first token, between two chunks, and for the whole
    run."""

    first_token: float
    idle: float
    total: float


class Policy(msgspec.Struct, frozen=True):
    """The timeouts of a run, and what happens without readers and in a busy conversation; `grace`
    is the time in seconds for which a run continues after its last reader has left."""

    timeouts: Timeouts
    on_disconnect: OnDisconnect = "grace"
    on_busy: OnBusy = "queue"
    grace: float = 30.0


class Clock:
    """Watches the timeouts of one run, and calls `expire` with the error of the first that expires.

    The idle timeout is suspended while a tool works, because a search may take longer than a model
    may be silent. `silence` returns the seconds since the run's newest chunk: there is a single
    timer, which asks for it, so that a token costs nothing. `begun` is True once the model has
    said something.
    """

    __slots__ = (
        *("_expire", "_last", "_loop", "_silence", "_start", "_timeouts", "_timer"),
        *("_tools", "_wheel", "begun"),
    )

    def __init__(
        self,
        timeouts: Timeouts,
        expire: Callable[[RunTimeout], None],
        silence: Callable[[], float],
    ) -> None:
        self._timeouts = timeouts
        self._expire = expire
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._start = self._last = self._loop.time()
        self.begun = False
        self._tools = _NONE  # at work
        self._wheel = wheel()
        self._timer = self._wheel.call_at(self._next(), self._check)

    def saw(self, chunk: StreamingChunk) -> None:
        """Restart the idle timeout, because the run will have a new chunk: its first token, which
        ends the wait for it, or a tool call, which suspends or resumes the idle timeout."""
        self._last = self._loop.time()
        tool = chunk.tool if chunk.said is None else chunk.said.tool
        if self.begun and tool is None:
            return
        self.begun = True
        if tool is not None and tool.status == "started":
            self._tools |= {tool.id}
        elif tool is not None:
            self._tools -= {tool.id}
        self._restart()

    def alive(self) -> None:
        """Restart the idle timeout for what comes from the model and is no chunk: it has begun."""
        self._last = self._loop.time()
        if not self.begun:
            self.begun = True
            self._restart()

    def stop(self) -> None:
        self._timer.cancel()

    def _restart(self) -> None:
        self._timer.cancel()  # another timeout applies from here on
        self._timer = self._wheel.call_at(self._next(), self._check)

    def _next(self) -> float:
        """Return when the next timeout expires, in the loop's time."""
        limits = self._timeouts
        when = self._start + limits.total
        if not self.begun:
            return min(when, self._start + limits.first_token)
        if self._tools:
            return when
        last = max(self._last, self._loop.time() - self._silence())
        return min(when, last + limits.idle)

    def _error(self, when: float) -> RunTimeout:
        """Return the error to end the run with if its next timeout, at this time, has expired."""
        limits = self._timeouts
        if when == self._start + limits.total:
            return RunTimeout("timeout_total", f"The answer took longer than {limits.total:g} s.")
        if not self.begun:
            return RunTimeout(
                "timeout_first_token", f"The model sent nothing for {limits.first_token:g} s."
            )
        return RunTimeout(
            "timeout_idle", f"The model paused for more than {limits.idle:g} s in its answer."
        )

    def _check(self) -> None:
        when = self._next()
        if when <= self._loop.time():
            self._expire(self._error(when))
        else:
            self._timer = self._wheel.call_at(when, self._check)
