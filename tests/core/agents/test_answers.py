"""The answer of every kind of application is the one that Agno alone gives."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from agno.agent import Agent
from agno.run.agent import RunOutput
from agno.team import Team, TeamMode
from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow
from agno.workflow.types import StepInput, StepOutput
from pydantic import BaseModel

from app.core.agents.events.values import text_of
from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply


class City(BaseModel):
    name: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"snow in {city}"


async def shout(run_output: RunOutput) -> None:
    run_output.content = str(run_output.content).upper()


async def nested(question: str) -> AsyncIterator[Any]:
    """Ask another agent."""
    async for event in NESTED[0].arun(question, stream=True, stream_events=True):
        yield event


NESTED: list[Agent] = []


def joined(step: StepInput) -> StepOutput:
    return StepOutput(content=f"[{step.previous_step_content}]")


def second(step: StepInput) -> Any:
    """A selector that chooses by name, which Agno's types do not say."""
    return "two"


def stops(step: StepInput) -> StepOutput:
    return StepOutput(content="enough", stop=True)


def _agent(provider: Provider, name: str = "Alice", **fields: Any) -> Agent:
    return Agent(id=name.lower(), name=name, model=model(provider), telemetry=False, **fields)


def _delegate(text: str = "", member: str = "bob") -> Reply:
    call = f'{{"member_id": "{member}", "task": "Do it."}}'
    return Reply(text, tool_calls=[("delegate_task_to_member", call)])


def _team(provider: Provider, **fields: Any) -> Team:
    members: list[Any] = [_agent(provider, "Bob"), _agent(provider, "Carol")]
    return Team(
        id="team", name="Team", members=members, model=model(provider), telemetry=False, **fields
    )


def _flow(*steps: Any) -> Workflow:
    return Workflow(id="flow", name="Flow", steps=list(steps), telemetry=False)


def _steps(p: Provider) -> tuple[Any, Any]:
    return Step(name="one", agent=_agent(p, "Alice")), Step(name="two", agent=_agent(p, "Bob"))


JSON = Reply('{"name": "Oslo"}')
CALL = Reply("Let me see. ", tool_calls=[("weather", '{"city": "Oslo"}')])
ASK = Reply("I ask. ", tool_calls=[("nested", '{"question": "Well?"}')])
TWO = [Reply("First words."), Reply("Second words.")]

Build = Callable[[Provider], Any]

#: Name, how it is built, what its models reply, and whether the text is streamed as it is.
KINDS: dict[str, tuple[Build, list[Reply], bool]] = {
    "agent": (_agent, [Reply("Hello there.")], True),
    "tool": (lambda p: _agent(p, tools=[weather]), [CALL, Reply("Snow.")], True),
    "output schema": (lambda p: _agent(p, output_schema=City), [JSON], True),
    "parser model": (
        lambda p: _agent(p, output_schema=City, parser_model=model(p)),
        [Reply("It is Oslo."), JSON],
        False,
    ),
    "output model": (
        lambda p: _agent(p, output_model=model(p)),
        [Reply("A draft."), Reply("The final words.")],
        True,
    ),
    "post-hook": (lambda p: _agent(p, post_hooks=[shout]), [Reply("Hello there.")], False),
    "nested agent": (
        lambda p: _agent(p, tools=[nested]),
        [ASK, Reply("The nested one speaks."), Reply("So it is.")],
        True,
    ),
    "team": (_team, [_delegate("I ask Bob. "), Reply("Bob here."), Reply("Bob says hi.")], True),
    "team that routes": (
        lambda p: _team(p, mode=TeamMode.route),
        [_delegate(), Reply("Bob here.")],
        True,
    ),
    "team that broadcasts": (
        lambda p: _team(p, mode=TeamMode.broadcast),
        [
            Reply(tool_calls=[("delegate_task_to_members", '{"task": "Do it."}')]),
            Reply("One of us."),
            Reply("One of us."),
            Reply("Both agree."),
        ],
        True,
    ),
    "team with a failing member": (
        _team,
        [_delegate(), Reply(status=400), Reply("Bob is out.")],
        True,
    ),
    "workflow": (lambda p: _flow(*_steps(p)), TWO, True),
    "workflow of agents": (lambda p: _flow(_agent(p), _agent(p, "Bob")), TWO, True),
    "workflow that ends in a function": (lambda p: _flow(_steps(p)[0], joined), TWO[:1], True),
    "workflow that stops early": (lambda p: _flow(stops, _steps(p)[1]), [], True),
    "parallel steps": (
        lambda p: _flow(Parallel(*_steps(p), name="both"), joined),
        [Reply("Same."), Reply("Same.")],
        True,
    ),
    "loop": (
        lambda p: _flow(Loop(steps=[_steps(p)[0]], name="again", max_iterations=2)),
        TWO,
        True,
    ),
    "condition": (
        lambda p: _flow(Condition(evaluator=lambda _: True, steps=[*_steps(p)], name="if")),
        TWO,
        True,
    ),
    "condition that fails": (
        lambda p: _flow(
            Condition(
                evaluator=lambda _: False,
                steps=[*_steps(p)],
                else_steps=[_steps(p)[1]],
                name="if",
            )
        ),
        TWO[:1],
        True,
    ),
    "router": (
        lambda p: _flow(Router(choices=[*_steps(p)], selector=second, name="way")),
        TWO[:1],
        True,
    ),
    "steps": (lambda p: _flow(Steps(name="all", steps=[*_steps(p)])), TWO, True),
    "team in a workflow": (
        lambda p: _flow(Step(name="one", team=_team(p))),
        [_delegate(), Reply("Bob here."), Reply("Bob says hi.")],
        True,
    ),
    "workflow in a workflow": (
        lambda p: _flow(Step(name="inner", workflow=_flow(*_steps(p)))),
        TWO,
        True,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_answer_differs_from_agno(
    kind: str, provider: Provider, applications: Applications
) -> None:
    """The content of a run is that of Agno's own output, and so is the joined text, unless a hook
    or a parser changes it: then the last chunk has the whole."""
    build, replies, streams = KINDS[kind]
    NESTED[:] = [_agent(provider, "Nested")]
    provider.script(*replies)
    component = build(provider)
    application = applications(build(provider), beside=(component, NESTED[0]))
    alone = await component.arun("Hello?")
    provider.script(*replies)
    answer = await application.ask()
    assert text_of(alone.content) == answer.content
    assert streams == (application.streamed == answer.content)
    assert "stop" == answer.finish_reason
    assert 2 * len(replies) == provider.opened
    stored = await application.conversations.get("c", "p")
    assert ["Hello?", answer.content] == [
        "".join(m.content for m in stored.messages if m.role == role)
        for role in ("user", "assistant")
    ]


async def test_failed_step_ends_run_that_goes_on(
    provider: Provider, applications: Applications
) -> None:
    """A step that failed before the last one, a function, is shown as failed, and no ending."""
    draft = Step(name="draft", agent=Agent(name="D", model=model(provider)), max_retries=0)
    application = applications(Workflow(id="w", steps=[draft, joined]))
    provider.script(Reply("One two", cut_after=1))
    answer = await application.ask()
    assert ("stop", None) == (answer.finish_reason, answer.error)
    assert answer.content.startswith("[Step skipped due to error")
    assert "failed" in [step.status for step in answer.steps if step.name == "draft"]
