"""A store of Agno's behind which the event loop never waits: synchronous ones run on threads.

Agno calls a store that is no `AsyncBaseDb` on the loop itself. Here it gets one that is.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from agno.compaction.archive import stores_compaction_records
from agno.db.base import AsyncBaseDb, BaseDb

from .methods import DelegatedMethods

Db = AsyncBaseDb | BaseDb

#: Threads, and so concurrent calls, of one synchronous store.
THREADS = 4


class StoreProxy(DelegatedMethods):
    """An asynchronous store that calls another one, `inner`: on threads if that is synchronous.

    What an asynchronous store of Agno's does not have is the attribute of `inner` itself.
    """

    def __init__(self, inner: Db) -> None:
        # Without the constructor of Agno: names of tables and all else are those of `inner`.
        self.inner = inner
        self._executor = None if isinstance(inner, AsyncBaseDb) else _executor(inner)

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "_executor"):  # a copy that has no attributes yet
            raise AttributeError(name)
        return getattr(self.inner, name)

    def to_dict(self) -> dict[str, Any]:
        return self.inner.to_dict()

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the store behind this one, and return its result."""
        method: Callable[..., Any] = getattr(self.inner, name)
        if self._executor is None:
            return await method(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(method, *args, **kwargs))

    async def close(self) -> None:
        try:
            await self.call("close")
        finally:
            if self._executor is not None:
                self._executor.shutdown(wait=False)


class Archive:
    """The methods for what compaction has summarized, which Agno calls without awaiting them.

    Agno looks for them in the class of a store: only some synchronous stores have them.
    """

    inner: Any

    def upsert_compaction(self, row: dict[str, Any]) -> None:
        self.inner.upsert_compaction(row)

    def get_compaction(self, compaction_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.inner.get_compaction(compaction_id)
        return found

    def get_compactions_for_session(
        self, session_id: str, limit: int | None = None
    ) -> list[dict[str, Any]]:
        return list(self.inner.get_compactions_for_session(session_id, limit))

    def delete_compactions_for_session(self, session_id: str) -> int:
        return int(self.inner.delete_compactions_for_session(session_id))

    def search_compactions(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        return list(self.inner.search_compactions(*args, **kwargs))


class ArchivingProxy(Archive, StoreProxy):
    """A proxy of a store that keeps what compaction has summarized."""


def off_the_loop(db: Db) -> AsyncBaseDb:
    """The store itself if it is asynchronous, else one that calls it on threads."""
    if isinstance(db, AsyncBaseDb):
        return db
    return ArchivingProxy(db) if stores_compaction_records(db) else StoreProxy(db)


def inner_of(db: Db) -> Db:
    """The store of Agno's that proxies call; any other store is its own."""
    while isinstance(db, StoreProxy):
        db = db.inner
    return db


def _executor(db: BaseDb) -> Executor:
    """Threads for a store: one for a database in memory, which each thread would have another
    of."""
    url = str(getattr(db, "db_url", None) or "")
    engine = getattr(getattr(db, "db_engine", None), "url", None)
    in_memory = url in ("sqlite://", "sqlite:///:memory:") or (
        engine is not None
        and engine.get_backend_name() == "sqlite"
        and engine.database in (None, "", ":memory:")
    )
    return ThreadPoolExecutor(1 if in_memory else THREADS, "store")
