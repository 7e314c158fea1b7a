"""The rows of turns: written by us as Agno writes them, and the same after a time in the outbox."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb
from agno.models.message import Message
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput
from agno.team import Team
from agno.workflow import Workflow

from app.core.agents.storage.rows import RunRow, TurnRows
from app.core.agents.storage.sessions import Session, new_run, new_session
from app.core.agents.storage.writers.sqlite import SqliteWriter
from app.core.agents.storage.writers.stock import StockWriter

SESSION = Session("c", "ann")


async def nothing() -> None:
    """The file is never replaced here."""


def turn(kind: str, number: int, *, index: int | None) -> TurnRows:
    """A turn of a component, as Agno hands it to its store."""
    component: Any = {
        "agent": Agent(id="a", name="Ä", metadata={"x": 1}),
        "team": Team(id="a", name="T", members=[Agent(id="m")]),
        "workflow": Workflow(id="a", name="W"),
    }[kind]
    session = new_session(component, SESSION)
    session.created_at = 1_700_000_000
    session.session_data = {"session_state": {"n": number, "text": "ü'\"\u2028"}}
    run = new_run(component, SESSION, f"r{number}", "What?")
    run.created_at = 1_700_000_000 + number
    run.status = RunStatus.completed
    run.content = f"Answer {number}"
    if not isinstance(run, WorkflowRunOutput):
        run.messages = [
            Message(role="user", content="What?", created_at=1, id="m1"),
            Message(role="assistant", content=f"Answer {number}", created_at=1, id="m2"),
        ]
    rows = TurnRows(sessions={session.session_id: session}, names={session.session_id: None})
    rows.runs[f"r{number}"] = RunRow(run, SESSION.id, SESSION.owner, index)
    return rows


def tables(file: Path) -> list[list[dict[str, Any]]]:
    """The rows of the tables, without the time of their last change."""
    with closing(sqlite3.connect(file)) as db:
        db.row_factory = sqlite3.Row
        found = []
        for table in ("agno_sessions", "agno_runs"):
            rows = [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1")]
            assert all(isinstance(row.pop("updated_at"), int) for row in rows)
            found.append(rows)
        return found


@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
async def test_rows_differ_from_those_of_agno(kind: str, tmp_path: Path) -> None:
    """New turns, changed turns, and turns without a place of their own are in both tables byte by
    byte as Agno's store writes them, also if they have been in the outbox."""
    turns = [
        turn(kind, 1, index=0),
        turn(kind, 2, index=1),
        turn(kind, 2, index=None),
        turn(kind, 3, index=None),
    ]
    db = AsyncSqliteDb(db_file=str(tmp_path / "agno.db"))
    stock = StockWriter(db, concurrent=1)
    ours = SqliteWriter(tmp_path / "ours.db", "agno_sessions", "agno_runs", nothing)
    later = SqliteWriter(tmp_path / "later.db", "agno_sessions", "agno_runs", nothing)
    for rows in turns:
        await stock.write(rows)
        await ours.write(rows)
        await later.write(TurnRows.decode(rows.encode()))
    await db.close()
    await ours.close()
    await later.close()
    expected = tables(tmp_path / "agno.db")
    assert [1, 3] == [len(rows) for rows in expected]
    assert expected == tables(tmp_path / "ours.db")
    assert expected == tables(tmp_path / "later.db")


async def test_turn_is_written_into_the_session_of_another(tmp_path: Path) -> None:
    """A turn in a session of another user changes nothing, and does not touch those that are
    written with it."""
    writer = SqliteWriter(tmp_path / "own.db", "agno_sessions", "agno_runs", nothing)
    await writer.write(turn("agent", 1, index=0))
    before = tables(tmp_path / "own.db")
    foreign = turn("agent", 2, index=1)
    foreign.sessions[SESSION.id].user_id = "bob"
    with pytest.raises(sqlite3.IntegrityError):
        await writer.write(foreign)
    assert before == tables(tmp_path / "own.db")
    await writer.close()


async def test_value_that_is_no_json_stops_other_turns(tmp_path: Path) -> None:
    """A turn that cannot be written as JSON fails alone; those that wait with it are written."""
    writer = SqliteWriter(tmp_path / "own.db", "agno_sessions", "agno_runs", nothing)
    odd = turn("agent", 1, index=0)
    odd.runs["r1"].run.metadata = {(1, 2): 3}
    good = turn("agent", 2, index=1)
    results = await asyncio.gather(writer.write(odd), writer.write(good), return_exceptions=True)
    await writer.close()
    assert [TypeError, type(None)] == [type(result) for result in results]
    assert ["r2"] == [row["run_id"] for row in tables(tmp_path / "own.db")[1]]
