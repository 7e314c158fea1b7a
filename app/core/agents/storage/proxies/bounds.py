"""Calls that end in time, whatever the store does."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy.exc import DataError

T = TypeVar("T")

#: The first two characters of SQL's codes for values that a database cannot use.
DATA_EXCEPTION = "22"

#: The share of the last call in the average of the durations of calls.
NEWEST = 0.1


class LineTooLong(Exception):
    """There are more calls before this one than can be done in the time that it may wait."""


class Line:
    """Lets a number of calls in at a time, and the others wait in line: `async with line:`.

    It is `full` when a new call would wait longer than `longest` seconds, by the number of those
    before it and by how long calls take.
    """

    def __init__(self, width: int, longest: float) -> None:
        self._width = width
        self._longest = longest
        self._places = asyncio.Semaphore(width)
        self._waiting = 0
        self._average = 0.0
        self._began: dict[asyncio.Task[Any] | None, float] = {}

    @property
    def full(self) -> bool:
        return self._waiting * self._average / self._width > self._longest

    def check(self) -> None:
        """Raise `LineTooLong` if the line is full."""
        if self.full:
            raise LineTooLong

    async def __aenter__(self) -> None:
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        self._began[asyncio.current_task()] = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._began.pop(asyncio.current_task())
        self._average += NEWEST * (seconds - self._average)
        self._places.release()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises `TimeoutError` at once, even if `work` does not let itself be
    cancelled."""
    task = asyncio.create_task(work)
    task.add_done_callback(retrieve)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()


def retrieve(task: asyncio.Future[Any]) -> None:
    """Look at the error of a task that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()


def is_refusal(error: BaseException) -> bool:
    """Whether a database answered that it cannot look for a value: an integer that is too large, a
    text with a NUL or half a character. That is no failure of the database."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    return (
        isinstance(error, DataError)
        or isinstance(cause, OverflowError | UnicodeEncodeError)
        or str(code).startswith(DATA_EXCEPTION)
    )


def brief(error: BaseException) -> str:
    """One line about an error, without the statement and the values that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"[:300]
