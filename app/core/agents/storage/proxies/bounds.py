"""Calls that end in time, whatever the store does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


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


def retrieve(task: asyncio.Task[Any]) -> None:
    """Look at the error of a task that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()


def brief(error: BaseException) -> str:
    """One line about an error, without the statement and the values that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"[:300]
