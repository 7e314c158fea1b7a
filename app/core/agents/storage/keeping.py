"""What one run reads from its conversation, and what it leaves there at its end.

See docs/decisions/018-broken-turns-are-stored.md.
See docs/decisions/061-a-turn-is-stored-or-the-reader-is-told.md.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from ....models.chat import FinishReason, StreamingChunk
from ...log.outbox import UnstoredTurn
from ...run_failures import ConversationsUnavailable, RunFailed
from ..components.external import External
from .backlog import Backlog
from .branches.alignment import align
from .partial import Partial, complete
from .proxies.proxy import inner_of
from .rows import NAME, RunRow, TurnRows, name_of, title_of
from .run_store import RunStore, run_store
from .sessions import RUNS, Session
from .shown import NOTHING, Shown, metadata_with
from .store import Store
from .stores import Stores
from .transcript import end_of, first_question

#: Seconds to wait until Agno has stored a cancelled run, which it does in the background.
AGNO_WRITE_TIMEOUT = 2.0


class KeptTurn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a turn in the outbox has in its `data`: rows, or a partial answer without rows."""

    store: str
    agent: str
    session: Session
    rows: str | None = None
    partial: Partial | None = None


class Keeping:
    """The conversation of one run of a component, in the stores that the component has.

    `question` is what the conversation is named after if it is new. `replaces` is the turn in whose
    place that of the run stands; None if it stands behind the last one.
    """

    __slots__ = (
        *("_backlog", "_component", "_parts", "_question", "_replaces", "_run_id", "_session"),
        *("_stores",),
    )

    def __init__(
        self,
        stores: Stores,
        backlog: Backlog,
        component: Any,
        session: Session,
        run_id: str,
        question: str,
        replaces: str | None = None,
    ) -> None:
        self._stores = stores
        self._backlog = backlog
        self._component = component
        self._session = session
        self._run_id = run_id
        self._question = question
        self._replaces = replaces
        self._parts: dict[int, RunStore] = {}

    @property
    def failure(self) -> RunFailed | None:
        """Why the conversation could not be read, if it could not."""
        return next((part.failure for part in self._parts.values() if part.failure), None)

    def install(self, parts: Iterable[Any], shared: Iterable[Any]) -> None:
        """Replace the stores of a copied component and its inner parts (`parts`) with those of this
        run; parts that the original has, too, are in `shared` and keep theirs."""
        others = {id(part) for part in shared}
        for part in parts:
            if id(part) not in others and getattr(part, "db", None) is not None:
                part.db = self._of(part.db)

    def external(self, component: External) -> External:
        """An agent of another framework with the store of this run, if it stores its runs."""
        if component.db is None:
            return component
        return component.stored_in(self._of(component.db))

    async def commit(self, finish_reason: FinishReason = "stop", shown: Shown = NOTHING) -> bool:
        """Store what Agno has written in this run, with what its reader saw; False if it is kept
        for later."""
        for part in self._parts.values():
            if (row := part.rows.runs.get(self._run_id)) is not None:
                _note(row, finish_reason, shown)
        return await self._commit()

    async def add_shown(self, finish_reason: FinishReason, shown: Shown) -> bool:
        """Store what its reader saw with a run that is stored already, because it waits, although
        its question is not kept; False if that fails."""
        if (store := self._main) is None:
            return True
        try:
            run = await store.run(self._run_id)
            if run is not None:
                run.metadata = metadata_with(run.metadata, finish_reason, shown, run.metrics)
                row = RunRow(run, self._session.id, self._session.owner)
                await store.write(TurnRows(runs={self._run_id: row}))
        except ConversationsUnavailable:
            return False
        return True

    async def _commit(self) -> bool:
        stored = True
        for part in self._parts.values():
            if part.rows:
                self._name(part.rows)
                stored = await self._write(part.store, part.rows) and stored
        if stored and self._replaces is not None and (store := self._main) is not None:
            with suppress(ConversationsUnavailable):  # what is shown does not depend on it
                await align(store, self._session)
        return stored

    async def remember(
        self,
        answer: str,
        finish_reason: FinishReason,
        shown: Shown = NOTHING,
        *,
        begun: bool,
        continues: bool = False,
    ) -> bool:
        """Store a run that broke off, with its partial answer; False if it is kept for later.

        Agno leaves such runs out of the history. Here they are stored as completed, with their
        finish reason in the metadata. `begun` is True if Agno has started the run, and so will
        write it, too; `continues` if the turn was paused before, so that the answer is the rest.
        """
        if (store := self._main) is None:
            return True
        part = self._of(self._component.db)
        partial = Partial(
            *(self._run_id, self._question, answer, finish_reason, shown),
            replaces=self._replaces,
            continues=continues,
        )
        run = await part.captured(AGNO_WRITE_TIMEOUT if begun else 0)
        try:
            await complete(store, self._component, self._session, partial, part.rows, run)
        except ConversationsUnavailable:
            kept = KeptTurn(store.id, self._component.id, self._session, partial=partial)
            await self._keep(store, kept)
            return False
        return await self._commit()

    async def ended(self, text: str, model: str) -> list[StreamingChunk] | None:
        """The last chunks of the run if another process has stored its end; see `end_of`. Raises
        `ConversationsUnavailable`."""
        found = None if (store := self._main) is None else await store.run(self._run_id)
        return end_of(found, text, model) if isinstance(found, RUNS) else None

    async def forget(self, *, begun: bool) -> None:
        """Leave nothing of a run that a rule of the agent refused; Agno would store it."""
        if self._main is None:
            return
        part = self._of(self._component.db)
        await part.captured(AGNO_WRITE_TIMEOUT if begun else 0)
        part.rows = TurnRows()
        if part.wrote_early:
            await part.store.db.delete_run(self._run_id)

    @property
    def _main(self) -> Store | None:
        db = getattr(self._component, "db", None)
        return None if db is None else self._of(db).store

    def _of(self, db: Any) -> RunStore:
        store = self._stores.of(db)
        key = id(inner_of(db))
        if key not in self._parts:
            self._parts[key] = run_store(store, self._run_id, self._session, self._replaces)
        return self._parts[key]

    def _name(self, rows: TurnRows) -> None:
        session = rows.sessions.get(self._session.id)
        if session is not None and name_of(session) is None:
            title = title_of(first_question(session) or self._question)
            session.session_data = {**(session.session_data or {}), NAME: title}

    async def _write(self, store: Store, rows: TurnRows) -> bool:
        if store.unwritable is None:
            try:
                await store.write(rows)
            except ConversationsUnavailable:
                pass
            else:
                return True
        kept = KeptTurn(store.id, self._component.id, self._session, rows.encode())
        await self._keep(store, kept)
        return False

    async def _keep(self, store: Store, turn: KeptTurn) -> None:
        data = msgspec.json.encode(turn).decode()
        key = key_of(self._run_id, store)
        await self._backlog.keep(UnstoredTurn(key, self._session.id, time.time(), data))


def key_of(run_id: str, store: Store) -> str:
    """The key of a run's turn in the outbox."""
    return f"{run_id}@{store.id}"


def _note(row: RunRow, finish_reason: FinishReason, shown: Shown) -> None:
    run = row.run
    if isinstance(run, dict):
        run["metadata"] = metadata_with(run.get("metadata"), finish_reason, shown, None) or None
    else:
        run.metadata = metadata_with(run.metadata, finish_reason, shown, run.metrics) or None
