"""Conversations, kept in Agno's session store, so that other Agno tools can read them."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from ....models.chat import Conversation, ConversationInfo, ConversationPage
from ...errors import ConfigurationError, UnknownConversation
from ...log.outbox import Outbox, UnstoredTurn
from ...run_failures import ConversationsUnavailable
from .backlog import Backlog
from .branches.alignment import align, aligned, without
from .branches.places import turns_of
from .keeping import Keeping, KeptTurn, key_of
from .partial import complete
from .proxies.proxy import Db
from .readers.listing import info_of
from .readers.pages import page_of
from .rows import TurnRows, pin_of
from .sessions import AnySession, Session, owner_of, session_from
from .store import Store
from .stores import Stores
from .transcript import messages_of


class Conversations:
    """Lists, reads, renames and deletes conversations in the stores of all agents, and gives each
    run its part of them.

    Every call raises `ConversationsUnavailable` if a store cannot be read.

    `user` is the end user of a principal whose key is one for many.
    """

    def __init__(
        self,
        dbs: Sequence[Db],
        component: Callable[[str], Any] = lambda agent: None,
        outbox: Outbox | None = None,
    ) -> None:
        """`component` is the component of an agent's id; `outbox` keeps turns that cannot be
        stored, None keeps them in memory."""
        self.stores = Stores(dbs)
        self.backlog = Backlog(self._store_turn, outbox)
        self._component = component

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Store what waits in the outbox, as soon as that is possible, until the exit."""
        async with self.backlog.opened(self._recheck):
            yield

    async def close(self) -> None:
        """Write what waits; call it after the last run, and before the stores are closed."""
        for store in self.stores:
            await store.close()

    @property
    def unstored(self) -> int:
        """How many turns wait for their store, in all processes that share the journal."""
        return self.backlog.size

    @property
    def failing(self) -> bool:
        """Whether a store can be read or written no more, as far as is known."""
        return any(store.unreadable or store.unwritable for store in self.stores)

    @property
    def failures(self) -> int:
        """How many reads and writes of turns have failed so far."""
        return sum(store.failures for store in self.stores)

    async def prepare(self) -> None:
        """Check each store, and create missing tables; raises `ConfigurationError`."""
        for store in self.stores:
            try:
                await store.check()
                await store.prepare()
            except ConversationsUnavailable as error:
                raise ConfigurationError(
                    "AGENTS: a store of conversations cannot be used: "
                    f"{store.unreadable or store.unwritable}"
                ) from error

    async def check(self) -> None:
        """Read from each store once; raises `ConversationsUnavailable`."""
        for store in self.stores:
            await store.check()

    async def list(
        self,
        principal: str,
        *,
        limit: int,
        before: str | None = None,
        q: str | None = None,
        offset: int = 0,
        user: str | None = None,
    ) -> ConversationPage:
        """A page of a principal's conversations, the most recently updated first; the first page
        has the pinned ones, too.

        `before` is the `next` of the page before, `q` are words in the title. `offset` skips
        conversations, which costs as much as reading them. Raises `InvalidField`.
        """
        owner = owner_of(principal, user)
        return await page_of(self.stores, owner, limit=limit, before=before, q=q, offset=offset)

    async def get(
        self, conversation_id: str, principal: str, user: str | None = None, *, upto: str = ""
    ) -> Conversation:
        """A conversation with the messages of the branch that is shown, or of those `upto` a turn,
        if it is there; raises `UnknownConversation`."""
        _, session = await self._find(Session(conversation_id, owner_of(principal, user)))
        info = info_of(session)
        return Conversation(**msgspec.structs.asdict(info), messages=messages_of(session, upto))

    async def rename(
        self, conversation_id: str, principal: str, title: str, user: str | None = None
    ) -> ConversationInfo:
        """Give a conversation another title; raises `UnknownConversation`."""
        session = Session(conversation_id, owner_of(principal, user))
        store, found = await self._find(session)
        await store.rename(session, found, title)
        _, renamed = await self._find(session)
        return info_of(renamed)

    async def pin(
        self, conversation_id: str, principal: str, pinned: bool, user: str | None = None
    ) -> ConversationInfo:
        """Pin a conversation, or no longer; raises `UnknownConversation`."""
        session = Session(conversation_id, owner_of(principal, user))
        store, found = await self._find(session)
        if pinned != (pin_of(found) is not None):
            await store.pin(found, int(time.time()) if pinned else None)
        _, changed = await self._find(session)
        return info_of(changed)

    async def delete(self, conversation_id: str, principal: str, user: str | None = None) -> None:
        """Delete a conversation, and its turns that wait to be stored; raises
        `UnknownConversation`.

        Its runs must have ended, because each stores its turn at its end.
        """
        session = Session(conversation_id, owner_of(principal, user))
        try:
            store, _ = await self._find(session)
        except UnknownConversation:
            if not await self.backlog.drop(session.id):
                raise
            return
        await store.delete(session)
        await self.backlog.drop(session.id)
        if await store.holds(session):  # a turn was stored in between
            await store.delete(session)

    async def forget(self, component: Any, session: Session, run_id: str) -> None:
        """Delete the turn of a run that has ended, and its conversation if it has no other."""
        db = getattr(component, "db", None)
        if db is None:
            return
        store = self.stores.of(db)
        await self.backlog.settle(key_of(run_id, store))
        row = await store.session(session.id, user_id=session.owner, deserialize=False)
        tree = turns_of(row)
        if await store.run(run_id) is not None:
            await store.change(store.db.delete_run(run_id))
        if run_id in tree:
            tree.remove(run_id)
            if rows := aligned(without(row, run_id), tree, session):
                await store.write(rows)
        row = await store.session(session.id, user_id=session.owner, deserialize=False)
        stored = session_from(row)
        if stored is not None and not [r for r in stored.runs or [] if r.run_id != run_id]:
            await store.delete(session)

    async def require(self, component: Any, session: Session) -> bool:
        """Check that a run can be admitted: its conversation can be read, and soon.

        Returns whether turns of it may wait in the outbox. Raises `ConversationsUnavailable`.
        """
        db = getattr(component, "db", None)
        if db is None:
            return False
        await self.stores.of(db).require()
        await self.backlog.clear(session.id, looked=True)
        return True

    async def complete(self, component: Any, session: Session, *, settled: bool = False) -> None:
        """Store the turns of a conversation that still wait, before a run of it reads them; none
        does in the outbox if it is `settled`.

        Raises `ConversationsUnavailable`.
        """
        if getattr(component, "db", None) is not None:
            await self.backlog.clear(session.id, looked=settled)

    def keeping(
        self,
        component: Any,
        session: Session,
        run_id: str,
        question: str,
        replaces: str | None = None,
    ) -> Keeping:
        """What one run of a component reads and leaves in its conversation."""
        return Keeping(self.stores, self.backlog, component, session, run_id, question, replaces)

    async def row(self, session: Session) -> tuple[Store, Any]:
        """The store that has a session, and its row there; raises `UnknownConversation`."""
        for store in self.stores:
            row = await store.session(session.id, user_id=session.owner, deserialize=False)
            if row is not None:
                return store, row
        raise UnknownConversation(f"There is no conversation {session.conversation_id!r}.")

    async def _find(self, session: Session) -> tuple[Store, AnySession]:
        store, row = await self.row(session)
        found = session_from(row)
        assert found is not None  # of the row of a session
        return store, found

    async def _recheck(self) -> None:
        """Look whether stores that failed work again."""
        for store in self.stores:
            if store.unreadable is not None:
                with suppress(ConversationsUnavailable):
                    await store.check()
            if store.unwritable is not None and not self.backlog.size:
                store.written()  # the next turn will show it

    async def _store_turn(self, turn: UnstoredTurn) -> None:
        """Store a turn of the backlog; raises `ConversationsUnavailable`."""
        kept = msgspec.json.decode(turn.data, type=KeptTurn)
        store = self.stores.named(kept.store)
        if kept.partial is None:
            rows = TurnRows.decode(kept.rows or "")
        else:
            rows = TurnRows()
            component = self._component(kept.agent)
            await complete(store, component, kept.session, kept.partial, rows)
        await store.write(rows, late=True)
        await align(store, kept.session)
