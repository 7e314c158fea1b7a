"""The store that one run gets: it reads once and truly, and writes the whole turn at its end."""

import asyncio
from typing import Any, Protocol

from agno.compaction.archive import stores_compaction_records
from agno.run.base import RunStatus

from ...run_failures import ConversationsUnavailable, RunFailed, TurnGone
from ...waiting.flag import Flag
from .branches.places import Place, place_of, seen_from, turns_of
from .proxies.bounds import within
from .proxies.proxy import Archive, StoreProxy, inner_of
from .rows import RunRow, TurnRows, name_of
from .sessions import RUNS, AnyRun, Session
from .store import Store

#: Seconds that a call gets which is none for sessions and runs: memories, metrics, approvals.
CALL_TIMEOUT = 1.8


class Taker(Protocol):
    """What takes the checkpoints of a run out of what Agno stores."""

    def take(self, run: Any) -> bool:
        """Take what Agno stores of a run; returns whether it is to be stored, too."""


class RunStore(StoreProxy):
    """Agno's store during one run of a component.

    Sessions and runs that Agno writes are collected in `rows`, for one write at the end. What a
    run stores before its end, so that it can be continued after a crash, is written at once.
    `failure` is set if the store could not be read: Agno reports it as any other error.

    In its session the run stands in the place of the turn that it `replaces`, else behind the last
    one, and sees only the turns before its `place`, which is None until the session was read. A
    session that is new is not read.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        session: Session,
        replaces: str | None = None,
    ) -> None:
        super().__init__(store.db)
        self.store = store
        self.run_id = run_id
        self.rows = TurnRows()
        self.place: Place | None = None
        self._session = session
        self._replaces = replaces
        self.failure: RunFailed | None = None
        self.checkpoints: Taker | None = None
        self.was_read = False
        self.wrote_early = False
        self._hung = self._approvals = False
        self._captured = Flag()

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self._approvals = self._approvals or "approval" in name or name == "get_run"
        if self.store.unreadable is not None or self._hung:
            raise ConversationsUnavailable(f"{name}: the store does not answer")
        try:
            return await within(CALL_TIMEOUT, super().call(name, *args, **kwargs))
        except TimeoutError as error:
            self._hung = True  # so that the end of the run waits for it once only
            self.store.fail_write(error)
            raise

    async def get_session(self, session_id: str, *args: Any, **kwargs: Any) -> Any:
        written = self.rows.sessions.get(session_id)
        if written is not None:
            return await self._own(session_id, written, *args, **kwargs)
        if self.failure is not None:  # Agno retries, if it is configured to
            raise self.failure
        try:
            found = None
            if not self._session.new or session_id != self._session.id:
                found = await self.store.session(session_id, *args, patient=True, **kwargs)
        except ConversationsUnavailable as error:
            self.failure = error
            raise
        self.was_read = True
        runs = found.get("runs") if isinstance(found, dict) else found and found.runs
        self._approvals = self._approvals or any(_id(run) == self.run_id for run in runs or [])
        self.rows.names.setdefault(session_id, name_of(found))
        return self._seen(session_id, found)

    def _seen(self, session_id: str, found: Any) -> Any:
        """A session as this run sees it from its place, or as it is shown if it is another one."""
        tree = turns_of(found)
        if session_id != self._session.id:
            return found and seen_from(found, tree, place_of(tree, None))
        if self.place is None:
            try:
                self.place = place_of(tree, self.run_id, self._replaces)
            except TurnGone as error:
                self.failure = error
                raise
        return found and seen_from(found, tree, self.place, self.run_id)

    async def update_approval_run_status(self, run_id: str, run_status: Any) -> int:
        """Agno calls this at the end of each run, also of one that never had an approval."""
        if run_id == self.run_id and not self._approvals:
            return 0
        return int(await self.call("update_approval_run_status", run_id, run_status))

    async def upsert_session(self, session: Any, *args: Any, **kwargs: Any) -> Any:
        self.rows.sessions[session.session_id] = session
        return session

    async def upsert_run(
        self,
        run: Any,
        session_id: str,
        user_id: str | None = None,
        run_index: int | None = None,
    ) -> None:
        if isinstance(run, dict):
            await self.call("upsert_run", run, session_id, user_id, run_index)
            return
        if run.run_id is None:
            raise ValueError("Run must have a run_id")
        if run.run_id == self.run_id and self.place is not None:
            self.place.put(run)
        if self.checkpoints is not None and not self.checkpoints.take(run):
            return
        before = self.rows.runs.get(run.run_id)
        if run_index is None and before is not None:
            run_index = before.index
        if run.status == RunStatus.paused:
            # As it is now, with the runs inside it: see `_left_behind`.
            run = type(run).from_dict(run.to_dict())
        elif before is not None and self._left_behind(before, run):
            return
        self.rows.runs[run.run_id] = RunRow(run, session_id, user_id, run_index)
        if run.status in (RunStatus.running, RunStatus.pending):
            self.wrote_early = True
            await self._write_early()
        elif run.run_id == self.run_id:
            self._captured.set()

    def _left_behind(self, before: RunRow, run: AnyRun) -> bool:
        """Whether a run inside this one has paused, and Agno cancels it only because the workflow
        around it reads no further."""
        inside = run.run_id != self.run_id and isinstance(before.run, RUNS)
        paused = inside and before.run.status == RunStatus.paused
        return paused and run.status == RunStatus.cancelled

    async def get_run(self, run_id: str, *args: Any, **kwargs: Any) -> Any:
        if (row := self.rows.runs.get(run_id)) is not None and not args and not kwargs:
            return row.run
        return await self.call("get_run", run_id, *args, **kwargs)

    async def captured(self, seconds: float) -> AnyRun | None:
        """The run itself as Agno has stored it; waits so long for Agno's background task."""
        if not self._captured.is_set() and self.was_read:
            try:
                async with asyncio.timeout(seconds):
                    await self._captured.wait()
            except TimeoutError:
                pass
        row = self.rows.runs.get(self.run_id)
        return row.run if row is not None and isinstance(row.run, RUNS) else None

    async def _own(self, session_id: str, written: Any, *args: Any, **kwargs: Any) -> Any:
        """A session that this run has written, as the store would return it."""
        try:
            await self.store.write(self.rows)
            found = await self.store.session(session_id, *args, **kwargs)
            return self._seen(session_id, found)
        except ConversationsUnavailable:
            return written if kwargs.get("deserialize", True) else written.to_dict()

    async def _write_early(self) -> None:
        try:
            await self.store.write(self.rows)
        except ConversationsUnavailable:
            return  # what counts is the write at the end


def _id(run: Any) -> Any:
    return run.get("run_id") if isinstance(run, dict) else run.run_id


class ArchivingRunStore(Archive, RunStore):
    """The store of a run that keeps what compaction has summarized."""


def run_store(
    store: Store,
    run_id: str,
    session: Session,
    replaces: str | None = None,
) -> RunStore:
    """The store that a run gets in the place of another."""
    kind = ArchivingRunStore if stores_compaction_records(inner_of(store.db)) else RunStore
    return kind(store, run_id, session, replaces)
