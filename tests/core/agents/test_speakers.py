"""What members, steps and nested agents say is reported beside the answer, in its order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.exceptions import RunCancelledException
from agno.run.agent import CustomEvent
from agno.team import Team
from agno.workflow import Loop, Step, Workflow

from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply


@dataclass
class Progress(CustomEvent):
    """An event of the application's own."""

    percent: int = 0


def agent(provider: Provider, name: str, **options: Any) -> Agent:
    return Agent(id=name.lower(), name=name, model=model(provider), telemetry=False, **options)


def weather(city: str) -> str:
    """The weather of a city."""
    return f"snow in {city}"


async def test_member_speaks_in_answer(provider: Provider, applications: Applications) -> None:
    """A member's text and tools are its own, and the leader's text alone is the answer."""
    bob = agent(provider, "Bob", tools=[weather])
    team = Team(id="t", name="T", members=[bob], model=model(provider), telemetry=False)
    application = applications(team)
    provider.script(
        Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "bob", "task": "Ask."}')]),
        Reply("I look. ", tool_calls=[("weather", '{"city": "Oslo"}')]),
        Reply("It snows."),
        Reply("Bob says: snow."),
    )
    answer = await application.ask()
    assert "Bob says: snow." == answer.content == application.streamed
    (said,) = answer.said
    assert ("bob", "Bob", "member", 1) == (
        said.speaker.id,
        said.speaker.name,
        said.speaker.kind,
        said.speaker.depth,
    )
    assert "I look. It snows." == said.content
    assert ["weather"] == [tool.name for tool in said.tools]
    assert ["delegate_task_to_member"] == [tool.name for tool in answer.tools]
    assert answer.usage is not None
    assert not answer.usage.estimated


async def test_steps_are_out_of_order(provider: Provider, applications: Applications) -> None:
    """Steps report when they begin and end; what the last one says is the answer, as it comes."""
    flow = Workflow(
        id="w",
        name="W",
        steps=[
            Loop(
                name="again",
                steps=[Step(name="draft", agent=agent(provider, "A"))],
                max_iterations=2,
            ),
            Step(name="final", agent=agent(provider, "B")),
        ],
        telemetry=False,
    )
    application = applications(flow)
    provider.script(Reply("One."), Reply("Two."), Reply("Three words here."))
    answer = await application.ask()
    assert "Three words here." == answer.content == application.streamed
    assert 1 < sum(bool(chunk.content) for chunk in application.chunks)
    steps = [(c.step.name, c.step.kind, c.step.status) for c in application.chunks if c.step]
    assert ("again", "loop", "started") == steps[0]
    assert [("final", "step", "started"), ("final", "step", "completed")] == steps[-2:]
    iterations = [c.step.iteration for c in application.chunks if c.step and c.step.iteration]
    assert [1, 1, 2, 2] == iterations
    assert ["One.", "Two."] == [said.content for said in answer.said]
    assert {"draft"} == {said.speaker.name for said in answer.said}
    assert {"step"} == {said.speaker.kind for said in answer.said}


async def test_custom_event_is_lost(provider: Provider, applications: Applications) -> None:
    """An event of the application's own is reported with its name and its fields."""

    async def work() -> AsyncIterator[Any]:
        """Work."""
        yield Progress(percent=30)
        yield "done"

    application = applications(agent(provider, "A", tools=[work]))
    provider.script(Reply(tool_calls=[("work", "{}")]), Reply("Done."))
    answer = await application.ask()
    assert [("Progress", {"percent": 30})] == [(e.name, e.data) for e in answer.events]


async def test_end_of_nested_run_ends_outer_one(
    provider: Provider, applications: Applications
) -> None:
    """A nested agent that fails, is cancelled or pauses ends itself, and not the agent that
    called it."""

    def pay(amount: int) -> str:
        """Pay."""
        raise RunCancelledException("enough")

    nested = [
        agent(provider, "Failing"),
        agent(provider, "Cancelled", tools=[pay]),
    ]

    async def ask(which: int) -> AsyncIterator[Any]:
        """Ask another agent."""
        async for event in nested[which].arun("q", stream=True, stream_events=True):
            yield event

    application = applications(agent(provider, "Outer", tools=[ask]), beside=tuple(nested))
    provider.script(
        Reply(tool_calls=[("ask", '{"which": 0}')]),
        Reply(status=400),
        Reply(tool_calls=[("ask", '{"which": 1}')]),
        Reply(tool_calls=[("pay", '{"amount": 1}')]),
        Reply("I went on."),
    )
    answer = await application.ask()
    assert ("I went on.", "stop", None) == (answer.content, answer.finish_reason, answer.error)
    assert ["RunError", "RunCancelled"] == [event.name for event in answer.events]
    speakers = [chunk.speaker for chunk in application.chunks if chunk.event]
    assert ["Failing", "Cancelled"] == [speaker.name for speaker in speakers if speaker]


async def test_followups_are_lost(provider: Provider, applications: Applications) -> None:
    """What the reader may ask next is in the last chunk, and not in the text."""
    application = applications(agent(provider, "A", followups=True))
    provider.script(Reply("Snow."), Reply('{"suggestions": ["And then?", "Why?"]}'))
    answer = await application.ask()
    assert "Snow." == answer.content == application.streamed
    assert answer.followups
    assert application.chunks[-1].followups == answer.followups
