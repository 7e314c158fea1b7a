"""The three timeouts of a run: to its first token, between two events, and in all."""

import asyncio
from collections.abc import Callable

import msgspec

from ...models.chat import StreamingChunk
from ..run_failures import RunTimeout


class Timeouts(msgspec.Struct, frozen=True):
    """The longest times in seconds to a run's first token, between two chunks, and for the whole
    run."""

    first_token: float
    idle: float
    total: float


class Clock:
    """Watches the timeouts of one run, and calls `expire` with the error of the first that expires.

    The idle timeout is suspended while a tool works, because a search may take longer than a model
    may be silent. There is a single timer, so that a token costs only one reading of the clock.
    """

    def __init__(self, timeouts: Timeouts, expire: Callable[[RunTimeout], None]) -> None:
        self._timeouts = timeouts
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._start = self._last = self._loop.time()
        self._first_token_seen = False
        self._tools: set[str] = set()
        self._timer = self._loop.call_at(self._next()[0], self._check)

    def saw(self, chunk: StreamingChunk) -> None:
        """Restart the idle timeout, because the run has a new chunk.

        The first token ends the wait for it; a chunk with a tool call suspends or resumes the idle
        timeout.
        """
        self._last = self._loop.time()
        if self._first_token_seen and chunk.tool is None:
            return
        self._first_token_seen = True
        if chunk.tool is not None and chunk.tool.status == "started":
            self._tools.add(chunk.tool.id)
        elif chunk.tool is not None:
            self._tools.discard(chunk.tool.id)
        self._restart()

    def alive(self) -> None:
        """Restart the idle timeout for what comes from the model and is no chunk: it has begun."""
        self._last = self._loop.time()
        if not self._first_token_seen:
            self._first_token_seen = True
            self._restart()

    def stop(self) -> None:
        self._timer.cancel()

    def _restart(self) -> None:
        self._timer.cancel()  # another timeout applies from here on
        self._timer = self._loop.call_at(self._next()[0], self._check)

    def _next(self) -> tuple[float, RunTimeout]:
        """Return when the next timeout expires, in the loop's time, and the error to end the run
        with."""
        limits = self._timeouts
        deadlines = [
            (
                self._start + limits.total,
                RunTimeout("timeout_total", f"The answer took longer than {limits.total:g} s."),
            )
        ]
        if not self._first_token_seen:
            deadlines.append(
                (
                    self._start + limits.first_token,
                    RunTimeout(
                        "timeout_first_token",
                        f"The model sent nothing for {limits.first_token:g} s.",
                    ),
                )
            )
        elif not self._tools:
            deadlines.append(
                (
                    self._last + limits.idle,
                    RunTimeout(
                        "timeout_idle",
                        f"The model paused for more than {limits.idle:g} s in its answer.",
                    ),
                )
            )
        return min(deadlines, key=lambda deadline: deadline[0])

    def _check(self) -> None:
        when, error = self._next()
        if when <= self._loop.time():
            self._expire(error)
        else:
            self._timer = self._loop.call_at(when, self._check)
