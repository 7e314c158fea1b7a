"""Teams and workflows that go on after their process has died: from a checkpoint of the leader, or
from the beginning."""

from typing import Any

import msgspec
import pytest
from agno.agent import Agent
from agno.team import Team
from agno.workflow import Step, Workflow

from app.core.question import Question
from tests.core.agents.application import Applications
from tests.core.agents.test_recovering import CALLS, Dying, calling, dies, goes_on, look, read, sent
from tests.core.parts import record
from tests.provider import Provider
from tests.provider_replies import Reply


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


def delegating(task: str) -> Reply:
    fields = f'{{"member_id": "mia", "task": "{task}"}}'
    return Reply(f"Mia does {task}. ", tool_calls=[("delegate_task_to_member", fields)])


def team(*tools: Any, **fields: Any) -> Team:
    mia = Agent(id="mia", name="Mia", role="helps", tools=[*tools])
    return Team(id="t", members=[mia], tools=[look], **fields)


@pytest.mark.parametrize("kept", [True, False])
async def test_team_goes_on_from_a_checkpoint_of_its_leader(
    applications: Applications, provider: Provider, kept: bool
) -> None:
    """After each batch of the leader's tools, its own or work of members, another process goes on:
    the models read what they would have read, no tool runs again, and the turn is whole."""
    batches = [
        [delegating("one"), calling("look", "A"), Reply("Mia is back.")],
        [calling("look", "B")],
        [Reply("All done.")],
    ]
    replies = [reply for batch in batches for reply in batch]
    provider.script(*replies)
    undisturbed = applications(team(look))
    expected = await undisturbed.ask("Go.", kept=kept)
    assert ["A", "B"] == CALLS
    requests = sent(provider)
    for died in (1, 2):
        provider.requests.clear()
        CALLS.clear()
        provider.script(*replies)
        application = applications(team(look))
        guard = Dying(died)
        question = Question("Go.", kept=kept)
        run = await dies(application, record(f"d{died}", "p", f"c{died}"), question, guard)
        before = len(provider.requests)
        found = await goes_on(application, run, guard)
        assert found is not None
        answer, _ = found
        assert requests[before:] == sent(provider)[before:]
        assert ["A", "B"] == CALLS
        assert expected.content == answer.content
        assert [(t.name, t.result) for t in expected.tools or []] == [
            (tool.name, tool.result) for tool in answer.tools or []
        ]
        if kept:
            stored = (await application.conversations.get(f"c{died}", "p", None)).messages
            assert ["Go.", expected.content] == [message.content for message in stored]
            theirs = (await undisturbed.conversations.get("c", "p", None)).messages
            assert [*map(type, theirs[-1].parts or [])] == [*map(type, stored[-1].parts or [])]


@pytest.mark.parametrize(
    ("tools", "goes"), [([], True), ([read], True), ([look], False)], ids=["none", "read", "look"]
)
async def test_team_whose_member_was_at_work(
    applications: Applications, provider: Provider, tools: list[Any], goes: bool
) -> None:
    """A team whose member had begun begins anew, or goes on from the checkpoint before, if nothing
    that the member may have done has effects."""
    provider.script(calling("look", "A"), delegating("it"))
    provider.script(delegating("it"), Reply("It is done."), Reply("All done."))
    application = applications(team(*tools))

    class Late(Dying):
        """Dies as the second tool of the leader begins."""

        async def confirm(self) -> None:
            if any(c.tool and c.tool.name != "look" for c in self.chunks):
                await super().confirm()

    guard = Late(9, at_tools=True)
    run = await dies(application, record("r9", "p", "c"), Question("Go."), guard)
    assert 1 == len(guard.kept)
    found = await goes_on(application, run, guard)
    assert goes == (found is not None)
    assert ["A"] == CALLS
    if found is not None:
        assert "I go to A. Mia does it. All done." == found[0].content


def function(step_input: Any) -> Any:
    CALLS.append("function")
    return "made"


def flow(*steps: Any, **fields: Any) -> Workflow:
    return Workflow(id="w", steps=[*steps], **fields)


NAMED = {"repeatable_tools": ["function"]}
WORKFLOWS: dict[str, tuple[Any, bool]] = {
    "of agents": (lambda: flow(Agent(id="a"), Agent(id="b")), True),
    "with a function first": (lambda: flow(function, Agent(id="b")), False),
    "with a function that is named": (
        lambda: flow(Step("f", executor=function), Agent(id="b"), metadata=NAMED),
        True,
    ),
}


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_workflow_in_its_second_step(
    applications: Applications, provider: Provider, name: str
) -> None:
    """A workflow whose steps had begun, and had said something, begins anew if all of them may."""
    make, goes = WORKFLOWS[name]
    first = [] if "function" in name else [Reply("First.")]
    provider.script(*first, *first, Reply("Second."))
    application = applications(make())

    class Late(Dying):
        """Dies as the second step begins."""

        async def confirm(self) -> None:
            if len({c.step.id for c in self.chunks if c.step}) > 1:
                await super().confirm()

    guard = Late(9, at_tools=True)
    run = await dies(application, record("r9", "p", "c"), Question("Go."), guard)
    found = await goes_on(application, run, guard)
    assert goes == (found is not None)
    if found is not None:
        assert "Second." == found[0].content


async def test_checkpoint_of_another_kind(applications: Applications) -> None:
    """A checkpoint of an agent whose id is that of a workflow now is of no use."""
    application = applications(flow(Agent(id="a")))
    recipe = application.service.plan(Question("Go."), "p").recipe
    run = msgspec.structs.replace(record("r9", "p", "c"), agent="w", recipe=recipe)
    plan = application.service.recovery(run, [], [], '{"run_id": "r9", "messages": []}')
    assert plan is not None
    with pytest.raises(Exception, match="stopped"):
        await plan.prepare(run).run(lambda chunk: None, lambda: None)
