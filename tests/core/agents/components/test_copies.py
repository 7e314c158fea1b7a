"""A copy for a run is what Agno's own `deep_copy()` makes, but shares what is the application's."""

from typing import Any

import pytest
from agno.agent import Agent
from agno.agent.followup import FollowupConfig
from agno.compression.manager import CompressionManager
from agno.db.in_memory import InMemoryDb
from agno.memory import MemoryManager
from agno.models.fallback import FallbackConfig
from agno.models.openai import OpenAIChat
from agno.run.agent import RunEvent
from agno.team import Team
from pydantic import BaseModel

from app.core.agents.components.copies import SHARED, copy_of
from app.core.agents.components.tree import OTHER_MODELS, models_in


class Form(BaseModel):
    """A schema of an application's."""

    text: str


def hook() -> None:
    """A hook of an application's."""


AGENTS: dict[str, dict[str, Any]] = {
    "bare": {},
    "texts": {"id": "a", "name": "A", "instructions": "Be short.", "markdown": True},
    "lists": {"instructions": ["Be short.", "Be kind."], "additional_input": ["x"]},
    "dicts": {"session_state": {"list": [1]}, "metadata": {"a": 1}, "knowledge_filters": {"b": 2}},
    "schemas": {"output_schema": Form, "input_schema": Form},
    "hooks": {"tools": [hook], "pre_hooks": [hook], "dependencies": {"now": hook}},
    "resources": {
        "model": OpenAIChat(id="m", api_key="k"),
        "db": InMemoryDb(),  # type: ignore[no-untyped-call]
        "memory_manager": MemoryManager(),
        "compression_manager": CompressionManager(),
    },
    "events": {"events_to_skip": [RunEvent.run_started], "cache_callables": False},
}


@pytest.mark.parametrize("fields", AGENTS.values(), ids=AGENTS)
def test_copy_differs_from_agnos(fields: dict[str, Any]) -> None:
    """Every attribute has the value that Agno gives its copy, whatever a run has left behind."""
    agent = Agent(telemetry=False, **fields)
    expected, mine = vars(agent.deep_copy()), copy_of(agent)
    assert vars(mine).keys() <= expected.keys()  # the others are defaults of the class
    got = {name: getattr(mine, name) for name in expected.keys() - {"_registry_excluded"}}
    assert {**expected, **{name: got[name] for name in SHARED}} == {**expected, **got}


def test_copy_is_large() -> None:
    """A copy for a run leaves most attributes to its class, whose defaults they are."""
    assert 3 * len(vars(copy_of(Agent(telemetry=False)))) < len(vars(Agent(telemetry=False)))


@pytest.mark.parametrize("name", ["instructions", "session_state", "tools", "events_to_skip"])
def test_copy_changes_the_application(name: str) -> None:
    """What a run adds to its own lists and dicts is not in those of the application."""
    agent = Agent(instructions=["a"], session_state={"a": 1}, tools=[hook], telemetry=False)
    getattr(copy_of(agent), name).clear()
    assert getattr(agent, name)


def _model(name: str) -> OpenAIChat:
    return OpenAIChat(id=name, api_key="k")


MODELS: dict[str, dict[str, Any]] = {
    **{name: {name: _model(name)} for name in ("model", *OTHER_MODELS)},
    "followups": {"followups": FollowupConfig(model=_model("followups"))},
    "fallback_config": {"fallback_config": FallbackConfig(on_error=[_model("fallback")])},
}


@pytest.mark.parametrize("kind", [Agent, Team])
@pytest.mark.parametrize("fields", MODELS.values(), ids=MODELS)
def test_copy_has_models_of_its_own(kind: Any, fields: dict[str, Any]) -> None:
    """All models of a copy are those of the application, with the connections that they have: a
    copied one would open others in each run, which nobody closed."""
    members: dict[str, Any] = {"members": []} if kind is Team else {}
    component = kind(telemetry=False, **members, **fields)
    expected = models_in(component)
    assert 1 == len(expected)
    found = models_in(copy_of(component))
    assert [id(model) for model in expected] == [id(model) for model in found]


def test_copy_has_the_state_of_a_run() -> None:
    """Agno's caches of one run are new in each copy."""
    agent = Agent(telemetry=False)
    agent._tool_instructions = ["x"]
    agent._callable_tools_cache["x"] = []
    mine, other = copy_of(agent), copy_of(agent)
    assert (None, {}) == (mine._tool_instructions, mine._callable_tools_cache)
    assert mine._callable_tools_cache is not other._callable_tools_cache
