"""Agents of other frameworks, and what runs on another AgentOS, answer here as they do there."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent, RemoteAgent
from agno.agents.base import BaseExternalAgent
from agno.db.in_memory import InMemoryDb
from agno.models.openai import OpenAIChat
from agno.os import AgentOS
from agno.run.agent import RunContentEvent, RunOutputEvent
from agno.team import Team
from agno.team.remote import RemoteTeam
from agno.workflow import Step, Workflow
from agno.workflow.remote import RemoteWorkflow

from tests.applications.doors import ALL, HISTORY, PAST, Asked
from tests.applications.teams import delegate
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Served, Server
from tests.streaming.reader import ask, chunks

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Agno closes no models


class Echo(BaseExternalAgent):
    """An agent of another framework: it repeats what it is told, and fails or waits on request."""

    def __init__(self, **fields: Any) -> None:
        self.name, self.id = fields.get("name", "Echo"), fields.get("id")
        self.db = fields.get("db")
        self.__post_init__()

    async def _arun_adapter(self, input: Any, **kwargs: Any) -> str:
        return f"You wrote: {input}"

    async def _arun_adapter_stream(
        self, input: Any, *, history: Any = None, **kwargs: Any
    ) -> AsyncIterator[RunOutputEvent]:
        if "fail" in str(input):
            raise RuntimeError("the other framework is down")
        for word in ("You ", "wrote: ", str(input), f" after {len(history or [])}"):
            yield RunContentEvent(content=word, run_id=kwargs["run_id"], agent_id=self.id or "")


class Duck:
    """No class of Agno's, but an `arun()` like an agent's."""

    id = "duck"

    async def arun(
        self, text: str, *, stream: bool, session_id: str, user_id: str
    ) -> AsyncIterator[RunOutputEvent]:
        yield RunContentEvent(content=f"Quack, {text}", run_id="theirs")


@pytest.mark.parametrize("door", ALL, ids=lambda door: door.name)
async def test_external_agent_does_not_answer(serve: Serve, door: Any) -> None:
    """An agent of another framework answers on every door, and reads the client's history."""
    server = serve(agents=[Echo(id="echo")])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        answer = await door.ask(http, Asked("echo", "Hello?", "c"))

    assert not answer.failed
    assert "Hello? after 0" in answer.content
    assert (PAST in answer.content) == door.history


@pytest.mark.parametrize("own", [True, False], ids=["own-store", "no-store"])
async def test_external_agent_forgets(serve: Serve, own: bool) -> None:
    """Its turns are in the conversation, and it reads the earlier ones, whoever stores them."""
    db = InMemoryDb() if own else None  # type: ignore[no-untyped-call]  # Agno leaves it untyped
    server = serve(agents=[Echo(id="echo", db=db)])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        bodies = [{"message": m, "conversation_id": "c", "stream": False} for m in ("One", "Two")]
        _, second = [await http.post("/api/v1/chat", json=body) for body in bodies]
        stored = (await http.get("/api/v1/conversations/c")).json()

    assert "You wrote: Two after 2" == second.json()["content"]
    shown = [(message["role"], message["content"]) for message in stored["messages"]]
    assert [("user", "One"), ("user", "Two")] == [row for row in shown if row[0] == "user"]
    assert ("assistant", "You wrote: One after 0") == shown[1]


async def test_failure_of_external_agent_is_an_answer(serve: Serve) -> None:
    """Its exception is the ending of the run."""
    server = serve(agents=[Echo(id="echo")])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        body = {"message": "Please fail.", "stream": False}
        answer = (await http.post("/api/v1/chat", json=body)).json()

    assert "agent_failed" == answer["error"]["code"]


async def test_duck_is_not_served(serve: Serve) -> None:
    """Anything with an `arun()` of the same shape answers, and its turns are stored for it."""
    server = serve(agents=[Duck()])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        body = {"message": "Hello?", "conversation_id": "c", "stream": False}
        answer = (await http.post("/api/v1/chat", json=body)).json()
        stored = (await http.get("/api/v1/conversations/c")).json()

    assert ("Quack, Hello?", "stop") == (answer["content"], answer["finish_reason"])
    assert ["Hello?", "Quack, Hello?"] == [message["content"] for message in stored["messages"]]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [1], "output_schema": {"type": "object"}}, "output_schema"),
        ({"session_state": {"a": 1}}, "session_state"),
        ({"model": "test-model"}, "model"),
    ],
)
async def test_field_is_lost_on_the_way_to_a_duck(
    serve: Serve, fields: dict[str, Any], named: str
) -> None:
    """What it has no place for is refused by name."""
    server = serve(agents=[Duck()])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        reply = await http.post("/api/v1/chat", json={"message": "Hello?", **fields})

    assert 422 == reply.status_code
    assert reply.json()["error"]["message"].startswith(f"{named}: ")


@contextmanager
def agent_os(provider: Provider) -> Iterator[str]:
    """The URL of another server: an AgentOS with an agent, a team and a workflow."""

    def model(name: str) -> OpenAIChat:
        return OpenAIChat(id=name, base_url=provider.url, api_key="sk-test-0123456789")

    def wait(city: str) -> str:
        """Wait for a city."""
        return city

    agent = Agent(id="far", name="Far", model=model("far"), tools=[wait])
    member = Agent(id="art", name="Art", model=model("art"))
    team = Team(id="crew", name="Crew", model=model("crew"), members=[member])
    step = Step(name="only", agent=Agent(id="stepper", name="Stepper", model=model("stepper")))
    workflow = Workflow(id="flow", name="Flow", steps=[step])
    db = InMemoryDb()  # type: ignore[no-untyped-call]  # Agno leaves it without types
    for one in (agent, team, workflow):
        one.db = db
    system = AgentOS(
        agents=[agent], teams=[team], workflows=[workflow], telemetry=False, a2a_interface=True
    )
    with Served(system.get_app()) as served:
        yield served.url


REMOTE = [
    (RemoteAgent, "far", {"far": [Reply("I am far away.")]}, "I am far away."),
    (
        RemoteTeam,
        "crew",
        {"crew": [delegate("art"), Reply("The crew says: blue.")], "art": [Reply("Blue.")]},
        "The crew says: blue.",
    ),
    (RemoteWorkflow, "flow", {"stepper": [Reply("The step is done.")]}, "The step is done."),
]


@pytest.mark.parametrize(("kind", "name", "replies", "content"), REMOTE, ids=lambda v: str(v)[:24])
async def test_remote_component_does_not_answer(
    provider: Provider,
    tmp_path: Path,
    kind: Any,
    name: str,
    replies: dict[str, list[Reply]],
    content: str,
) -> None:
    """What runs on another AgentOS streams its answer, is stored here, and has this run's id."""
    for model, row in replies.items():
        provider.script_model(model, *row)
    with agent_os(provider) as url:
        remote = kind(base_url=url, **{f"{kind.__name__.removeprefix('Remote').lower()}_id": name})
        with Server(tmp_path, agents=[remote]) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
                async with ask(http, agent=name, conversation_id="c") as source:
                    got = [chunk async for chunk in chunks(source)]
                stored = (await http.get("/api/v1/conversations/c")).json()
                listed = (await http.get("/api/v1/agents")).json()

    last = got[-1]
    assert ("stop", True) == (last["finish_reason"], last["done"])
    text = "".join(chunk["content"] for chunk in got)
    assert content == last.get("final", text)
    assert content == stored["messages"][-1]["content"]
    assert name in json.dumps(listed)
    if kind is RemoteTeam:
        said = [chunk["said"]["content"] for chunk in got if "content" in chunk.get("said", {})]
        assert "Blue." == "".join(said)


async def test_remote_server_is_down(serve: Serve) -> None:
    """The server starts without the other one, and an answer says what cannot be reached."""
    remote: Any = RemoteAgent(base_url="http://127.0.0.1:9", agent_id="far")
    server = serve(agents=[remote])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        body = {"message": "Hello?", "messages": HISTORY, "stream": False}
        reply = await http.post("/api/v1/chat", json=body)

    assert 503 == reply.status_code
    assert "'far' cannot be reached" in reply.json()["error"]["message"]


async def test_remote_member_stops_server(provider: Provider, tmp_path: Path) -> None:
    """A team with a member on another server starts and is listed without it, and works with it."""
    provider.script_model("lead", delegate("far"), Reply("Far says: blue."))
    provider.script_model("far", Reply("Blue."))
    lead = OpenAIChat(id="lead", base_url=provider.url, api_key="sk-test-0123456789")
    with agent_os(provider) as url:
        away: Any = RemoteAgent(base_url="http://127.0.0.1:9", agent_id="away")
        remote: Any = RemoteAgent(base_url=url, agent_id="far")
        teams = [Team(id="b", model=lead, members=[remote]), Team(id="a", members=[away])]
        with Server(tmp_path, agents=teams) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
                listed = (await http.get("/api/v1/agents")).json()["agents"]
                body = {"message": "Which colour?", "agent": "b", "stream": False}
                answer = (await http.post("/api/v1/chat", json=body)).json()

    assert [["far"], ["away"]] == [[m["name"] for m in team["members"]] for team in listed]
    assert "Far says: blue." == answer["content"]
    assert "Blue." == "".join(said["content"] for said in answer["said"])


async def test_cancel_does_not_reach_remote_run(provider: Provider, tmp_path: Path) -> None:
    """A cancelled run is cancelled on its server, too: its upstream request ends."""
    provider.script_model("far", Reply("A long answer.", stall_after=1))
    with agent_os(provider) as url:
        remote = RemoteAgent(base_url=url, agent_id="far")
        with Server(tmp_path, agents=[remote]) as server:
            async with (
                httpx.AsyncClient(base_url=server.url, timeout=30) as http,
                ask(http, agent="far") as source,
            ):
                run_id = source.response.headers["x-run-id"]
                got = []
                async for chunk in chunks(source):
                    got.append(chunk)
                    if chunk["content"]:
                        await http.post(f"/api/v1/runs/{run_id}/cancel")
            await asyncio.to_thread(provider.wait_for, lambda: provider.aborted == 1)

    assert "cancelled" == got[-1]["finish_reason"]
