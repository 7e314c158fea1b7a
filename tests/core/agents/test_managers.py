"""Managers of memories and summaries have a model of their own, and never that of a run."""

from typing import Any

from agno.agent import Agent
from agno.memory import MemoryManager

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
    await application.ask("First.", options=_options(0.9))
    await application.ask("Second.", options=_options(0.1))
    warm = [request.body.get("temperature") for request in provider.requests]
    assert [0.1, 0.9] == sorted(t for t in warm if t is not None)
    assert 6 <= len(warm)  # each turn has an answer, a memory and a summary
    assert manager.model is None
    assert manager.db is None
    assert "Noted." == application.streamed


def _options(temperature: float) -> Any:
    from app.core.question import ModelOptions

    return ModelOptions(temperature=temperature)
