"""Second answers whose process dies, and that another one goes on with."""

from typing import Any

import msgspec
import pytest
from agno.agent import Agent
from agno.team import Team
from agno.workflow import Workflow

from app.core.question import Question
from tests.core.agents.application import Application, Applications
from tests.core.agents.test_recovering import CALLS, Dying, calling, dies, goes_on, look, sent
from tests.core.parts import record
from tests.provider import Provider
from tests.provider_replies import Reply

FIELDS: dict[str, Any] = {"add_history_to_context": True, "num_history_runs": 20}


def agent() -> Agent:
    return Agent(id="a", tools=[look], **FIELDS)


def team() -> Team:
    return Team(id="a", members=[Agent(id="m")], tools=[look], **FIELDS)


def workflow() -> Workflow:
    steps: list[Any] = [Agent(id="m")]
    return Workflow(id="a", steps=steps, add_workflow_history_to_steps=True, num_history_runs=20)


async def shown(application: Application) -> list[Any]:
    found = (await application.conversations.get("c", "p", None)).messages
    return [(m.role, m.content, m.run_id, m.siblings, len(m.tools)) for m in found]


@pytest.mark.parametrize("message", ["q2", "e2"], ids=["regenerated", "edited"])
@pytest.mark.parametrize(
    ("make", "died"),
    [(agent, 0), (agent, 1), (agent, 2), (team, 0), (team, 1), (workflow, 0)],
    ids=lambda value: value if isinstance(value, int) else value.__name__,
)
async def test_second_answer_goes_on(
    applications: Applications, provider: Provider, make: Any, died: int, message: str
) -> None:
    """A second answer that was recovered, anew or from a batch of tools, has read its own branch
    alone, is the sibling of the first one, and is followed by what is asked next."""
    calls = [] if make is workflow else [calling("look", "A"), calling("look", "B")]
    found = []
    for disturbed in (False, True):
        application = applications(make())
        provider.requests.clear()
        provider.script(Reply("a1"), Reply("a2"), Reply("a3"))
        for question in ("q1", "q2", "q3"):
            await application.ask(question)
        CALLS.clear()
        if disturbed and not died:  # a workflow dies as its step begins
            provider.script(*calls[:1])
        provider.script(*calls, Reply("b2"), Reply("b3"))
        run = msgspec.structs.replace(record("r9", "p", "c"), replaces="r2")
        guard = Dying(died if disturbed and died else 99, at_tools=disturbed and not died)
        if disturbed:
            run = await dies(application, run, Question(message), guard)
            if not died:
                guard.chunks.clear()  # as if it had died before the tool
            assert await goes_on(application, run, guard) is not None
        else:
            plan = application.service.plan(Question(message), "p")
            run = msgspec.structs.replace(run, question=plan.stored_question)
            await plan.prepare(run).run(lambda chunk: None, lambda: None)
        await application.ask("q4")
        found.append((await shown(application), sent(provider)[-2:], [*CALLS]))
        await application.conversations.delete("c", "p", None)
    undisturbed, recovered = found
    for one, other in zip(undisturbed, recovered, strict=True):
        assert one == other
    messages = recovered[0]
    assert [message[3] for message in messages][2:4] == [["r2", "r9"]] * 2
    assert "a2" not in str(recovered[1])
