"""Every store that an application brings holds its conversations, whatever answers in them."""

import ast
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import agno.db
import pytest
from agno.agent import Agent
from agno.db.base import AsyncBaseDb
from agno.db.in_memory import InMemoryDb
from agno.db.json import JsonDb
from agno.db.postgres import AsyncPostgresDb, PostgresDb
from agno.db.redis import RedisDb
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.team import Team
from agno.workflow import Step, Workflow

from app.core.agents.storage.proxies.methods import DelegatedMethods
from app.core.agents.storage.proxies.proxy import off_the_loop
from app.core.errors import UnknownConversation
from app.core.run_failures import ModelRefused
from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.services import PostgresServer, RedisServer

Open = Callable[[Path, str], Any]

STORES: dict[str, Open] = {
    "json": lambda path, _: JsonDb(db_path=str(path / "json")),
    "memory": lambda *_: InMemoryDb(),  # type: ignore[no-untyped-call]
    "sqlite": lambda path, _: SqliteDb(db_file=str(path / "own.db")),
    "sqlite in memory": lambda *_: SqliteDb(db_url="sqlite://"),
    "async sqlite": lambda path, _: AsyncSqliteDb(db_file=str(path / "own.db")),
    "redis": lambda _, url: RedisDb(db_url=url),
    "postgresql": lambda _, url: PostgresDb(db_url=url.replace("://", "+psycopg://")),
    "async postgresql": lambda _, url: AsyncPostgresDb(db_url=url.replace("://", "+asyncpg://")),
}


def server_url(store: str, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database for a store that needs a server."""
    if "postgresql" in store:
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        return postgres.create()
    if store == "redis":
        redis: RedisServer = request.getfixturevalue("redis_server")
        return redis.empty()
    return ""


def built(kind: str, provider: Provider, db: Any) -> Any:
    agent = Agent(id="a", name="A", model=model(provider), add_history_to_context=True)
    if kind == "agent":
        agent.db = db
        return agent
    if kind == "team":
        return Team(
            id="a", members=[agent], model=model(provider), db=db, add_history_to_context=True
        )
    return Workflow(id="a", steps=[Step(name="one", agent=agent)], db=db)


@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
@pytest.mark.parametrize("store", STORES)
async def test_conversation_is_lost(
    store: str,
    kind: str,
    provider: Provider,
    applications: Applications,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Conversations are listed, read and deleted, with turns that broke off."""
    url = server_url(store, request)
    application = applications(built(kind, provider, STORES[store](tmp_path, url)))
    await application.conversations.prepare()
    await application.ask("First.")
    provider.script(*[Reply(status=400)] * (4 if kind == "workflow" else 1))  # it tries again
    with pytest.raises(ModelRefused):
        await application.ask("Second.")
    await application.ask("Third.")
    if kind != "workflow":  # whose agents have no history of their own
        asked = [
            m["content"] for m in provider.requests[-1].body["messages"] if m["role"] == "user"
        ]
        assert ["First.", "Second.", "Third."] == asked
    page = await application.conversations.list("p", limit=9)
    assert [("c", "First.", "a")] == [
        (info.conversation_id, info.title, info.agent) for info in page.conversations
    ]
    stored = await application.conversations.get("c", "p")
    assert ["First.", "Second.", "Third."] == [
        message.content for message in stored.messages if message.role == "user"
    ]
    await application.conversations.delete("c", "p")
    with pytest.raises(UnknownConversation):
        await application.conversations.get("c", "p")


async def test_store_stops_event_loop(
    provider: Provider, applications: Applications, tmp_path: Path
) -> None:
    """A synchronous store is called in threads, by Agno too."""
    threads: set[int] = set()

    class Watched(SqliteDb):
        def get_session(self, *args: Any, **kwargs: Any) -> Any:
            threads.add(threading.get_ident())
            return super().get_session(*args, **kwargs)

        def upsert_session(self, *args: Any, **kwargs: Any) -> Any:
            threads.add(threading.get_ident())
            return super().upsert_session(*args, **kwargs)

    application = applications(built("agent", provider, Watched(db_file=str(tmp_path / "own.db"))))
    await application.ask()
    assert threads
    assert threading.get_ident() not in threads


#: The calls that the server makes, with the names that they give.
CALLS = {
    "get_session": {"session_id", "user_id", "deserialize"},
    "get_sessions": {"user_id", "deserialize"},
    "rename_session": {"session_id", "session_type", "session_name", "user_id", "deserialize"},
    "delete_session": {"session_id", "user_id"},
    "upsert_session": {"session"},
    "upsert_run": {"run", "session_id", "user_id", "run_index"},
    "get_run": {"run_id"},
    "delete_run": {"run_id"},
}


def _stores() -> Iterator[tuple[str, dict[str, set[str]]]]:
    """All classes of stores in Agno, with the parameters of their methods, from their source: the
    packages that they need are not here."""
    for file in sorted(Path(agno.db.__path__[0]).glob("*/*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            bases = [ast.unparse(base) for base in getattr(node, "bases", [])]
            if isinstance(node, ast.ClassDef) and {"BaseDb", "AsyncBaseDb"} & set(bases):
                yield (
                    node.name,
                    {
                        method.name: {argument.arg for argument in method.args.args}
                        for method in node.body
                        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
                    },
                )


def test_signature_of_a_store_is_unknown() -> None:
    """Every store of Agno's takes the calls that the server makes, or has no method of that name
    (then its base class reports that it keeps runs with their sessions). ClickHouse holds none."""
    found = dict(_stores())
    assert {"MongoDb", "AsyncMongoDb", "FirestoreDb", "DynamoDb", "SurrealDb"} <= set(found)
    for store, methods in found.items():
        for name, names in CALLS.items():
            taken = methods.get(name, names)
            assert names <= taken or store == "ClickhouseDb", (store, name)


def test_asynchronous_method_is_not_delegated() -> None:
    """A proxy has every asynchronous method of Agno's stores."""
    methods = inspect.getmembers_static(AsyncBaseDb, inspect.iscoroutinefunction)
    public = {name for name, _ in methods if not name.startswith("_")}
    assert public <= set(vars(DelegatedMethods)) | {"close"}


def test_store_loses_its_attributes(tmp_path: Path) -> None:
    """A store in threads has the attributes of the store that it calls, and is asynchronous."""
    db = SqliteDb(db_file=str(tmp_path / "own.db"), session_table="mine")
    threaded = off_the_loop(db)
    assert isinstance(threaded, AsyncBaseDb)
    assert "mine" == threaded.session_table_name
    assert off_the_loop(threaded) is threaded
    from agno.compaction.archive import stores_compaction_records

    assert stores_compaction_records(threaded)
