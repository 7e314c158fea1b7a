"""Sessions that are read by prepared statements: the same that Agno's own call returns."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agno.db.base import SessionType
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.models.message import Message
from agno.run.base import RunStatus
from agno.session.summary import SessionSummary

from app.core.agents.storage.proxies.proxy import off_the_loop
from app.core.agents.storage.readers.probe import probe_of
from app.core.agents.storage.rows import TurnRows
from app.core.agents.storage.writers.sqlite import SqliteWriter
from app.core.agents.storage.writers.stock import StockWriter
from tests.core.agents.storage.test_rows import SESSION, nothing, turn

Change = Callable[[TurnRows], None]


def _unchanged(rows: TurnRows) -> None:
    pass


def _described(rows: TurnRows) -> None:
    session: Any = rows.sessions[SESSION.id]
    session.metadata = {"a": [1, None, "ü\u2028"]}
    session.summary = SessionSummary(summary="They met.", topics=["tea"])


def _nameless(rows: TurnRows) -> None:
    session: Any = rows.sessions[SESSION.id]
    session.session_data = session.agent_data = None


def _paused(rows: TurnRows) -> None:
    for row in rows.runs.values():
        row.run.status = RunStatus.paused


def _with_calls(rows: TurnRows) -> None:
    for row in rows.runs.values():
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        row.run.messages.append(Message(role="assistant", tool_calls=[call], id="m3"))
        row.run.metadata = {"finish_reason": "stop"}


def _without_runs(rows: TurnRows) -> None:
    rows.runs.clear()


@pytest.mark.parametrize("store", [AsyncSqliteDb, SqliteDb])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("agent", _unchanged),
        ("agent", _described),
        ("agent", _nameless),
        ("agent", _paused),
        ("agent", _with_calls),
        ("agent", _without_runs),
        ("team", _unchanged),
        ("workflow", _unchanged),
    ],
)
async def test_session_differs_from_that_of_agno(
    kind: str, change: Change, store: Any, tmp_path: Path
) -> None:
    """A session, with its runs in their order, is what Agno's own call makes of it, for everyone
    who asks: its user, another one, nobody in particular; in each form that Agno asks for."""
    db = store(db_file=str(tmp_path / "agno.db"))
    rows = [turn(kind, 1, index=1), turn(kind, 2, index=0), turn(kind, 3, index=None)]
    for row in rows:
        change(row)
    writer = StockWriter(off_the_loop(db), concurrent=1)
    for row in rows:
        await writer.write(row)
    probe, stock = probe_of(off_the_loop(db)), off_the_loop(db)
    try:
        for user in ("ann", "bob", None):
            for more in (
                {"session_type": SessionType(kind)},
                {},
                {"deserialize": False},
                {"session_type": SessionType(kind), "runs_limit": 2},
            ):
                expected: Any = await stock.get_session(SESSION.id, user_id=user, **more)
                found = await probe.session(SESSION.id, user_id=user, **more)
                assert (expected is None) is (user == "bob")
                assert _plain(expected) == _plain(found), (user, more)
            assert (user != "bob") is await probe.has(SESSION.id, user)
        assert await probe.session("ann/d", user_id="ann") is None
    finally:
        probe.close()
        await stock.close()


def _plain(session: Any) -> Any:
    if session is None or isinstance(session, dict):
        return session
    return type(session), session.to_dict(), [type(run) for run in session.runs or []]


async def test_older_session_loses_its_runs(tmp_path: Path) -> None:
    """The runs of a session that an older version of Agno has stored in a column are read."""
    file = tmp_path / "agno.db"
    db = AsyncSqliteDb(db_file=str(file))
    await StockWriter(db, concurrent=1).write(turn("agent", 1, index=0))
    with closing(sqlite3.connect(file)) as raw, raw:
        (data,) = raw.execute("SELECT run_data FROM agno_runs").fetchone()
        raw.execute("ALTER TABLE agno_sessions ADD COLUMN runs JSON")
        raw.execute("UPDATE agno_sessions SET runs = ?", (f"[{data}]",))
        raw.execute("DELETE FROM agno_runs")
    old = AsyncSqliteDb(db_file=str(file))
    probe = probe_of(old)
    try:
        session = await probe.session(SESSION.id, user_id="ann", session_type=SessionType.AGENT)
        expected: Any = await old.get_session(
            SESSION.id, user_id="ann", session_type=SessionType.AGENT
        )
        assert ["r1"] == [run.run_id for run in expected.runs]
        assert _plain(expected) == _plain(session)
    finally:
        probe.close()
        await db.close()
        await old.close()


async def test_store_without_tables_has_sessions(tmp_path: Path) -> None:
    """In a file that nobody has written to there is no session, and reading it is no failure; what
    is no database is one, each time, and a file that takes its place is read."""
    file = tmp_path / "agno.db"
    probe = probe_of(AsyncSqliteDb(db_file=str(file)))
    try:
        await probe.check()
        assert await probe.session(SESSION.id, user_id="ann") is None
        _filled(tmp_path, "x" * 8192).replace(file)
        for _ in range(2):
            with pytest.raises(sqlite3.DatabaseError):
                await probe.check()
        other = AsyncSqliteDb(db_file=str(tmp_path / "other.db"))
        await StockWriter(other, concurrent=1).write(turn("agent", 1, index=0))
        await other.close()
        (tmp_path / "other.db").replace(file)
        session = await probe.session(SESSION.id, user_id="ann", session_type=SessionType.AGENT)
        assert ["r1"] == [run.run_id for run in session.runs]
    finally:
        probe.close()


@pytest.mark.parametrize("reading", [True, False], ids=["read", "write"])
async def test_folder_that_is_gone_stops_the_store(reading: bool, tmp_path: Path) -> None:
    """The first call after the folder of a file was moved away finds an empty store; it used to
    fail until another part of the server had made the folder."""
    file = tmp_path / "data" / "agno.db"
    probe = probe_of(AsyncSqliteDb(db_file=str(file)))
    writer = SqliteWriter(file, "agno_sessions", "agno_runs", nothing)
    find = partial(probe.session, SESSION.id, user_id="ann", session_type=SessionType.AGENT)
    try:
        await writer.write(turn("agent", 1, index=0))
        assert ["r1"] == [run.run_id for run in (await find()).runs]
        file.parent.rename(tmp_path / "elsewhere")
        if reading:
            assert await find() is None
        await writer.write(turn("agent", 2, index=0))
        assert ["r2"] == [run.run_id for run in (await find()).runs]
    finally:
        probe.close()
        await writer.close()


def _filled(folder: Path, text: str) -> Path:
    file = folder / "filled"
    file.write_text(text)
    return file
