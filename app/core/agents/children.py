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

#: Tasks as keys, because an empty set takes 216 bytes, and few runs have any.
Tasks = dict[asyncio.Task[Any], None]

#: The tasks of the run of this context; None outside of runs.
_TASKS: ContextVar[Tasks | None] = ContextVar("tasks", default=None)

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
            tasks[task] = None
            task.add_done_callback(tasks.pop)
        return task

    loop.set_task_factory(start)
    try:
        yield
    finally:
        loop.set_task_factory(before)


class Together:
    """Cancels Agno's tasks of a run that does not come to its end: `with Together():`.

    The one that stores the run goes on: Agno starts it while the cancellation goes through it.
    """

    __slots__ = ("_tasks", "_token")

    def __enter__(self) -> None:
        self._tasks: Tasks = {}
        self._token = _TASKS.set(self._tasks)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _TASKS.reset(self._token)
        for task in list(self._tasks) if kind is not None else ():
            code = getattr(task.get_coro(), "cr_code", None)
            if code is None or code.co_name == STORES:
                continue
            if code.co_filename.startswith(AGNO):
                task.cancel()
