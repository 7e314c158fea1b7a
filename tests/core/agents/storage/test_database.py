"""Stores of conversations: created at the first start, shared, and with clear errors."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from agno.db.postgres import AsyncPostgresDb
from sqlalchemy import event, text

from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.database import open_database, prepare
from app.core.errors import ConfigurationError
from tests.command import environment, run
from tests.conftest import STORES
from tests.services import PostgresServer, free_port

#: Opens the store, prints `ready`, and after a line of input stores several conversations at once.
WRITER = """
import asyncio, sys
from pathlib import Path
from agno.agent import Agent
from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.database import open_database, prepare
from app.core.agents.storage.sessions import Session

async def main():
    name, url = sys.argv[1], sys.argv[2] or None
    db = open_database(url, Path("."))
    await prepare(db, url)
    print("ready", flush=True)
    sys.stdin.readline()
    agent = Agent(id="a", name="A", db=db)
    conversations = Conversations([db])

    async def talk(place):
        for n in range(5):
            keeping = conversations.keeping(
                agent, Session(f"{name}-{place}", "ann"), f"{name}-{place}-{n}", f"Q{n}"
            )
            assert await keeping.remember("word " * 2000, "cancelled", begun=False)

    await asyncio.gather(*(talk(place) for place in range(4)))
    await conversations.close()
    await db.close()

asyncio.run(main())
"""


@STORES
async def test_concurrent_processes_share_a_store(database_url: str | None, tmp_path: Path) -> None:
    """Processes that start at once on an empty store all come up, and then write at the same time
    without one of them being refused."""
    processes = [
        subprocess.Popen(  # noqa: ASYNC220  # they are waited for in threads
            [sys.executable, "-c", WRITER, f"p{n}", database_url or ""],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for n in range(4)
    ]
    try:
        ready = [
            await asyncio.to_thread(process.stdout.readline)
            for process in processes
            if process.stdout is not None
        ]
        assert [b"ready\n"] * 4 == ready
        outputs = [
            (await asyncio.to_thread(process.communicate, b"go\n", 60))[0] for process in processes
        ]
        assert [b""] * 4 == outputs
        assert [0] * 4 == [process.returncode for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    db = open_database(database_url, tmp_path)
    conversations = Conversations([db])
    page = await conversations.list("ann", limit=100, offset=0)
    kept = [await conversations.get(f"p{n}-{place}", "ann") for n in range(4) for place in range(4)]
    await db.close()
    assert 16 == page.total
    assert [["Q0", "Q1", "Q2", "Q3", "Q4"]] * 16 == [
        [message.content for message in conversation.messages if message.role == "user"]
        for conversation in kept
    ]


@STORES
async def test_second_start_leaves_tables_alone(database_url: str | None, tmp_path: Path) -> None:
    """A store that exists is opened again unchanged."""
    for _ in range(2):
        db = open_database(database_url, tmp_path)
        await prepare(db, database_url)
        await Conversations([db]).check()
        await db.close()


#: What PostgreSQL knows of the tables of a schema.
CATALOG = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default"
    " FROM information_schema.columns WHERE table_schema = 'ai'",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'ai'"
    " AND indexname <> 'agno_stream_list'",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'ai'::regnamespace",
    "versions": "SELECT table_name, version FROM ai.agno_schema_versions",
}


async def test_a_new_store_is_made_in_few_calls(postgres_server: PostgresServer) -> None:
    """The tables of an empty PostgreSQL are those that Agno makes, by a dozen statements instead of
    hundreds; one table that is missing later is made anew."""
    found = []
    for own in (True, False):
        url = postgres_server.create()
        db = cast("AsyncPostgresDb", open_database(url, Path("unused")))
        statements: list[str] = []

        def count(_: Any, __: Any, statement: str, *___: Any, to: list[str] = statements) -> None:
            to.append(statement)

        event.listen(db.db_engine.sync_engine, "before_cursor_execute", count)
        if own:
            await prepare(db, url)
            await Conversations([db]).check()
            assert len(statements) < 15
        else:
            name = url.rpartition("/")[2]
            postgres_server.sql("CREATE SCHEMA ai", name)
            await db._create_all_tables()  # type: ignore[no-untyped-call]
        async with db.db_engine.connect() as connection:
            rows = [(await connection.execute(text(asked))).all() for asked in CATALOG.values()]
        found.append(dict(zip(CATALOG, map(sorted, rows), strict=True)))
        await db.close()
        if own:
            postgres_server.sql("DROP TABLE ai.agno_sessions CASCADE", url.rpartition("/")[2])
            again = open_database(url, Path("unused"))
            await prepare(again, url)
            await Conversations([again]).check()
            await again.close()
    assert found[0] == found[1]


async def error_message(url: str) -> str:
    """The message of the `ConfigurationError` for a store that cannot be used."""
    with pytest.raises(ConfigurationError) as error:
        await prepare(open_database(url, Path("unused")), url)
    return error.value.message


async def test_missing_privilege_to_create_schema(postgres_server: PostgresServer) -> None:
    """Without the right to create the schema, the error names the SQL; after that SQL, it works."""
    name = postgres_server.create().rpartition("/")[2]
    user, password = postgres_server.GUARDED, postgres_server.PASSWORD
    url = postgres_server.address(name, user, password)
    message = await error_message(url)
    assert f"permission denied for database {name}" in message
    assert f"CREATE SCHEMA ai AUTHORIZATION {user}" in message
    assert password not in message
    postgres_server.sql(f"CREATE SCHEMA ai AUTHORIZATION {user}", name)
    db = open_database(url, Path("unused"))
    await prepare(db, url)
    await Conversations([db]).check()
    await db.close()


async def test_unusable_database_errors_hide_password(postgres_server: PostgresServer) -> None:
    """Errors for a wrong password, database or URL, and for an unreachable server, name the setting
    and the URL without the password."""
    port, user = postgres_server.port, postgres_server.GUARDED
    away = free_port()
    cases = {
        postgres_server.address("nowhere"): f"127.0.0.1:{port}/nowhere: database",
        postgres_server.address("postgres", user, "a-pass"): "password authentication failed",
        f"postgres://me:a-pass@127.0.0.1:{away}/x": f"127.0.0.1:{away}/x cannot be reached: ",
        "postgresql://me:a-pass#word@host/x": "not a valid URL",
        "postgresql://me:1/a-pass@127.0.0.1:1/x": "cannot be reached",
    }
    for url, expected in cases.items():
        message = await error_message(url)
        assert message.startswith("DATABASE_URL: ")
        assert expected in message
        assert "a-pass" not in message


def test_passwords_stay_out_of_output_and_log(tmp_path: Path) -> None:
    """No password is in the output of a server that cannot start."""
    stores = {
        "DATABASE_URL": f"postgresql://me:a%2Fpass-word@127.0.0.1:{free_port()}/x",
        "JOURNAL_URL": f"redis://me:a%2Fpass-word@127.0.0.1:{free_port()}",
    }
    for name, url in stores.items():
        ended = run(tmp_path, "-m", "app", "serve", "--port", "0", **{name: url})
        output = ended.stdout + ended.stderr
        assert 0 != ended.returncode
        assert f"{name}: {url.partition('://')[0]}://127.0.0.1" in output
        assert "pass-word" not in output
