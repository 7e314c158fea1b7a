"""Agents that know more than the question: state, memories, dependencies, stores."""

from typing import Any

from agno.agent import Agent
from agno.db.base import AsyncBaseDb, BaseDb
from agno.db.json import JsonDb
from agno.db.postgres import AsyncPostgresDb
from agno.db.redis import RedisDb
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.memory import MemoryManager
from agno.run import RunContext
from agno.session import SessionSummaryManager

from tests.applications.kind import MAIN, Kind, Site, Turn, kind
from tests.applications.tools import calls
from tests.provider_replies import Reply


@kind(
    calls("add", arguments='{"item": "bread"}'),
    Reply("Two things."),
    earlier=(
        Turn("Add milk.", {MAIN: [calls("add", arguments='{"item": "milk"}'), Reply("Added.")]}),
    ),
    seen="['milk', 'bread']",
    history=False,
    shows=("tool", "session_state"),
)
def session_state(site: Site) -> Agent:
    def add(item: str, run_context: RunContext) -> str:
        """Add an item to the list."""
        state = run_context.session_state
        assert state is not None
        state["items"] = [*state["items"], item]
        return str(state["items"])

    return Agent(
        model=site.model(),
        tools=[add],
        db=site.store(),
        session_state={"items": []},
        add_session_state_to_context=True,
    )


@kind(Reply("Hello Ann."), seen="Ann")
def state_in_instructions(site: Site) -> Agent:
    return Agent(
        model=site.model(), session_state={"name": "Ann"}, instructions="The user is {name}."
    )


MEMORY = Reply(
    tool_calls=[("add_memory", '{"memory": "Ann likes whales.", "topics": ["animals"]}')]
)


@kind(
    Reply("You like whales."),
    others={"memory": [Reply("Nothing to remember.")]},
    earlier=(Turn("I am Ann.", {MAIN: [Reply("Hello Ann.")], "memory": [MEMORY, Reply("Kept.")]}),),
    seen="Ann likes whales.",
)
def memories(site: Site) -> Agent:
    db = site.store()
    manager = MemoryManager(model=site.model("memory"), db=db)
    return Agent(
        model=site.model(),
        db=db,
        memory_manager=manager,
        update_memory_on_run=True,
        add_memories_to_context=True,
    )


@kind(
    Reply("We spoke of whales."),
    others={"summary": [Reply('{"summary": "More whales.", "topics": []}')]},
    earlier=(
        Turn(
            "Whales?",
            {
                MAIN: [Reply("Large.")],
                "summary": [Reply('{"summary": "About whales.", "topics": ["whales"]}')],
            },
        ),
    ),
    seen="About whales.",
)
def summaries(site: Site) -> Agent:
    manager = SessionSummaryManager(model=site.model("summary"))
    return Agent(
        model=site.model(),
        db=site.store(),
        enable_session_summaries=True,
        session_summary_manager=manager,
        add_session_summary_to_context=True,
    )


@kind(Reply("Blue."), seen="the color is blue")
def dependencies_in_context(site: Site) -> Agent:
    return Agent(
        model=site.model(),
        dependencies={"fact": lambda: "the color is blue"},
        add_dependencies_to_context=True,
    )


def _store(scheme: str) -> Any:
    """A kind that remembers the turn before, in a store that the agent brings."""

    def build(site: Site) -> Agent:
        db: BaseDb | AsyncBaseDb
        match scheme:
            case "json":
                db = JsonDb(db_path=site.file("-json"))
            case "sqlite":
                db = SqliteDb(db_file=site.file(".db"))
            case "async-sqlite":
                db = AsyncSqliteDb(db_file=site.file(".db"))
            case "postgresql":
                address = site.addresses[scheme].replace("postgresql:", "postgresql+asyncpg:")
                db = AsyncPostgresDb(db_url=address)
            case "redis":
                db = RedisDb(db_url=site.addresses[scheme])
            case _:
                db = site.store()
        return Agent(model=site.model(), db=db, add_history_to_context=True)

    build.__name__ = f"store_{scheme}"
    return build


def _remembers(scheme: str) -> Kind:
    make = kind(
        Reply("You are Ann."),
        question="Who am I?",
        earlier=(Turn("I am Ann.", {MAIN: [Reply("Hello Ann.")]}),),
        seen="Hello Ann.",
    )
    return make(_store(scheme))


store_json = _remembers("json")
store_sqlite = _remembers("sqlite")
store_async_sqlite = _remembers("async-sqlite")
store_in_memory = _remembers("in-memory")
store_postgresql = _remembers("postgresql")
store_redis = _remembers("redis")
