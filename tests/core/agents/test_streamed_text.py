"""Text comes as the provider sends it, whichever model of a component writes the answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agno.agent import Agent
from agno.team import Team
from agno.workflow import Step, Workflow

from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply, numbered

TOKENS = 6


def _agent(provider: Provider, **fields: Any) -> Agent:
    return Agent(id="a", name="A", model=model(provider), **fields)


#: Components, and how many requests come before that of the model that writes the answer.
COMPONENTS: dict[str, tuple[Callable[[Provider], Any], int]] = {
    "an agent": (_agent, 0),
    "an output model": (lambda p: _agent(p, output_model=model(p, "writer")), 1),
    "a team": (lambda p: Team(members=[_agent(p)], model=model(p)), 0),
    "the step of a workflow": (
        lambda p: Workflow(steps=[Step(name="s", agent=_agent(p))]),
        0,
    ),
}


@pytest.mark.parametrize(("make", "before"), COMPONENTS.values(), ids=COMPONENTS)
async def test_text_waits_for_the_end(
    make: Callable[[Provider], Any], before: int, provider: Provider, applications: Applications
) -> None:
    """What has come is there while the provider pauses, and not only the first token of it."""
    provider.script(*[Reply("A draft.")] * before)
    provider.default = Reply(numbered(TOKENS), stall_after=3)
    application = applications(make(provider))
    asking = asyncio.create_task(application.ask("Hello?"))
    await provider.until(lambda: application.streamed.startswith("0 1 2 "))
    provider.go_on()
    assert "".join(numbered(TOKENS)) == (await asking).content
