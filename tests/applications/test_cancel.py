"""A cancel ends an application that is inside a tool, wherever the tool is called."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.team import Team, TeamMode
from agno.workflow import Parallel, Workflow

from tests.applications.kind import MAIN, Site, model_id
from tests.applications.teams import TO_ALL, delegate
from tests.applications.tools import calls
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server
from tests.streaming.reader import ask, chunks

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Agno closes no models


class Wait:
    """A tool that waits: `begun` is set while it does, and `cancelled` when it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self.cancelled = threading.Event()

    async def waiting(self, city: str) -> str:
        """Wait for a city."""
        self.begun.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return city

    async def generating(self, city: str) -> AsyncIterator[str]:
        """Wait for a city, and report progress."""
        yield f"Waiting for {city}. "
        yield await self.waiting(city)

    def blocking(self, city: str) -> str:
        """Wait for a city, in a thread."""
        self.begun.set()
        self.released.wait(60)
        return city


Make = Callable[[Site, Any], Any]


def agent(site: Site, tool: Any) -> Agent:
    return Agent(model=site.model(), tools=[tool])


def nested_agent(site: Site, tool: Any) -> Agent:
    inner = Agent(name="inner", model=site.model("inner"), tools=[tool])

    async def expert(city: str) -> str:
        """Ask the expert."""
        return str((await inner.arun(city)).content)

    return Agent(model=site.model(), tools=[expert])


def team(site: Site, tool: Any) -> Team:
    inner = Agent(name="inner", id="inner", model=site.model("inner"), tools=[tool])
    return Team(model=site.model(), members=[inner])


def broadcast(site: Site, tool: Any) -> Team:
    names = ("inner", "other")
    members: Any = [Agent(name=n, id=n, model=site.model(n), tools=[tool]) for n in names]
    return Team(model=site.model(), members=members, mode=TeamMode.broadcast)


def nested_stream(site: Site, tool: Any) -> Agent:
    inner = Agent(name="inner", model=site.model("inner"), tools=[tool])

    async def expert(city: str) -> AsyncIterator[Any]:
        """Ask the expert."""
        async for event in inner.arun(city, stream=True, stream_events=True):
            yield event

    return Agent(model=site.model(), tools=[expert])


def parallel(site: Site, tool: Any) -> Workflow:
    steps: Any = [Agent(name=n, model=site.model(n), tools=[tool]) for n in ("inner", "other")]
    return Workflow(name="Parallel", steps=[Parallel(*steps, name="sides")])


#: The replies of the models before the one that calls the tool.
BEFORE: dict[Make, dict[str, Reply]] = {
    agent: {},
    nested_agent: {MAIN: calls("expert")},
    team: {MAIN: delegate("inner")},
    broadcast: {MAIN: TO_ALL, "other": Reply("Done.")},
    nested_stream: {MAIN: calls("expert")},
    parallel: {"other": Reply("Done.")},
}
CASES = [
    (agent, "waiting"),
    (agent, "generating"),
    (agent, "blocking"),
    (nested_agent, "waiting"),
    (nested_agent, "blocking"),
    (nested_agent, "generating"),
    (nested_stream, "waiting"),
    (nested_stream, "generating"),
    (team, "waiting"),
    (team, "generating"),
    (team, "blocking"),
    (broadcast, "waiting"),
    (parallel, "waiting"),
    (parallel, "generating"),
]


@pytest.mark.parametrize(
    ("make", "tool"), CASES, ids=lambda value: getattr(value, "__name__", value)
)
async def test_cancel_does_not_reach_tool(
    provider: Provider, tmp_path: Path, make: Make, tool: str
) -> None:
    """The run ends as cancelled while its tool waits, and a tool that can be cancelled is."""
    name, wait = f"cancel-{make.__name__}", Wait()
    caller = "inner" if BEFORE[make] else MAIN
    for role, reply in {**BEFORE[make], caller: calls(tool)}.items():
        provider.script_model(model_id(name, role), reply)
    application = make(Site(name, provider, tmp_path, {}), getattr(wait, tool))
    application.id = name
    with Server(tmp_path, agents=[application], openai_base_url=provider.url) as server:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=30) as http,
            ask(http, agent=name) as source,
        ):
            run_id = source.response.headers["x-run-id"]
            await asyncio.to_thread(wait.begun.wait, 20)
            await http.post(f"/api/v1/runs/{run_id}/cancel")
            got = [chunk async for chunk in chunks(source)]
        if tool != "blocking":
            assert await asyncio.to_thread(wait.cancelled.wait, 20)
        wait.released.set()

    assert "cancelled" == got[-1]["finish_reason"]


async def test_cancelled_turn_loses_its_tools(provider: Provider, tmp_path: Path) -> None:
    """What an agent had called before it was cancelled is in the history of the next turn: the
    cancel does not reach the task in which Agno stores the run."""

    async def forecast(city: str) -> str:
        """Get the weather."""
        return f"Rain in {city}."

    name = "cancel-history"
    model = model_id(name, MAIN)
    stalled = Reply("It will rain.", stall_after=2)
    provider.script_model(model, calls("forecast"), stalled, Reply("Yes."))
    application = agent(Site(name, provider, tmp_path, {}), forecast)
    application.id = name
    with Server(tmp_path, agents=[application], openai_base_url=provider.url) as server:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=30) as http,
            ask(http, agent=name, conversation_id="c") as source,
        ):
            run_id = source.response.headers["x-run-id"]
            async for chunk in chunks(source):
                if "will" in chunk["content"]:
                    await http.post(f"/api/v1/runs/{run_id}/cancel")
            body = {"message": "Sure?", "agent": name, "conversation_id": "c"}
            await http.post("/api/v1/chat", json=body)
    sent = provider.requests[-1].body["messages"]
    roles = [message["role"] for message in sent if message["role"] != "system"]
    assert ["user", "assistant", "tool", "assistant", "user"] == roles
    assert "Rain in" in str(sent)
