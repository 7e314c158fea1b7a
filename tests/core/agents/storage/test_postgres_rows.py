"""The rows of turns in PostgreSQL: written by us in groups as Agno writes them one by one."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.core.agents.storage.database import SCHEMA, open_database, prepare
from app.core.agents.storage.rows import TurnRows
from app.core.agents.storage.writers.choice import writer_of
from app.core.agents.storage.writers.postgres import PostgresWriter
from app.core.agents.storage.writers.stock import StockWriter
from tests.core.agents.storage.test_rows import turn
from tests.services import PostgresServer


async def _nothing() -> None:
    """No file is replaced here."""


class Pair:
    """Agno's store, twice: one is written by Agno's calls, the other by ours."""

    def __init__(self, databases: list[Any]) -> None:
        self.databases = databases
        self.stock = StockWriter(databases[0], concurrent=1)
        writer = writer_of(databases[1], _nothing)
        assert isinstance(writer, PostgresWriter)
        self.ours = writer

    async def write(self, turns: list[TurnRows]) -> list[list[type]]:
        """The errors of all turns in both stores; ours gets them at once."""
        stock: list[BaseException | None] = []
        for rows in turns:
            stock += await asyncio.gather(self.stock.write(rows), return_exceptions=True)
        ours = await asyncio.gather(*map(self.ours.write, turns), return_exceptions=True)
        return [[type(error) for error in errors] for errors in (stock, ours)]

    async def rows(self, number: int) -> list[list[dict[str, Any]]]:
        """The rows of the two tables, without the time of their last change."""
        found = []
        async with self.databases[number].db_engine.connect() as connection:
            for table, key in (("agno_sessions", "session_id"), ("agno_runs", "run_id")):
                query = text(
                    f'SELECT row_to_json(t)::text FROM "{SCHEMA}".{table} t ORDER BY {key}'
                )
                rows = [json.loads(row) for (row,) in (await connection.execute(query)).all()]
                assert all(isinstance(row.pop("updated_at"), int) for row in rows)
                found.append(rows)
        return found


@pytest.fixture
async def pair(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Pair]:
    databases = []
    for _ in range(2):
        url = postgres_server.create()
        db = open_database(url, tmp_path)
        await prepare(db, url)
        databases.append(db)
    found = Pair(databases)
    yield found
    await found.ours.close()
    for db in databases:
        await db.close()


def other(rows: TurnRows, name: str) -> TurnRows:
    """The same turn in a session of another name, as another run."""
    session = next(iter(rows.sessions.values()))
    session.session_id = name
    run = next(iter(rows.runs.values()))
    run.session_id, run.run.run_id, run.run.session_id = name, f"run-{name}", name
    return TurnRows({name: session}, {run.run.run_id: run}, {name: None})


@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
async def test_rows_differ_from_those_of_agno(
    kind: str, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """New turns, changed turns, turns without a place of their own, and values that are no plain
    JSON are in both tables as Agno's store writes them, several at once."""
    caplog.set_level("DEBUG")
    odd, zero = (other(turn(kind, 1, index=0), name) for name in ("odd", "zero"))
    odd.sessions["odd"].metadata = {"at": date(2026, 1, 1)}
    zero.sessions["zero"].session_data = {"text": "a\0b\x07c\ufffed\b"}
    turns = [
        turn(kind, 1, index=0),
        odd,
        turn(kind, 2, index=1),
        turn(kind, 2, index=None),
        zero,
        turn(kind, 3, index=None),
        *(other(turn(kind, 1, index=0), f"session-{number}") for number in range(3)),
    ]
    nothing = [type(None)] * len(turns)
    assert [nothing, nothing] == await pair.write(turns)
    expected = await pair.rows(0)
    assert [6, 8] == [len(rows) for rows in expected]
    assert expected == await pair.rows(1)
    said = [record.getMessage() for record in caplog.records]
    assert 3 == sum("an unusual turn" in text for text in said)  # and only these go by Agno's calls
    assert not [text for text in said if "a group was not written" in text]


async def test_a_turn_that_fails_stops_others(pair: Pair) -> None:
    """A turn in a session of another user, and one that is no JSON, fail as with Agno's store;
    those that are written with them are written."""
    assert [[type(None)], [type(None)]] == await pair.write([turn("agent", 1, index=0)])
    foreign = turn("agent", 2, index=1)
    foreign.sessions["ann/c"].user_id = "bob"
    odd = other(turn("agent", 1, index=0), "odd")
    odd.runs["run-odd"].run.metadata = {(1, 2): 3}
    turns = [other(turn("agent", 1, index=0), "a"), foreign, odd, turn("agent", 3, index=1)]
    stock, ours = await pair.write(turns)
    assert stock == ours
    assert [True, False, False, True] == [error is type(None) for error in ours]
    assert await pair.rows(0) == await pair.rows(1)
