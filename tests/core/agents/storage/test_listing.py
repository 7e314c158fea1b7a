"""Lists of conversations: pages by a cursor, titles in the store, search."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from agno.agent import Agent
from agno.db.base import AsyncBaseDb, BaseDb
from agno.db.in_memory import InMemoryDb
from agno.db.json import JsonDb
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from sqlalchemy import event

from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.database import open_database, prepare
from app.core.agents.storage.sessions import Session
from app.core.errors import InvalidField, UnknownConversation
from app.models.chat import ConversationPage
from tests.services import PostgresServer

COUNT = 10_000


async def talk(
    conversations: Conversations, db: BaseDb | AsyncBaseDb, name: str, text: str
) -> None:
    """A turn in a conversation of "ann"."""
    agent = Agent(id="a", db=db)
    keeping = conversations.keeping(agent, Session(name, "ann"), f"run-{name}", text)
    assert await keeping.remember("Answer.", "stop", begun=False)


async def pages(conversations: Conversations, limit: int, q: str | None = None) -> list[list[str]]:
    """The titles on all pages."""
    found: list[list[str]] = []
    before: str | None = None
    while True:
        page = await conversations.list("ann", limit=limit, before=before, q=q)
        found.append([info.title for info in page.conversations])
        before = page.next
        if before is None:
            return found


@pytest.fixture(params=["default", "postgresql", "sqlite", "json", "memory"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BaseDb | AsyncBaseDb]:
    """An empty store of each kind of listing."""
    if request.param in ("default", "postgresql"):
        server: PostgresServer | None = None
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_server")
        url = server.create() if server is not None else None
        opened = open_database(url, tmp_path)
        await prepare(opened, url)
        yield opened
        await opened.close()
    elif request.param == "sqlite":
        yield SqliteDb(db_file=str(tmp_path / "own.db"))
    elif request.param == "json":
        yield JsonDb(db_path=str(tmp_path / "json"))
    else:
        yield InMemoryDb()  # type: ignore[no-untyped-call]


async def test_page_repeats_or_skips_a_conversation(db: BaseDb | AsyncBaseDb) -> None:
    """The pages together have every conversation once, also of one second, also with a search."""
    conversations = Conversations([db])
    names = [f"Question {n}" for n in range(7)]
    for n, text in enumerate(names):
        await talk(conversations, db, f"c{n}", text)
    found = await pages(conversations, 3)
    assert [3, 3, 1] == [len(page) for page in found]
    assert names == sorted(title for page in found for title in page)
    assert [["Question 4"]] == await pages(conversations, 3, "TION 4")
    assert [[]] == await pages(conversations, 3, "100%")
    assert 7 == (await conversations.list("ann", limit=1)).total
    assert 0 == (await conversations.list("bob", limit=1)).total
    whole = [title for page in found for title in page]
    for other in ([], [InMemoryDb()]):  # type: ignore[no-untyped-call]
        several = Conversations([db, *other])
        for offset in (0, 2, 5, 7, 9):
            page = await several.list("ann", limit=3, offset=offset)
            shown = [info.title for info in page.conversations]
            assert (whole[offset : offset + 3], offset < 4) == (shown, page.next is not None)
    await conversations.close()


async def test_title_is_lost(db: BaseDb | AsyncBaseDb) -> None:
    """The title is the beginning of the first question, until the owner gives another one, which
    the next turns leave alone."""
    conversations = Conversations([db])
    await talk(conversations, db, "c", " What\nis   this? " + "word " * 40)
    first = (await conversations.list("ann", limit=1)).conversations[0].title
    assert first.startswith("What is this? word")
    assert 80 == len(first)
    renamed = await conversations.rename("c", "ann", "Mine")
    assert "Mine" == renamed.title
    agent = Agent(id="a", db=db)
    keeping = conversations.keeping(agent, Session("c", "ann"), "run-2", "And this?")
    assert await keeping.remember("Answer.", "stop", begun=False)
    assert "Mine" == (await conversations.get("c", "ann")).title
    assert [["Mine"]] == await pages(conversations, 9, "mine")
    with pytest.raises(UnknownConversation):
        await conversations.rename("c", "bob", "Theirs")
    await conversations.close()


async def test_pin_is_lost(db: BaseDb | AsyncBaseDb) -> None:
    """A pinned conversation is on the first page besides its place in the list, the latest pin
    first, also if a turn is stored that began before, and until it is unpinned; neither changes
    when the conversation was updated, nor another one."""
    conversations = Conversations([db])
    for name in ("c0", "c1", "c2"):
        await talk(conversations, db, name, f"Question {name}")
    before = {info.conversation_id: info for info in (await listed(conversations)).conversations}
    agent = Agent(id="a", db=db)
    keeping = conversations.keeping(agent, Session("c0", "ann"), "run-2", "And this?")
    for name in ("c1", "c0"):
        pinned = await conversations.pin(name, "ann", True)
        assert pinned.pinned_at
        assert before[name] == msgspec.structs.replace(pinned, pinned_at=None)
    assert await keeping.remember("Answer.", "stop", begun=False)
    page = await listed(conversations)
    assert {"c0", "c1"} == {info.conversation_id for info in page.pinned}
    times = [info.pinned_at or 0 for info in page.pinned]
    assert times == sorted(times, reverse=True)
    assert 3 == len(page.conversations) == page.total
    assert ["c1"] == [i.conversation_id for i in (await listed(conversations, "c1")).pinned]
    await conversations.rename("c1", "ann", "Mine")
    assert {"Mine", "Question c0"} == {info.title for info in (await listed(conversations)).pinned}
    for name in ("c1", "c0"):
        assert (await conversations.pin(name, "ann", False)).pinned_at is None
    assert [] == (await listed(conversations)).pinned
    with pytest.raises(UnknownConversation):
        await conversations.pin("c0", "bob", True)
    await conversations.close()


async def listed(conversations: Conversations, q: str | None = None) -> ConversationPage:
    """The first page of the conversations of "ann"."""
    return await conversations.list("ann", limit=9, q=q)


@pytest.mark.parametrize("before", ["x", "W10", "WyJhIiwxXQ", "é", "a" * 900])
async def test_cursor_of_somebody_else_is_an_error(before: str, tmp_path: Path) -> None:
    """A `before` that no page had is refused, whatever it is."""
    db = open_database(None, tmp_path)
    conversations = Conversations([db])
    with pytest.raises(InvalidField):
        await conversations.list("ann", limit=1, before=before)
    await db.close()


async def test_old_conversation_has_no_title(tmp_path: Path) -> None:
    """A conversation that has no title in the store, as of an older version or of another tool,
    is listed under its first question."""
    db = SqliteDb(db_file=str(tmp_path / "own.db"))
    conversations = Conversations([db])
    await talk(conversations, db, "c", "What is this?")
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("UPDATE agno_sessions SET session_data = '{}'")
        file.commit()
    assert [["What is this?"]] == await pages(conversations, 9)
    await conversations.close()


async def test_last_page_costs_more_than_the_first(tmp_path: Path) -> None:
    """With ten thousand conversations the last page takes SQLite as many steps as the first, and
    no page reads a turn: the turns here are unreadable."""
    db = open_database(None, tmp_path)
    assert isinstance(db, AsyncSqliteDb)
    await prepare(db, None)
    with closing(sqlite3.connect(tmp_path / "conversations.db")) as file:
        file.executemany(
            "INSERT INTO agno_sessions (session_id, session_type, agent_id, user_id, session_data,"
            " created_at, updated_at) VALUES (?, 'agent', 'a', 'ann', ?, 1, ?)",
            [
                (f"ann/c{n:05}", json.dumps({"session_name": f"Question {n}"}), n // 3)
                for n in range(COUNT)
            ],
        )
        file.executemany(
            "INSERT INTO agno_runs (run_id, session_id, run_type, run_data, created_at)"
            " VALUES (?, ?, 'agent', 'no JSON', 1)",
            [(f"r{n}", f"ann/c{n:05}") for n in range(COUNT)],
        )
        file.commit()
    await db.db_engine.dispose()  # the connections that the next lines would miss
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    @event.listens_for(db.db_engine.sync_engine, "connect")
    def watch(connection: object, record: object) -> None:
        connection.run_async(lambda own: own.set_progress_handler(count, 50))  # type: ignore[attr-defined]

    conversations = Conversations([db])
    costs: list[int] = []
    seen: list[str] = []
    before: str | None = None
    for _ in range(COUNT // 100):
        steps = 0
        page = await conversations.list("ann", limit=100, before=before)
        costs.append(steps)
        seen += [info.conversation_id for info in page.conversations]
        before = page.next
    assert before is None
    assert [f"c{n:05}" for n in reversed(range(COUNT))] == seen
    assert costs[0] > 0
    assert max(costs) < 1.1 * costs[0]
    await asyncio.gather(conversations.close(), db.close())
