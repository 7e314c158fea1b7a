"""The tasks that Agno starts inside a run, and leaves alone when the run is cancelled.

An asynchronous generator that is a tool, a member that a leader has called, a step of a `Parallel`:
each runs in a task of its own, which goes on, with its requests to the model, when nobody reads it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import agno

#: The tasks of the run of this context; None outside of runs.
_TASKS: ContextVar[set[asyncio.Task[Any]] | None] = ContextVar("tasks", default=None)

#: Where Agno's code is: tasks of others, such as a database client's, last longer than a run.
AGNO = str(Path(agno.__file__).parent)

#: The name of the coroutine in which Agno stores a cancelled run, beside its cancellation.
STORES = "_persist"


@contextmanager
def noticed() -> Iterator[None]:
    """Let the running event loop notice the tasks that runs start."""
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()

    def start(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
        make: Any = asyncio.Task if before is None else before
        task = make(work, loop=loop, **options) if before is None else make(loop, work, **options)
        tasks = _TASKS.get()
        if tasks is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task

    loop.set_task_factory(start)
    try:
        yield
    finally:
        loop.set_task_factory(before)


@contextmanager
def cancelled_together() -> Iterator[None]:
    """Cancel Agno's tasks of a run that does not come to its end.

    The one that stores the run goes on: Agno starts it while the cancellation goes through it.
    """
    tasks: set[asyncio.Task[Any]] = set()
    token = _TASKS.set(tasks)
    try:
        yield
    except BaseException:
        for task in list(tasks):
            code = getattr(task.get_coro(), "cr_code", None)
            if code is None or code.co_name == STORES:
                continue
            if code.co_filename.startswith(AGNO):
                task.cancel()
        raise
    finally:
        _TASKS.reset(token)
