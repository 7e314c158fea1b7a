"""Managers and members have models of their own, and never keep that of a run."""

from collections.abc import Callable
from typing import Any

import pytest
from agno.agent import Agent, AgentFactory
from agno.compaction import Compaction
from agno.compression.manager import CompressionManager
from agno.db.in_memory import InMemoryDb
from agno.learn import LearningMachine
from agno.memory import MemoryManager
from agno.models.openai import OpenAIChat
from agno.session import SessionSummaryManager
from agno.team import Team
from openai import AsyncOpenAI

from app.core.question import ModelOptions
from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply


async def test_manager_keeps_model_of_run(provider: Provider, applications: Applications) -> None:
    """A manager without a model uses the agent's, without the options of the first question."""
    manager = MemoryManager()
    agent = Agent(
        id="a",
        model=model(provider),
        memory_manager=manager,
        update_memory_on_run=True,
        enable_session_summaries=True,
        telemetry=False,
    )
    application = applications(agent)
    provider.default = Reply("Noted.")
    await application.ask("First.", options=ModelOptions(temperature=0.9))
    await application.ask("Second.", options=ModelOptions(temperature=0.1))
    warm = [request.body.get("temperature") for request in provider.requests]
    assert [0.1, 0.9] == sorted(t for t in warm if t is not None)
    assert 6 <= len(warm)  # each turn has an answer, a memory and a summary
    assert manager.model is None
    assert manager.db is None
    assert "Noted." == application.streamed


#: What makes Agno use a manager, by the attribute that holds the manager: one that the application
#: brings without a model, or one that Agno would make.
MANAGERS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "memories": (
        "memory_manager",
        lambda: {"memory_manager": MemoryManager(), "update_memory_on_run": True},
    ),
    "memories by Agno": ("memory_manager", lambda: {"update_memory_on_run": True}),
    "summaries": (
        "session_summary_manager",
        lambda: {
            "session_summary_manager": SessionSummaryManager(),
            "enable_session_summaries": True,
        },
    ),
    "summaries by Agno": ("session_summary_manager", lambda: {"enable_session_summaries": True}),
    "compression": (
        "compression_manager",
        lambda: {"compression_manager": CompressionManager(), "compress_tool_results": True},
    ),
    "compression by Agno": ("compression_manager", lambda: {"compress_tool_results": True}),
    "learning": ("learning", lambda: {"learning": LearningMachine(user_memory=True)}),
    "learning by Agno": ("learning", lambda: {"learning": True}),
    "compaction": ("compaction", lambda: {"compaction": Compaction(compact_at_tokens=100_000)}),
    "compaction by Agno": ("compaction", lambda: {"compaction": True}),
}


@pytest.mark.parametrize(
    ("kind", "attribute", "fields"),
    [
        pytest.param(kind, *row, id=f"{name} of {kind.__name__}")
        for kind in (Agent, Team)
        for name, row in MANAGERS.items()
        if not (kind is Team and "compaction" in name)  # which a team does not have
    ],
)
async def test_manager_gets_model_of_run(
    provider: Provider,
    applications: Applications,
    kind: Any,
    attribute: str,
    fields: Callable[[], dict[str, Any]],
) -> None:
    """No run leaves its model, with its options, in a manager that all runs share."""
    given = fields()
    inner = {"members": [Agent(id="m", model=model(provider))]} if kind is Team else {}
    component = kind(id="a", model=model(provider), telemetry=False, **inner, **given)
    before = getattr(getattr(component, attribute), "model", None)  # Agno sets some at once
    application = applications(component)
    manager = getattr(application.catalog.entries["a"].component, attribute)
    own = manager.model
    provider.default = Reply("Noted.")
    for temperature in (0.9, 0.1):
        await application.ask(options=ModelOptions(temperature=temperature))
    assert own is not None
    assert manager.model is own
    assert own.temperature is None
    assert getattr(getattr(component, attribute), "model", None) is before
    warm = [request.body.get("temperature") for request in provider.requests]
    assert [0.9, 0.1] == [temperature for temperature in warm if temperature is not None]


async def test_member_keeps_model_of_run(provider: Provider, applications: Applications) -> None:
    """A member without a model uses the team's, without the options of any question."""
    member = Agent(id="m", name="M", telemetry=False)
    team = Team(id="a", model=model(provider), members=[member], telemetry=False)
    application = applications(team)
    task = '{"member_id": "m", "task": "Work."}'
    for temperature in (0.9, 0.1):
        provider.script(
            Reply(tool_calls=[("delegate_task_to_member", task)]), Reply("Done."), Reply("Good.")
        )
        await application.ask(options=ModelOptions(temperature=temperature))
    warm = [request.body.get("temperature") for request in provider.requests]
    assert [0.9, None, 0.9, 0.1, None, 0.1] == warm
    assert member.model is None
    assert application.catalog.entries["a"].component.members[0].model is None


#: Managers with models of their own, as an application brings them.
OWN: dict[str, Callable[[Any], dict[str, Any]]] = {
    "memories": lambda of: {
        "memory_manager": MemoryManager(model=of("m2")),
        "update_memory_on_run": True,
    },
    "summaries": lambda of: {
        "session_summary_manager": SessionSummaryManager(model=of("m2")),
        "enable_session_summaries": True,
    },
    "compression": lambda of: {
        "compression_manager": CompressionManager(model=of("m2")),
        "compress_tool_results": True,
    },
    "learning": lambda of: {"learning": LearningMachine(model=of("m2"), user_memory=True)},
    "compaction": lambda of: {
        "compaction": Compaction(compact_at_tokens=100_000, model=of("m2")),
    },
    "the agent's model": lambda of: {"update_memory_on_run": True},
}


@pytest.mark.parametrize("by_factory", [False, True], ids=["an agent", "a factory"])
@pytest.mark.parametrize("fields", OWN.values(), ids=OWN)
async def test_connections_of_a_manager_stay_open(
    provider: Provider,
    applications: Applications,
    fields: Callable[[Any], dict[str, Any]],
    by_factory: bool,
) -> None:
    """The connections of a manager's model are closed with those of the agent: at the end of the
    server, or of the run if a factory has made them for it."""
    models: list[OpenAIChat] = []

    def of(model_id: str) -> OpenAIChat:
        models.append(model(provider, model_id))
        return models[-1]

    def clients() -> list[AsyncOpenAI]:
        return [each.async_client for each in models if each.async_client is not None]

    def build(_: Any = None) -> Agent:
        return Agent(id="a", model=of("m"), telemetry=False, **fields(of))

    provider.default = Reply("Noted.")
    application = applications(
        AgentFactory(id="a", db=InMemoryDb(), factory=build)  # type: ignore[no-untyped-call]
        if by_factory
        else build()
    )
    for question in ("First.", "Second."):
        await application.ask(question)
        assert [by_factory] == [*{client.is_closed() for client in clients()}]
    if not by_factory:
        await application.catalog.close()
        assert [True] == [*{client.is_closed() for client in clients()}]
