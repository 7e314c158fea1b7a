"""Lists conversations a page at a time, from their titles alone: no page reads a turn.

A page is found by the last row of the page before, so that every page costs the same. Stores
without SQL are read by Agno's own calls, from their beginning.
"""

import base64
from typing import Any, NamedTuple, Protocol

import msgspec
from agno.db.base import AsyncBaseDb
from agno.db.utils import deserialize_run
from sqlalchemy import JSON, Select, column, func, or_, select, table, tuple_

from .....models.chat import ConversationInfo
from ....errors import InvalidField
from ..branches.questions import question_of
from ..proxies.proxy import inner_of
from ..rows import NAME, PINNED, name_of, pin_of, title_of
from ..sessions import AnySession, conversation_of, session_from
from ..transcript import first_question
from .probe import SqlReader, sql_reader_of

#: No time is later, in seconds: databases compare integers of 64 bits.
LATEST = 1 << 50


class Cursor(NamedTuple):
    """The place of a conversation in the list: when it was updated, and the id of its session."""

    updated_at: int
    session_id: str

    def encode(self) -> str:
        """The cursor as it is in a URL."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises `InvalidField` for what `encode` has not made."""
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            cursor = cls(*msgspec.json.decode(data, type=tuple[int, str]))
        except (ValueError, msgspec.DecodeError):
            cursor = None
        if cursor is None or abs(cursor.updated_at) > LATEST or "\0" in cursor.session_id:
            raise InvalidField("before: is not the `next` of a page")
        return cursor


class Wanted(NamedTuple):
    """Which conversations: those of an owner behind a cursor, with words in their title, without
    the first ones; all, or the pinned ones."""

    owner: str
    limit: int
    before: Cursor | None = None
    words: str | None = None
    skipped: int = 0
    pinned: bool = False


class Row(NamedTuple):
    """A conversation, and its place in the list."""

    cursor: Cursor
    info: ConversationInfo


class Listing(Protocol):
    """Lists the conversations in one store; every call raises what the store raises."""

    async def page(self, wanted: Wanted) -> list[Row]:
        """At most `limit` conversations, the one that was updated last first."""

    async def count(self, wanted: Wanted) -> int:
        """How many there are, wherever the cursor is."""


class SqlListing:
    """Lists the sessions of a store with SQL."""

    def __init__(self, reader: SqlReader, sessions: str, runs: str, schema: str | None) -> None:
        self._rows = reader.rows
        names = ("session_id", "user_id", "agent_id", "team_id", "workflow_id")
        times = ("created_at", "updated_at")
        data = column("session_data", JSON)
        self._sessions = table(sessions, *map(column, (*names, *times)), data, schema=schema)
        run_columns = ("session_id", "run_type", "run_data", "run_index", "parent_run_id")
        self._runs = table(runs, *map(column, run_columns), schema=schema)
        self._title = data[NAME].as_string()
        self._pin = data[PINNED].as_integer()

    async def page(self, wanted: Wanted) -> list[Row]:
        found = self._sessions.c
        ids = (found.session_id, found.user_id, found.agent_id, found.team_id, found.workflow_id)
        query = self._of(
            select(
                *(*ids, found.created_at, found.updated_at),
                *(self._title.label("title"), self._pin.label("pin")),
            ),
            wanted,
        )
        if wanted.before is not None:
            query = query.where(tuple_(found.updated_at, found.session_id) < tuple_(*wanted.before))
        query = query.order_by(found.updated_at.desc(), found.session_id.desc())
        rows = await self._rows(query.limit(wanted.limit).offset(wanted.skipped or None))
        return [await self._row(row) for row in rows]

    async def count(self, wanted: Wanted) -> int:
        query = self._of(select(func.count()).select_from(self._sessions), wanted)
        rows = await self._rows(query)
        return int(rows[0][0]) if rows else 0

    def _of(self, query: Select[Any], wanted: Wanted) -> Select[Any]:
        query = query.where(self._sessions.c.user_id == wanted.owner)
        if wanted.pinned:
            query = query.where(self._pin > 0)
        if wanted.words:
            lower = func.lower(self._title).contains(wanted.words.lower(), autoescape=True)
            # Few databases know the small letters of all alphabets.
            query = query.where(or_(lower, self._title.contains(wanted.words, autoescape=True)))
        return query

    async def _row(self, row: Any) -> Row:
        title = row.title
        if title is None:  # a session of another tool, or of an older version
            title = await self._first_question(row.session_id)
        return Row(
            Cursor(row.updated_at or 0, row.session_id),
            ConversationInfo(
                conversation_id=row.session_id.removeprefix(f"{row.user_id}/"),
                title=title,
                created_at=row.created_at or 0,
                updated_at=row.updated_at or row.created_at or 0,
                agent=row.agent_id or row.team_id or row.workflow_id,
                pinned_at=row.pin,
            ),
        )

    async def _first_question(self, session_id: str) -> str:
        runs = self._runs.c
        query = select(runs.run_type, runs.run_data).where(
            runs.session_id == session_id, runs.parent_run_id.is_(None)
        )
        found = await self._rows(query.order_by(runs.run_index).limit(1))
        return title_of(question_of(deserialize_run(*found[0]))) if found else ""


class CallListing:
    """Lists the sessions of a store by Agno's own calls, which read all of them each time."""

    def __init__(self, db: AsyncBaseDb) -> None:
        self._db: Any = db

    async def page(self, wanted: Wanted) -> list[Row]:
        found = await self._found(wanted)
        if wanted.before is not None:
            found = [row for row in found if row.cursor < wanted.before]
        found.sort(key=lambda row: row.cursor, reverse=True)
        return found[wanted.skipped :][: wanted.limit]

    async def count(self, wanted: Wanted) -> int:
        return len(await self._found(wanted))

    async def _found(self, wanted: Wanted) -> list[Row]:
        rows, _ = await self._db.get_sessions(user_id=wanted.owner, deserialize=False)
        found = [_row(session) for session in map(session_from, rows) if session is not None]
        words = (wanted.words or "").lower()
        found = [row for row in found if words in row.info.title.lower()]
        return [row for row in found if row.info.pinned_at] if wanted.pinned else found


def listing_of(db: AsyncBaseDb) -> Listing:
    """The listing of a store."""
    inner: Any = inner_of(db)
    if (reader := sql_reader_of(db)) is not None:
        schema = getattr(inner, "db_schema", None)
        return SqlListing(reader, inner.session_table_name, inner.runs_table_name, schema)
    return CallListing(db)


def info_of(session: AnySession) -> ConversationInfo:
    """What a list shows of a session."""
    ids = (getattr(session, name, None) for name in ("agent_id", "team_id", "workflow_id"))
    return ConversationInfo(
        conversation_id=conversation_of(session),
        title=name_of(session) or title_of(first_question(session) or ""),
        created_at=session.created_at or 0,
        updated_at=session.updated_at or session.created_at or 0,
        agent=next(filter(None, ids), None),
        pinned_at=pin_of(session),
    )


def _row(session: AnySession) -> Row:
    info = info_of(session)
    return Row(Cursor(info.updated_at, session.session_id), info)
