"""`Branches`: finds turns to answer them again, selects branches, and forks conversations."""

from typing import Any
from uuid import uuid4

from .....models.chat import ConversationInfo
from ....errors import UnknownTurn
from ....log.journal import RunRecord
from ....media import MediaStore, Owner
from ..conversations import Conversations
from ..readers.listing import info_of
from ..sessions import Session, owner_of
from ..store import Store
from .alignment import aligned
from .forking import forked
from .places import turns_of
from .tree import Tree
from .turns import QuestionMedia, StoredTurn, copied, question_media, stored_turn


class Branches:
    """What can be done with the turns of a conversation besides reading them.

    Every call raises `ConversationsUnavailable` if a store cannot be read, and
    `UnknownConversation`.
    """

    def __init__(self, conversations: Conversations, media: MediaStore) -> None:
        self._conversations = conversations
        self._media = media

    async def turn(
        self,
        run_id: str,
        principal: str,
        *,
        record: RunRecord | None = None,
        conversation_id: str | None = None,
        user: str | None = None,
    ) -> StoredTurn:
        """A stored turn of a principal; raises `UnknownTurn`.

        Its conversation is that of the `record` of its run, or `conversation_id` of an end user;
        without both it is looked for by the id of the run.
        """
        if record is not None:
            conversation_id, user, run_id = record.conversation_id, record.user, record.turn_id
        elif conversation_id is None:
            conversation_id, user = await self._conversation(run_id, principal)
        _, _, tree = await self._row(Session(conversation_id, owner_of(principal, user)))
        if run_id not in tree:
            raise _unknown(run_id)
        return stored_turn(tree.runs[run_id], conversation_id, user)

    async def media(self, turn: StoredTurn, principal: str) -> QuestionMedia:
        """The media of a turn's question, to be sent again."""
        return await question_media(turn.run, self._media, principal)

    async def select(
        self, conversation_id: str, run_id: str, principal: str, user: str | None = None
    ) -> None:
        """Show the branch with a turn; raises `UnknownTurn`."""
        session = Session(conversation_id, owner_of(principal, user))
        store, row, tree = await self._row(session)
        if run_id not in tree:
            raise _unknown(run_id)
        tree.select(run_id)
        if rows := aligned(row, tree, session):
            await store.change(store.write(rows))

    async def fork(
        self,
        conversation_id: str,
        principal: str,
        *,
        run_id: str | None = None,
        title: str | None = None,
        user: str | None = None,
    ) -> ConversationInfo:
        """Copy the turns up to one, or all that are shown, into a new conversation; raises
        `UnknownTurn`."""
        source = Session(conversation_id, owner_of(principal, user))
        store, row, tree = await self._row(source)
        if run_id is not None and run_id not in tree:
            raise _unknown(run_id)
        target = Session(uuid4().hex, source.owner)
        turns = tree.path() if run_id is None else tree.path_to(run_id)
        rows, ids = forked(row, source, target, turns, title)
        await self._copy_media(ids, principal, target.conversation_id, user)
        await store.change(store.write(rows))
        return info_of(rows.sessions[target.id])

    async def _row(self, session: Session) -> tuple[Store, Any, Tree]:
        """The store and the row of a session with all of its turns, and these."""
        await self._conversations.backlog.clear(session.id)
        store, row = await self._conversations.row(session)
        return store, row, turns_of(row)

    async def _conversation(self, run_id: str, principal: str) -> tuple[str, str | None]:
        """The conversation of a run, and its end user; raises `UnknownTurn`."""
        for store in self._conversations.stores:
            run = await store.run(run_id)
            owner = getattr(run, "user_id", None) or ""
            name, _, user = owner.partition("/")
            if run is not None and name == principal and run.session_id:
                session = run.session_id.removeprefix(f"{owner}/")
                return session, user or None
        raise _unknown(run_id)

    async def _copy_media(
        self, ids: dict[str, str], principal: str, conversation_id: str, user: str | None
    ) -> None:
        """Copy the media of runs to those that have their new ids."""
        for asks in (True, False):
            for run_id, items in (await self._media.of_runs(ids, principal, asks=asks)).items():
                owner = Owner(
                    *(ids[run_id], principal, conversation_id), kept=True, user=user, asks=asks
                )
                for item in items:
                    _, path = await self._media.find(run_id, item.id, principal)
                    upload = self._media.upload().with_name(path.name)
                    copy = await self._media.adopt(owner, await copied(path, upload))
                    await self._media.keep_upload(owner, item.kind, copy, item.mime_type, item.name)


def _unknown(run_id: str) -> UnknownTurn:
    return UnknownTurn(f"There is no turn {run_id!r} here. It was never stored, or is deleted.")
