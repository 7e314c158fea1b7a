"""Turns that are answered again or edited: siblings, over stores and kinds of what answers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.team import Team
from agno.workflow import Step, Workflow

from tests.branches.conftest import STORES
from tests.branches.parts import again, ask, select, sent, shown
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply


def agent(**fields: Any) -> Agent:
    return Agent(id="a", add_history_to_context=True, num_history_runs=20, **fields)


def team(**fields: Any) -> Team:
    member = Agent(id="bob", name="Bob", telemetry=False)
    fields |= {"add_history_to_context": True, "num_history_runs": 20}
    return Team(id="a", members=[member], telemetry=False, **fields)


def workflow(**fields: Any) -> Workflow:
    ann = Agent(id="ann", name="Ann", telemetry=False)
    steps: list[Any] = [Step(name="Look", agent=ann)]
    fields |= {"add_workflow_history_to_steps": True, "num_history_runs": 20}
    return Workflow(id="a", steps=steps, telemetry=False, **fields)


def checkpoints(**fields: Any) -> Agent:
    return agent(checkpoint="tool-batch", **fields)


KINDS = {"agent": agent, "team": team, "workflow": workflow, "checkpoints": checkpoints}


@pytest.fixture
async def http(
    serve: Serve, request: pytest.FixtureRequest, store: dict[str, Any]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with the kind of component that the test names."""
    build = KINDS[request.node.callspec.params.get("kind", "agent")]
    server = serve(agents=[build(**store)])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client


def replies(provider: Provider, *texts: str) -> None:
    provider.script(*(Reply(text) for text in texts))


CASES = [(kind, "sqlite") for kind in KINDS] + [("agent", name) for name in STORES[1:]]


@pytest.mark.parametrize(("kind", "store"), CASES, indirect=["store"])
async def test_branches(http: httpx.AsyncClient, provider: Provider, kind: str, store: str) -> None:
    """A turn that is answered again or edited gets a sibling, with a continuation of its own; the
    model sees the selected branch alone, and what is selected stays so."""
    replies(provider, "a1", "a2", "b2", "a3", "e1", "e2", "c4")
    one = await ask(http, "q1")
    two = await ask(http, "q2")
    assert ["q1", "a1", "q2", "a2"] == await shown(http)

    second = await again(http, two)
    assert ("b2", two, "c") == (second["content"], second["replaces"], second["conversation_id"])
    _sees(provider, kind, ["q1", "a1", "q2"], ["a2"])
    assert ["q1", "a1", "q2", "b2 2/2"] == await shown(http)

    await ask(http, "q3")
    _sees(provider, kind, ["q1", "a1", "q2", "b2", "q3"], ["a2"])

    edited = await again(http, one, message="e?")
    assert one == edited["replaces"]
    _sees(provider, kind, ["e?"], ["q1", "a1", "a2", "b2", "a3"])
    assert ["e?", "e1 2/2"] == await shown(http)
    await ask(http, "f?")
    _sees(provider, kind, ["e?", "e1", "f?"], ["q1", "a1", "a2", "b2", "a3"])

    back = await select(http, one)
    assert ["q1", "a1", "q2", "b2", "q3", "a3"] == [m["content"] for m in back.json()["messages"]]
    assert ["q1", "a1 1/2", "q2", "b2 2/2", "q3", "a3"] == await shown(http)
    assert 200 == (await select(http, two)).status_code
    assert ["q1", "a1 1/2", "q2", "a2 1/2"] == await shown(http)
    await ask(http, "q4")
    _sees(provider, kind, ["q1", "a1", "q2", "a2", "q4"], ["b2", "a3", "e?", "e1", "e2"])
    assert ["q1", "a1 1/2", "q2", "a2 1/2", "q4", "c4"] == await shown(http)
    await select(http, second["run_id"])
    assert ["q1", "a1 1/2", "q2", "b2 2/2", "q3", "a3"] == await shown(http)


def _sees(provider: Provider, kind: str, wanted: list[str], hidden: list[str]) -> None:
    """Check what the last request to the model had: of a workflow, history is one text."""
    found = sent(provider)
    if kind == "workflow":
        whole = "\n".join(found)
        assert all(text in whole for text in wanted)
        assert not [text for text in hidden if text in whole]
    else:
        assert wanted == found
