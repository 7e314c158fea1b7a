"""Agents with tools of every kind."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.exceptions import RetryAgentRun, StopAgentRun
from agno.run import RunContext
from agno.run.agent import CustomEvent, RunCompletedEvent
from agno.tools import Toolkit, tool
from agno.tools.mcp import MCPTools

from tests.applications.kind import Site, kind
from tests.provider_replies import Reply

SUNNY = Reply("It is sunny in Oslo.")
CITY = '{"city": "Oslo"}'
MCP_SERVER = Path(__file__).with_name("mcp_server.py")


def calls(*names: str, arguments: str = CITY, text: str = "") -> Reply:
    return Reply(text, tool_calls=[(name, arguments) for name in names])


def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


@kind(Reply("Nothing is new."))
def plain_agent(site: Site) -> Agent:
    return Agent(model=site.model())


@kind(calls("weather"), SUNNY, seen="21 degrees in Oslo", shows="tool")
def sync_tool(site: Site) -> Agent:
    return Agent(model=site.model(), tools=[weather])


@kind(calls("weather", text="Let me look. "), SUNNY, seen="21 degrees in Oslo")
def tool_after_text(site: Site) -> Agent:
    return Agent(model=site.model(), tools=[weather])


@kind(calls("forecast"), SUNNY, seen="22 degrees in Oslo")
def async_tool(site: Site) -> Agent:
    async def forecast(city: str) -> str:
        """The forecast of a city."""
        await asyncio.sleep(0)
        return f"22 degrees in {city}"

    return Agent(model=site.model(), tools=[forecast])


@kind(calls("hours"), SUNNY, seen="at 9 at 10", shows="tool")
def generator_tool(site: Site) -> Agent:
    def hours(city: str) -> Iterator[str]:
        """The weather by the hour."""
        yield f"{city}: at 9 "
        yield "at 10"

    return Agent(model=site.model(), tools=[hours])


@kind(calls("hours"), SUNNY, seen="at 9 at 10")
def async_generator_tool(site: Site) -> Agent:
    async def hours(city: str) -> AsyncIterator[str]:
        """The weather by the hour."""
        yield f"{city}: at 9 "
        yield "at 10"

    return Agent(model=site.model(), tools=[hours])


class Almanac(Toolkit):
    """A toolkit with a state of its own."""

    def __init__(self) -> None:
        self._place = "the almanac"
        super().__init__(name="almanac", tools=[self.sunrise], instructions="Mind the season.")

    def sunrise(self, city: str) -> str:
        """When the sun rises."""
        return f"6 o'clock in {city}, says {self._place}"


@kind(calls("sunrise"), Reply("At six."), seen="says the almanac")
def toolkit(site: Site) -> Agent:
    return Agent(model=site.model(), tools=[Almanac()])


@kind(calls("weather", "humidity"), SUNNY, seen=("21 degrees in Oslo", "40 percent"), shows="tool")
def parallel_calls(site: Site) -> Agent:
    async def humidity(city: str) -> str:
        """The humidity of a city."""
        return f"40 percent in {city}"

    return Agent(model=site.model(), tools=[weather, humidity])


@kind(calls("weather"), calls("weather"), SUNNY, seen="21 degrees in Oslo")
def rounds_of_tools(site: Site) -> Agent:
    return Agent(model=site.model(), tools=[weather])


@kind(calls("weather"), SUNNY, seen="hooked: 21 degrees in Oslo")
def tool_hooks(site: Site) -> Agent:
    async def hook(
        function_name: str, function_call: Callable[..., Any], arguments: dict[str, Any]
    ) -> str:
        found = function_call(**arguments)
        return f"hooked: {await found if isinstance(found, Awaitable) else found}"

    return Agent(model=site.model(), tools=[weather], tool_hooks=[hook])


@kind(calls("broken"), Reply("I could not find out."), seen="the station is down", shows="tool")
def failing_tool(site: Site) -> Agent:
    def broken(city: str) -> str:
        """The weather of a city, from a station."""
        raise ConnectionError("the station is down")

    return Agent(model=site.model(), tools=[broken])


@kind(calls("basket"), SUNNY, seen="Add a second item first.")
def retry_agent_run(site: Site) -> Agent:
    def basket(city: str) -> str:
        """What is in the basket."""
        raise RetryAgentRun("Add a second item first.")

    return Agent(model=site.model(), tools=[basket])


@kind(calls("last", text="One moment. "), faults=False)
def stop_agent_run(site: Site) -> Agent:
    def last(city: str) -> str:
        """The last thing to do."""
        raise StopAgentRun("That is all.")

    return Agent(model=site.model(), tools=[last])


@kind(calls("menu"), faults=False)
def tool_result_is_answer(site: Site) -> Agent:
    @tool(stop_after_tool_call=True, show_result=True)
    def menu(city: str) -> str:
        """The menu of a city."""
        return f"Soup of {city}"

    return Agent(model=site.model(), tools=[menu])


@kind(calls("whoami"), Reply("You are you."), seen="made for a user")
def tool_factory(site: Site) -> Agent:
    def tools(run_context: RunContext) -> list[Any]:
        def whoami(city: str) -> str:
            """Who asks."""
            return f"made for a user: {bool(run_context.user_id)}"

        return [whoami]

    return Agent(model=site.model(), tools=tools, cache_callables=False)


@kind(calls("place"), Reply("Here."), seen="session and run: True True, limit 7")
def run_context(site: Site) -> Agent:
    def place(city: str, run_context: RunContext) -> str:
        """Where this runs."""
        limit = (run_context.dependencies or {}).get("limit")
        known = bool(run_context.session_id), bool(run_context.run_id)
        return f"session and run: {known[0]} {known[1]}, limit {limit}"

    return Agent(model=site.model(), tools=[place], dependencies={"limit": 7})


@dataclass
class Progress(CustomEvent):
    """How far a tool has come."""

    percent: int = 0


@kind(calls("download"), Reply("It is here."), seen="downloaded", shows=("tool", "event"))
def custom_events(site: Site) -> Agent:
    async def download(city: str) -> AsyncIterator[Any]:
        """Download the map of a city."""
        yield Progress(percent=50)
        yield "downloaded"

    return Agent(model=site.model(), tools=[download])


@kind(
    calls("expert"),
    Reply("The expert says four."),
    others={"nested": [Reply("Four, I think.")]},
    seen="Four, I think.",
    shows=("tool", "speaker"),
)
def nested_agent(site: Site) -> Agent:
    inner = Agent(name="Expert", model=site.model("nested"))

    async def expert(city: str) -> AsyncIterator[Any]:
        """Ask the expert."""
        async for event in inner.arun(city, stream=True, stream_events=True):
            if isinstance(event, RunCompletedEvent):
                yield str(event.content)
            else:
                yield event

    return Agent(model=site.model(), tools=[expert])


@kind(
    calls("expert"),
    Reply("The expert is ill."),
    others={"nested": [Reply(status=400)]},
    seen="no answer",
)
def nested_agent_fails(site: Site) -> Agent:
    inner = Agent(name="Expert", model=site.model("nested"))

    async def expert(city: str) -> AsyncIterator[Any]:
        """Ask the expert."""
        async for event in inner.arun(city, stream=True, stream_events=True):
            yield event
        yield "no answer"

    return Agent(model=site.model(), tools=[expert])


@kind(calls("add", arguments='{"a": 2, "b": 3}'), Reply("Five."), seen="sum: 5", shows="tool")
def mcp_toolkit(site: Site) -> Agent:
    server = MCPTools(command=f"{sys.executable} {MCP_SERVER}", transport="stdio")
    return Agent(model=site.model(), tools=[server])
