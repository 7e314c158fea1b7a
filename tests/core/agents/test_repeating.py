"""What may be done again after a process has died: tools of agents, members, and whole steps."""

from collections.abc import Callable
from typing import Any

import pytest
from agno.agent import Agent
from agno.team import Team
from agno.tools import Function, Toolkit, tool
from agno.workflow import Condition, Loop, Parallel, Router, Step, StepOutput, Workflow

from app.core.agents.pausing.repeating import Repeatable

DELEGATE, BROADCAST = "delegate_task_to_member", "delegate_task_to_members"
ALL: dict[str, Any] = {"repeatable_tools": True}


def write(at: str) -> str:
    """Write."""
    return at


@tool(annotations={"idempotentHint": True})
def put(at: str) -> str:
    """Put."""
    return at


def _read(at: str) -> str:
    """Read."""
    return at


read = Function(name="read", entrypoint=_read, has_side_effects=False)


def naming(*names: str) -> dict[str, Any]:
    return {"repeatable_tools": [*names]}


def member(*tools: Any, **fields: Any) -> Agent:
    return Agent(id="m", name="Mia", tools=[*tools], **fields)


def team(*members: Any, **fields: Any) -> Team:
    return Team(id="t", members=[*members], **fields)


def whole(workflow: Any, execution_input: Any) -> Any:
    return StepOutput(content="")


def steps(*found: Any, **fields: Any) -> Callable[[], Workflow]:
    return lambda: Workflow(id="w", steps=[*found], **fields)


#: A component, a tool, the member that calls it, and whether it may run again.
TOOLS: dict[str, tuple[Any, str, str | None, bool]] = {
    "plain": (member(write), "write", None, False),
    "hint": (member(put), "put", None, True),
    "no effects": (member(read), "read", None, True),
    "in a toolkit": (member(Toolkit("k", tools=[put, write])), "put", None, True),
    "unmarked in a toolkit": (member(Toolkit("k", tools=[put, write])), "write", None, False),
    "named": (member(write, metadata=naming("write")), "write", None, True),
    "another is named": (member(write, metadata=naming("put")), "write", None, False),
    "a word in the place of names": (
        member(write, metadata={"repeatable_tools": "write"}),
        "write",
        None,
        False,
    ),
    "all": (member(write, metadata=ALL), "write", None, True),
    "unknown": (member(put), "write", None, False),
    "made for each run": (Agent(id="m", tools=lambda: [put]), "put", None, False),
    "a member's": (team(member(put)), "put", "m", True),
    "a member's, unmarked": (team(member(write)), "write", "m", False),
    "a member's that is the leader's": (team(member(write), tools=[put]), "put", "m", False),
    "the leader's that is a member's": (team(member(put), tools=[write]), "put", None, False),
    "a member names it": (team(member(write, metadata=naming("write"))), "write", "m", True),
    "the team names it": (team(member(write), metadata=naming("write")), "write", "m", True),
    "a stranger's": (team(member(put)), "put", "x", False),
    "of an agent inside a tool": (member(put), "put", "x", False),
    "of one whose outer agent says all": (member(metadata=ALL), "put", "x", True),
    "inside a team inside": (team(team(member(put))), "put", "m", True),
    "two of one id": (team(member(put), team(member(write))), "put", "m", False),
    "to who only speaks": (team(Agent(id="m")), DELEGATE, None, True),
    "to all who only speak": (team(Agent(id="m"), Agent(id="n")), BROADCAST, None, True),
    "to who reads": (team(member(read, put)), DELEGATE, None, True),
    "to who writes": (team(member(read, write)), DELEGATE, None, False),
    "to some who write": (team(member(read), Agent(id="n", tools=[write])), DELEGATE, None, False),
    "to who writes, as the team names": (
        team(member(write), metadata=naming("write")),
        DELEGATE,
        None,
        True,
    ),
    "by a team inside": (team(Team(id="i", members=[member(write)])), DELEGATE, "i", False),
    "to who has tools of the provider": (team(member({"type": "web"})), DELEGATE, None, True),
    "to who connects first": (team(member(Toolkit("k"))), DELEGATE, None, False),
    "to who remembers": (team(Agent(id="m", enable_agentic_memory=True)), DELEGATE, None, False),
    "to who is found for each run": (Team(id="t", members=list), DELEGATE, None, False),
    "a tool of that name": (
        team(Agent(id="m"), tools=[tool(name=DELEGATE)(lambda at: at)]),
        DELEGATE,
        None,
        False,
    ),
    "of an agent alone": (member(put), DELEGATE, None, False),
    "of a workflow": (steps(member(put))(), "put", None, False),
}


@pytest.mark.parametrize("name", TOOLS)
def test_tools(name: str) -> None:
    """A tool may run again if it says so, or the agent, team or member that has it; a delegation
    if all tools of the members may."""
    component, tool_name, speaker, expected = TOOLS[name]
    assert expected == Repeatable(component).tool(tool_name, speaker)


def function(step_input: Any) -> Any:
    return StepOutput(content="")


def reading() -> Step:
    return Step("reads", agent=member(read))


def writing() -> Step:
    return Step("writes", agent=member(write))


def parallel() -> Any:
    inside: list[Any] = [reading(), writing()]
    return Parallel(*inside, name="p")


#: A workflow, the step that has begun, and whether it may begin again.
STEPS: dict[str, tuple[Callable[[], Any], str, bool]] = {
    "reads": (steps(reading(), writing()), "reads", True),
    "writes": (steps(reading(), writing()), "writes", False),
    "an agent itself": (steps(member(read)), "Mia", True),
    "a team": (steps(Step("s", team=team(member(read)))), "s", True),
    "a team that writes": (steps(Step("s", team=team(member(write)))), "s", False),
    "a function": (steps(function), "function", False),
    "a function that is named": (
        steps(function, metadata=naming("function")),
        "function",
        True,
    ),
    "a step with a function": (steps(Step("s", executor=function)), "s", False),
    "that is named": (
        steps(Step("s", executor=function), metadata=naming("function")),
        "s",
        True,
    ),
    "a step that is named": (
        steps(Step("s", executor=function), metadata=naming("s")),
        "s",
        True,
    ),
    "all": (steps(function, writing(), metadata=ALL), "writes", True),
    "in a loop": (steps(Loop(name="l", steps=[reading(), writing()])), "l", False),
    "in a loop that reads": (steps(Loop(name="l", steps=[reading()])), "l", True),
    "inside": (steps(parallel()), "reads", True),
    "in parallel": (steps(parallel()), "p", False),
    "under a condition": (
        steps(Condition(name="c", evaluator=True, steps=[reading()], else_steps=[writing()])),
        "c",
        False,
    ),
    "of a choice": (
        steps(Router(name="r", choices=[reading(), [writing()]], selector=lambda _: [])),
        "r",
        False,
    ),
    "in a workflow inside": (
        steps(Step("s", workflow=Workflow(id="i", steps=[reading()]))),
        "s",
        True,
    ),
    "in a workflow inside that writes": (
        steps(Step("s", workflow=Workflow(id="i", steps=[reading(), writing()]))),
        "s",
        False,
    ),
    "without a name, all reads": (steps(Agent(id="m", tools=[read])), "step_1", True),
    "without a name, some writes": (steps(Agent(id="m"), writing()), "step_1", False),
    "found for each run": (lambda: Workflow(id="w", steps=whole), "step_1", False),
    "of an agent": (lambda: member(put), "s", False),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps(name: str) -> None:
    """A step may begin again if all that can happen inside it may."""
    make, step, expected = STEPS[name]
    assert expected == Repeatable(make()).step(step)
