"""A thread that does the work of one connection to a database, all jobs that wait in one go.

See docs/decisions/079-calls-that-wait-share-a-transaction.md.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

#: Jobs that are done before the first of them gets its result.
BATCH = 64

#: Does all jobs of a batch; an exception among the results is raised for its job.
Many = Callable[[list[Any]], Sequence[Any]]


class _Job:
    """Something to do, and the future of its result. Jobs of the same `many` are done together."""

    __slots__ = ("future", "item", "many", "result")

    def __init__(self, many: Many, item: Any) -> None:
        self.many = many
        self.item = item
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None

    def deliver(self) -> None:
        """Set the result of the future, on its loop."""
        if self.future.done():
            return
        if isinstance(self.result, BaseException):
            self.future.set_exception(self.result)
        else:
            self.future.set_result(self.result)


class Worker:
    """A thread that does jobs in their order.

    It costs the loop a third of an executor: one wake-up for all jobs that are done. A job whose
    future was cancelled before its turn is not done. The thread starts with the first job, and does
    not keep the process alive.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def do(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Call `work` on the thread; the future gets what it returns or raises."""
        return self.do_together(_each, work)

    def do_together(self, many: Many, item: Any) -> "asyncio.Future[Any]":
        """Call `many` on the thread, with this item and all others that wait beside it for the same
        function; the future gets the result at its place.

        Raises `RuntimeError` after `close`.
        """
        if self._closed:
            raise RuntimeError(f"the thread {self._name} has ended")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        job = _Job(many, item)
        self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """End the thread after the jobs that wait."""
        self._closed = True
        self._jobs.put(None)

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._jobs.get()]
            while len(batch) < BATCH and not self._jobs.empty():
                batch.append(self._jobs.get())
            jobs = [job for job in batch if job is not None]
            ended = len(jobs) < len(batch)
            _do_all([job for job in jobs if not job.future.done()])


def _do_all(jobs: list[_Job]) -> None:
    """Do jobs, those of one kind that follow one another together, and deliver their results."""
    for many, group in groupby(jobs, key=lambda job: job.many):
        same = list(group)
        try:
            results = many([job.item for job in same])
        except BaseException as error:  # it concerns each of them
            results = [error] * len(same)
        for job, result in zip(same, results, strict=True):
            job.result = result
    for loop, group in groupby(jobs, key=lambda job: job.future.get_loop()):
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(_deliver, list(group))


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        job.deliver()


def _each(works: list[Callable[[], Any]]) -> list[Any]:
    return [_result(work) for work in works]


def _result(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except BaseException as error:
        return error
