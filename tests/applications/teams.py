"""Teams in every mode, and nested ones."""

import json

from agno.agent import Agent
from agno.exceptions import InputCheckError
from agno.run import RunContext
from agno.run.team import TeamRunInput
from agno.team import Team, TeamMode

from tests.applications.kind import MAIN, Site, Turn, kind
from tests.applications.outputs import OSLO, City
from tests.applications.tools import calls, weather
from tests.provider_replies import Reply


def delegate(member: str, task: str = "Look it up") -> Reply:
    arguments = json.dumps({"member_id": member, "task": task})
    return Reply(tool_calls=[("delegate_task_to_member", arguments)])


TO_ALL = Reply(tool_calls=[("delegate_task_to_members", '{"task": "Look it up"}')])


def member(site: Site, name: str) -> Agent:
    return Agent(name=name, id=name, role=f"Knows all of {name}", model=site.model(name))


def scout(site: Site) -> Agent:
    """A member with a tool."""
    agent = member(site, "weather")
    agent.tools = [weather]
    return agent


SCOUTED = [calls("weather"), Reply("The scout reports sun.")]


@kind(
    delegate("weather"),
    Reply("The leader says: sun."),
    others={"weather": SCOUTED},
    seen="The scout reports sun.",
    shows=("tool", "speaker"),
)
def team_coordinates(site: Site) -> Team:
    return Team(name="Coordinators", model=site.model(), members=[scout(site), member(site, "art")])


@kind(Reply("The leader knows that."))
def team_leader_alone(site: Site) -> Team:
    return Team(name="Leaders", model=site.model(), members=[member(site, "art")])


@kind(
    delegate("weather"),
    others={"weather": SCOUTED},
    answering="weather",
    history=False,
    shows=("tool", "speaker"),
)
def team_routes(site: Site) -> Team:
    return Team(
        name="Routers",
        model=site.model(),
        members=[scout(site), member(site, "art")],
        mode=TeamMode.route,
    )


@kind(
    delegate("art"),
    others={"art": [Reply("The painter answers.")]},
    answering="art",
    history=False,
)
def team_responds_directly(site: Site) -> Team:
    return Team(
        name="Direct",
        model=site.model(),
        members=[member(site, "art")],
        respond_directly=True,
        determine_input_for_members=False,
    )


@kind(
    TO_ALL,
    Reply("Both agree."),
    others={"weather": SCOUTED, "art": [Reply("The painter agrees.")]},
    seen=("The scout reports sun.", "The painter agrees."),
    shows=("tool", "speaker"),
)
def team_broadcasts(site: Site) -> Team:
    return Team(
        name="Broadcasters",
        model=site.model(),
        members=[scout(site), member(site, "art")],
        mode=TeamMode.broadcast,
    )


@kind(
    delegate("inner"),
    Reply("The outer leader says: sun."),
    others={
        "inner": [delegate("weather"), Reply("The inner leader says: sun.")],
        "weather": SCOUTED,
    },
    seen="The inner leader says: sun.",
    shows=("tool", "speaker"),
)
def team_nested(site: Site) -> Team:
    inner = Team(name="inner", id="inner", model=site.model("inner"), members=[scout(site)])
    return Team(name="Outer", model=site.model(), members=[inner])


@kind(
    delegate("inner"),
    others={"inner": [delegate("weather")], "weather": SCOUTED},
    answering="weather",
    history=False,
    shows=("tool", "speaker"),
)
def team_routes_to_team(site: Site) -> Team:
    inner = Team(
        name="inner",
        id="inner",
        model=site.model("inner"),
        members=[scout(site)],
        mode=TeamMode.route,
    )
    return Team(name="Outer", model=site.model(), members=[inner], mode=TeamMode.route)


TASK = '{"title": "Look", "description": "Look it up", "assignee": "art"}'


@kind(
    calls("create_task", arguments=TASK),
    calls("mark_all_complete", arguments='{"summary": "All is done."}'),
    Reply("The tasks are done."),
    history=False,
    shows="tool",
)
def team_tasks(site: Site) -> Team:
    return Team(
        name="Planners", model=site.model(), members=[member(site, "art")], mode=TeamMode.tasks
    )


@kind(
    delegate("art"),
    Reply("The painter is ill."),
    others={"art": [Reply(status=400)]},
    shows=("tool", "speaker"),
)
def team_member_fails(site: Site) -> Team:
    return Team(name="Unlucky", model=site.model(), members=[member(site, "art")])


@kind(calls("weather"), Reply("The leader looked."), seen="21 degrees in Oslo")
def team_leader_tool(site: Site) -> Team:
    return Team(name="Tooled", model=site.model(), members=[member(site, "art")], tools=[weather])


@kind(delegate("art"), Reply(OSLO), others={"art": [Reply("Oslo it is.")]}, seen="Oslo it is.")
def team_output_schema(site: Site) -> Team:
    return Team(
        name="Structured", model=site.model(), members=[member(site, "art")], output_schema=City
    )


@kind(Reply("x"), question="The forbidden word?", blocked=True)
def team_guardrail_refuses(site: Site) -> Team:
    def check(run_input: TeamRunInput) -> None:
        if "forbidden" in run_input.input_content.lower():  # type: ignore[union-attr]
            raise InputCheckError("That word is forbidden.")

    return Team(
        name="Guarded", model=site.model(), members=[member(site, "art")], pre_hooks=[check]
    )


@kind(
    calls("count", arguments="{}"),
    Reply("Twice."),
    earlier=(Turn("Count.", {MAIN: [calls("count", arguments="{}"), Reply("Once.")]}),),
    seen="counted 2",
    history=False,
)
def team_session_state(site: Site) -> Team:
    def count(run_context: RunContext) -> str:
        """Count the calls."""
        state = run_context.session_state
        assert state is not None
        state["count"] = state.get("count", 0) + 1
        return f"counted {state['count']}"

    return Team(
        name="Counting",
        model=site.model(),
        members=[member(site, "art")],
        tools=[count],
        db=site.store(),
        session_state={"count": 0},
    )
