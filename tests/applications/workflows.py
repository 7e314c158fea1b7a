"""Workflows of every kind of step, and factories."""

from collections.abc import AsyncIterator
from typing import Any

from agno.agent import Agent, AgentFactory
from agno.factory import RequestContext
from agno.run.agent import RunContentEvent
from agno.team import Team, TeamMode
from agno.team.factory import TeamFactory
from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow
from agno.workflow.factory import WorkflowFactory
from agno.workflow.types import StepInput, StepOutput

from tests.applications.kind import Site, kind
from tests.applications.outputs import Topic
from tests.applications.teams import SCOUTED, delegate, member, scout
from tests.provider_replies import Reply

DRAFT, FINAL = [Reply("A draft on whales.")], [Reply("The final text.")]
BOTH = {"draft": DRAFT, "final": FINAL}


def step(site: Site, name: str) -> Any:  # Agno's types leave out that steps nest
    """A `Step` without retries, which would replace a reply that failed by another one."""
    agent = Agent(name=name, id=name, model=site.model(name))
    return Step(name=name, agent=agent, max_retries=0)


@kind(others=BOTH, answering="final", seen="A draft on whales.", history=False, shows="step")
def workflow_steps(site: Site) -> Workflow:
    return Workflow(name="Steps", steps=[step(site, "draft"), step(site, "final")])


@kind(others=BOTH, answering="final", seen="A draft on whales.", history=False, faults=False)
def workflow_agents(site: Site) -> Workflow:
    agents: Any = [Agent(name=name, model=site.model(name)) for name in BOTH]
    return Workflow(name="Agents", steps=agents)


@kind(others={"draft": DRAFT}, answering="draft", history=False, faults=False, shows="step")
def workflow_function(site: Site) -> Workflow:
    def shout(step_input: StepInput) -> StepOutput:
        return StepOutput(content=str(step_input.previous_step_content).upper())

    return Workflow(
        name="Function", steps=[step(site, "draft"), Step(name="up", executor=shout, max_retries=0)]
    )


@kind(history=False, faults=False)
def workflow_async_function(site: Site) -> Workflow:
    async def greet(step_input: StepInput) -> StepOutput:
        return StepOutput(content=f"You wrote: {step_input.input}")

    return Workflow(name="Greeter", steps=[greet])


# Its model is the function's own, so the server cannot know how its requests end.
@kind(others={"draft": DRAFT}, answering="draft", history=False, faults=False)
def workflow_stream_function(site: Site) -> Workflow:
    agent = Agent(name="inner", model=site.model("draft"))

    async def pass_on(step_input: StepInput) -> AsyncIterator[Any]:
        text = ""
        async for event in agent.arun(str(step_input.input), stream=True, stream_events=True):
            if isinstance(event, RunContentEvent):
                text += str(event.content or "")
            yield event
        yield StepOutput(content=text)

    return Workflow(name="Passing", steps=[Step(name="pass", executor=pass_on, max_retries=0)])


@kind(
    others={"final": FINAL, "left": [Reply("Left.")], "right": [Reply("Right.")]},
    answering="final",
    seen=("Left.", "Right."),
    history=False,
    shows="step",
)
def workflow_parallel(site: Site) -> Workflow:
    sides = Parallel(step(site, "left"), step(site, "right"), name="Sides")
    return Workflow(name="Parallel", steps=[sides, step(site, "final")])


@kind(
    # Streaming, the step that ends last has the answer, else the last one of the list.
    others={"left": [Reply("Left.")], "right": [Reply("Right.", delay_headers=0.5)]},
    answering="right",
    history=False,
)
def workflow_ends_in_parallel(site: Site) -> Workflow:
    sides = Parallel(step(site, "left"), step(site, "right"), name="Sides")
    return Workflow(name="Open end", steps=[sides])


@kind(
    others={"draft": [Reply("First try."), Reply("It is done.")]},
    answering="draft",
    history=False,
    faults=False,
    shows="step",
)
def workflow_loop(site: Site) -> Workflow:
    def done(outputs: list[StepOutput]) -> bool:
        return any("done" in str(output.content) for output in outputs)

    loop = Loop(name="Tries", steps=[step(site, "draft")], end_condition=done, max_iterations=3)
    return Workflow(name="Loop", steps=[loop])


@kind(others=BOTH, answering="final", history=False, shows="step")
def workflow_condition(site: Site) -> Workflow:
    check = Condition(
        name="Whales?",
        evaluator=lambda step_input: "whales" in str(step_input.previous_step_content),
        steps=[step(site, "final")],
    )
    return Workflow(name="Condition", steps=[step(site, "draft"), check])


@kind(others={"final": FINAL}, answering="final", history=False, shows="step")
def workflow_router(site: Site) -> Workflow:
    draft, final = step(site, "draft"), step(site, "final")
    router = Router(name="Which?", choices=[draft, final], selector=lambda step_input: [final])
    return Workflow(name="Router", steps=[router])


@kind(others=BOTH, answering="final", history=False, shows="step")
def workflow_group(site: Site) -> Workflow:
    group = Steps(name="Group", steps=[step(site, "draft"), step(site, "final")])
    return Workflow(name="Grouped", steps=[group])


@kind(
    delegate("weather"),
    Reply("The team reports sun."),
    others={"weather": SCOUTED},
    seen="The scout reports sun.",
    history=False,
    shows=("step", "speaker"),
)
def workflow_of_team(site: Site) -> Workflow:
    team = Team(name="Team", model=site.model(), members=[scout(site), member(site, "art")])
    return Workflow(name="Team workflow", steps=[Step(name="team", team=team, max_retries=0)])


@kind(
    delegate("weather"),
    others={"weather": SCOUTED},
    answering="weather",
    history=False,
    shows=("step", "speaker"),
)
def workflow_of_routing_team(site: Site) -> Workflow:
    team = Team(name="Team", model=site.model(), members=[scout(site)], mode=TeamMode.route)
    return Workflow(name="Router team", steps=[Step(name="team", team=team, max_retries=0)])


@kind(others=BOTH, answering="final", history=False, shows="step")
def workflow_of_workflow(site: Site) -> Workflow:
    inner = Workflow(name="Inner", steps=[step(site, "draft"), step(site, "final")])
    return Workflow(name="Outer", steps=[Step(name="inner", workflow=inner, max_retries=0)])


@kind(
    others={"draft": [Reply(status=400)], "final": FINAL},
    answering="final",
    seen="skipped due to error",
    history=False,
    shows="step",
)
def workflow_step_skipped(site: Site) -> Workflow:
    return Workflow(name="Skipping", steps=[step(site, "draft"), step(site, "final")])


@kind(
    others={"draft": DRAFT, "final": FINAL, "else": [Reply("No whales.")]},
    answering="else",
    history=False,
    shows="step",
)
def workflow_condition_else(site: Site) -> Workflow:
    check = Condition(
        name="Whales?",
        evaluator=False,
        steps=[step(site, "final")],
        else_steps=[step(site, "draft"), step(site, "else")],
    )
    return Workflow(name="Else", steps=[check])


@kind(others={"final": FINAL}, answering="final", history=False, shows="step")
def workflow_router_by_name(site: Site) -> Workflow:
    async def choose(step_input: StepInput, step_choices: list[Any]) -> Any:
        return str(step_choices[-1].name)

    choices = [step(site, "draft"), Steps(name="group", steps=[step(site, "final")])]
    selector: Any = choose  # Agno's types leave out `step_choices`
    router = Router(name="Which?", choices=choices, selector=selector)
    return Workflow(name="By name", steps=[router])


@kind(
    others={"draft": DRAFT},
    answering="draft",
    question='{"topic": "AI"}',
    seen='"sources": 5',
    history=False,
)
def workflow_input_schema(site: Site) -> Workflow:
    return Workflow(name="Typed", steps=[step(site, "draft")], input_schema=Topic)


@kind(Reply("For you."), seen="You serve anonymous.")
def agent_factory(site: Site) -> AgentFactory:
    def build(context: RequestContext) -> Agent:
        return Agent(model=site.model(), instructions=f"You serve {context.user_id}.")

    return AgentFactory(id=site.kind, db=site.store(), factory=build)


@kind(Reply("For the team."))
def team_factory(site: Site) -> TeamFactory:
    async def build(context: RequestContext) -> Team:
        return Team(model=site.model(), members=[member(site, "art")])

    return TeamFactory(id=site.kind, db=site.store(), factory=build)


@kind(others=BOTH, answering="final", history=False)
def workflow_factory(site: Site) -> WorkflowFactory:
    def build(context: RequestContext) -> Workflow:
        return Workflow(name="Made", steps=[step(site, "draft"), step(site, "final")])

    return WorkflowFactory(id=site.kind, db=site.store(), factory=build)
