"""A worker's jobs are done in their order, those that wait together in one go."""

import asyncio
import threading
from typing import Any

import pytest

from app.core.threads.worker import BATCH, Worker


async def test_jobs_that_wait_are_done_apart() -> None:
    """Jobs of one kind that wait while another is done are done together, in their order, and at
    most so many at once."""
    worker, go = Worker("test"), threading.Event()
    batches: list[list[int]] = []

    def many(items: list[int]) -> list[int]:
        batches.append(items)
        return [2 * item for item in items]

    first = worker.do(go.wait)
    others = [worker.do_together(many, item) for item in range(BATCH + 3)]
    go.set()
    assert [2 * item for item in range(BATCH + 3)] == await asyncio.gather(*others)
    assert [item for batch in batches for item in batch] == list(range(BATCH + 3))
    assert 3 >= len(batches)
    assert await first
    worker.close()


async def test_a_job_that_fails_takes_others_along() -> None:
    """An error concerns the job that it is the result of; one of the function concerns all."""
    worker, go = Worker("test"), threading.Event()

    def some(items: list[Any]) -> list[Any]:
        return [ValueError(item) if item == 1 else item for item in items]

    def none(items: list[Any]) -> list[Any]:
        raise OSError

    worker.do(go.wait)
    kinds = [some, some, none, none, some]
    jobs = [worker.do_together(kind, number) for number, kind in enumerate(kinds)]
    go.set()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [int, ValueError, OSError, OSError, int] == [type(result) for result in results]
    worker.close()


async def test_a_job_that_was_given_up_is_done() -> None:
    """A job whose future is cancelled before its turn is passed over."""
    worker, go, done = Worker("test"), threading.Event(), list[str]()
    worker.do(go.wait)
    given_up = worker.do(lambda: done.append("given up"))
    kept = worker.do(lambda: done.append("kept"))
    given_up.cancel()
    go.set()
    await kept
    assert ["kept"] == done
    worker.close()


async def test_close_loses_a_job() -> None:
    """What waits at the end is done; after that the worker takes nothing."""
    worker = Worker("test")
    last = worker.do(lambda: 3)
    worker.close()
    assert 3 == await last
    with pytest.raises(RuntimeError, match="has ended"):
        worker.do(lambda: 4)


def test_a_loop_that_is_closed_stops_the_thread() -> None:
    """A result whose loop is closed is dropped; the next loop gets its own."""
    worker, go = Worker("test"), threading.Event()

    async def give_up() -> None:
        worker.do(go.wait)

    async def ask() -> int:
        return await worker.do(lambda: 5)

    asyncio.run(give_up())
    go.set()
    assert 5 == asyncio.run(ask())
    worker.close()
