"""Synchronous stores of Agno on threads, so that none of them stops the event loop.

Agno calls a store that is no `AsyncBaseDb` on the loop itself. Here it gets one that is, and whose
calls run in a thread.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from agno.db.base import AsyncBaseDb, BaseDb

Db = AsyncBaseDb | BaseDb

#: Classes made so far: one for each class of stores.
_CLASSES: dict[type[BaseDb], type[AsyncBaseDb]] = {}


def off_the_loop(db: Db) -> AsyncBaseDb:
    """The store itself if it is asynchronous, else one that calls it in threads."""
    if isinstance(db, AsyncBaseDb):
        return db
    kind = type(db)
    if kind not in _CLASSES:
        _CLASSES[kind] = _class_for(kind)
    threaded = _CLASSES[kind].__new__(_CLASSES[kind])
    vars(threaded).update(inner=db, executor=_executor(db))
    return threaded


def inner_of(db: Db) -> Db:
    """The store that a threaded one calls; any other store is its own."""
    found: Db = getattr(db, "inner", db)
    return found


def _executor(db: BaseDb) -> Executor | None:
    """A thread of its own for a database in memory, which each thread would have another of."""
    url = str(getattr(db, "db_url", None) or "")
    engine = getattr(getattr(db, "db_engine", None), "url", None)
    in_memory = url in ("sqlite://", "sqlite:///:memory:") or (
        engine is not None
        and engine.get_backend_name() == "sqlite"
        and engine.database in (None, "", ":memory:")
    )
    return ThreadPoolExecutor(1, "store") if in_memory else None


def _class_for(kind: type[BaseDb]) -> type[AsyncBaseDb]:
    members: dict[str, Any] = {"__getattr__": _attribute}
    for name in dir(AsyncBaseDb):
        if inspect.iscoroutinefunction(getattr(AsyncBaseDb, name)) and hasattr(kind, name):
            members[name] = _in_thread(name)
    for name in dir(kind):
        if not name.startswith("_") and not hasattr(AsyncBaseDb, name):
            members[name] = _of_the_store(name)
    members["to_dict"] = lambda self: self.inner.to_dict()
    made: type[AsyncBaseDb] = type(f"Threaded{kind.__name__}", (AsyncBaseDb,), members)
    made.__abstractmethods__ = frozenset()  # those that this kind of store does not have, either
    return made


def _of_the_store(name: str) -> property:
    """A method that asynchronous stores do not have, such as those for compaction."""

    def found(self: Any) -> Any:
        return getattr(self.inner, name)

    return property(found)


def _attribute(self: Any, name: str) -> Any:
    """What the class does not have, such as the names of tables."""
    if name == "inner":
        raise AttributeError(name)
    return getattr(self.inner, name)


def _in_thread(name: str) -> Callable[..., Awaitable[Any]]:
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(self.inner, name)

        def work() -> Any:
            return method(*args, **kwargs)

        if self.executor is None:
            result = await asyncio.to_thread(work)
        else:
            result = await asyncio.get_running_loop().run_in_executor(self.executor, work)
        return await result if inspect.isawaitable(result) else result

    call.__name__ = name
    return call
