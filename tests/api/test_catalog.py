"""The catalog describes what a request can name: tools, members, steps, and how to begin."""

from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.team import Team
from agno.tools import Toolkit, tool
from agno.workflow import Condition, Loop, Parallel, Router, Step, Workflow
from agno.workflow.types import StepInput, StepOutput

from tests.conftest import Serve
from tests.provider import Provider


def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    return city


@tool(description="Pays a bill.")
def pay(amount: int) -> str:
    return str(amount)


def count(step_input: StepInput) -> StepOutput:
    """Counts the words."""
    return StepOutput(content="3")


def sums(numbers: list[int]) -> int:
    """Adds numbers."""
    return sum(numbers)


def agent(name: str, **fields: Any) -> Any:
    return Agent(id=name.lower(), name=name, telemetry=False, **fields)


def made(user_id: str) -> Any:
    """An agent for each user."""
    return agent("Made")


bob: Any = Step(name="Bob", agent=agent("Bob"))

TOOLS: list[Any] = [weather, pay, Toolkit("numbers", tools=[sums]), {"type": "web_search"}]

AGENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "agent": (
        agent(
            "Ann",
            description="Knows the weather.",
            tools=TOOLS,
            metadata={"suggestions": ["Is it  cold?", 3, ""], "quick_prompts": ["Pay 3."]},
        ),
        {
            "id": "ann",
            "name": "Ann",
            "kind": "agent",
            "description": "Knows the weather.",
            "tools": [
                {"name": "weather", "description": "The weather of a city."},
                {"name": "pay", "description": "Pays a bill."},
                {"name": "sums", "description": "Adds numbers."},
                {"name": "web_search", "description": ""},
            ],
            "suggestions": ["Is it  cold?", "Pay 3."],
        },
    ),
    "team": (
        Team(
            id="team",
            name="Team",
            telemetry=False,
            members=[
                agent("Bob", role="Pays", tools=[pay]),
                Team(id="inner", name="Inner", members=[agent("Eve")], telemetry=False),
            ],
        ),
        {
            "id": "team",
            "name": "Team",
            "kind": "team",
            "description": "",
            "tools": [],
            "members": [
                {
                    "id": "bob",
                    "name": "Bob",
                    "kind": "agent",
                    "description": "Pays",
                    "tools": [{"name": "pay", "description": "Pays a bill."}],
                },
                {
                    "id": "inner",
                    "name": "Inner",
                    "kind": "team",
                    "description": "",
                    "tools": [],
                    "members": [
                        {
                            "id": "eve",
                            "name": "Eve",
                            "kind": "agent",
                            "description": "",
                            "tools": [],
                        }
                    ],
                },
            ],
            "suggestions": [],
        },
    ),
    "workflow": (
        Workflow(
            id="flow",
            name="Flow",
            description="Does it step by step.",
            telemetry=False,
            metadata={"quick_prompts": ["Begin."]},
            steps=[
                Step(name="Look", agent=agent("Ann", role="Looks", tools=[weather])),
                Loop(name="Again", steps=[Step(name="Count", executor=count)]),
                Parallel(bob, name="Both"),
                Condition(name="If", evaluator=True, steps=[agent("Eve")]),
                Router(name="Which", selector=lambda _: [], choices=[agent("Dan")]),
                count,
            ],
        ),
        {
            "id": "flow",
            "name": "Flow",
            "kind": "workflow",
            "description": "Does it step by step.",
            "tools": [],
            "steps": [
                ("Look", "step", "Looks", ["weather"], None),
                ("Again", "loop", "", [], [("Count", "step", "", [], None)]),
                ("Both", "parallel", "", [], [("Bob", "step", "", [], None)]),
                ("If", "condition", "", [], [("Eve", "agent", "", [], None)]),
                ("Which", "router", "", [], [("Dan", "agent", "", [], None)]),
                ("count", "step", "Counts the words.", [], None),
            ],
            "suggestions": ["Begin."],
        },
    ),
    "factory": (
        made,
        {
            "id": "made",
            "name": "made",
            "kind": "factory",
            "description": "An agent for each user.",
            "tools": [],
            "suggestions": [],
        },
    ),
}


def short(step: dict[str, Any]) -> tuple[Any, ...]:
    """A step as the table has it."""
    inside = step.get("steps")
    tools = [one["name"] for one in step["tools"]]
    steps = None if inside is None else [short(one) for one in inside]
    return step["name"], step["kind"], step["description"], tools, steps


@pytest.mark.parametrize("kind", AGENTS)
async def test_description_of_agents(serve: Serve, kind: str) -> None:
    """An agent is listed with its tools, a team with its members, a workflow with its steps, each
    with the questions that its application declares."""
    component, expected = AGENTS[kind]
    async with httpx.AsyncClient(base_url=serve(agents=[component]).url) as http:
        (found,) = (await http.get("/api/v1/agents")).json()["agents"]
    if "steps" in found:
        found["steps"] = [short(step) for step in found["steps"]]
    also = {"model": "test-model", "default": True, "takes_system": False}
    assert {**also, **expected} == found


async def test_system_prompt_of_a_caller(serve: Serve, provider: Provider) -> None:
    """A question has a system prompt of its own, and a turn that is answered again, only for an
    agent whose metadata allow it, or for the built-in one."""
    allows: dict[str, Any] = {"metadata": {"system_prompt": True}}
    agents = [
        agent("Open", **allows),
        agent("Closed"),
        agent("Text", metadata={"system_prompt": 1}),
    ]
    async with httpx.AsyncClient(base_url=serve(agents=agents).url) as http:
        listed = (await http.get("/api/v1/agents")).json()["agents"]
        assert [True, False, False] == [one["takes_system"] for one in listed]
        body: dict[str, Any]
        run = ""
        for name, status in (("open", 200), ("closed", 422), ("text", 422), (None, 200)):
            body = {"message": "Hi", "system": "Speak in verse.", "agent": name, "stream": False}
            response = await http.post("/api/v1/chat", json=body)
            assert status == response.status_code
            if status == 422:
                assert "takes no system prompt" in response.json()["error"]["message"]
            else:
                run = response.json()["run_id"]
        again = f"/api/v1/runs/{run}/regenerate"
        for name, status in (("closed", 422), (None, 200)):
            body = {"system": "Speak in prose.", "agent": name, "stream": False}
            assert status == (await http.post(again, json=body)).status_code
        body = {"message": "Hi", "agent": "closed", "system": "", "stream": False}
        assert 200 == (await http.post("/api/v1/chat", json=body)).status_code
    sent = [str(request.body["messages"]) for request in provider.requests]
    assert ["verse", "verse", "prose", None] == [
        next((word for word in ("verse", "prose") if word in messages), None) for messages in sent
    ]
    async with httpx.AsyncClient(base_url=serve().url) as http:
        assert (await http.get("/api/v1/agents")).json()["agents"][0]["takes_system"]
