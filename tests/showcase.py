"""Applications of Agno whose answers have every kind of part."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.media import Audio, File, Image
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.run import RunContext
from agno.run.agent import CustomEvent
from agno.team import Team
from agno.tools.function import ToolResult
from agno.workflow import Loop, Parallel, Step, Workflow
from pydantic import BaseModel

from tests.applications.kind import PIXEL
from tests.provider import Provider
from tests.provider_replies import Reply

#: A sound without samples.
WAV = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"


class Site:
    """Makes models that a provider answers for, each by a name of its own."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def model(self, name: str, *replies: Reply) -> OpenAIChat:
        """A model, and its replies in order."""
        self.provider.script_model(name, *replies)
        return OpenAIChat(id=name, base_url=self.provider.url, api_key="sk-test-0123456789")

    def responses_model(self, name: str, *replies: Reply) -> OpenAIResponses:
        """A model of the API that has sources, and its replies in order."""
        self.provider.script_model(name, *replies)
        return OpenAIResponses(id=name, base_url=self.provider.url, api_key="sk-test-0123456789")


def call(name: str, text: str = "", reasoning: str = "", **arguments: Any) -> Reply:
    return Reply(text, reasoning=reasoning, tool_calls=[(name, json.dumps(arguments))])


def delegate(member: str, task: str, text: str = "") -> Reply:
    return call("delegate_task_to_member", text, member_id=member, task=task)


def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    if city == "Atlantis":
        raise ValueError("There is no such city.")
    return f"21 degrees in {city}"


def newsroom(site: Site) -> Team:
    """A team whose leader delegates to two members, one of which has a tool."""
    scout = Agent(
        name="Scout",
        id="scout",
        role="Knows the weather",
        tools=[weather],
        model=site.model(
            "scout",
            call("weather", "Let me look. ", city="Oslo"),
            Reply("It is **sunny** in Oslo."),
        ),
    )
    poet = Agent(
        name="Poet",
        id="poet",
        role="Writes verses",
        model=site.model("poet", Reply("Sun on the fjord,\nlight.", reasoning="Something short.")),
    )
    leader = site.model(
        "leader",
        delegate("scout", "How is the weather in Oslo?", "I ask the scout. "),
        delegate("poet", "Write a verse on sun", "Now the poet. "),
        Reply("Oslo is sunny, and there is a verse for it."),
    )
    return Team(
        name="Newsroom",
        id="newsroom",
        description="Reports on the weather, in prose and verse.",
        model=leader,
        members=[scout, poet],
    )


def press(site: Site) -> Workflow:
    """A workflow with a step, a loop, and two steps beside each other."""

    def step(name: str, *replies: Reply) -> Step:
        agent = Agent(name=name, id=name.lower(), model=site.model(name.lower(), *replies))
        return Step(name=name, agent=agent, max_retries=0)

    parallel: Any = [step("Left", Reply("Left says so.")), step("Right", Reply("Right says so."))]
    loop: Any = [step("Polish", Reply("Polished once."), Reply("Polished twice."))]
    steps: Any = [
        step("Draft", Reply("A draft on whales.")),
        Loop(name="Rounds", steps=loop, max_iterations=2),
        Parallel(*parallel, name="Sides"),
        step("Final", Reply("# Whales\n\nThe final text.")),
    ]
    return Workflow(
        name="Press", id="press", description="Drafts, polishes, publishes.", steps=steps
    )


@dataclass
class Progress(CustomEvent):
    """How far a tool is."""

    message: str = ""


def studio(site: Site) -> Agent:
    """An agent whose tools make media, say how far they are, and fail."""

    def sketch(thing: str) -> Iterator[Any]:
        """Sketch a thing.

        Args:
            thing: What to sketch.
        """
        for share in (10, 60):
            yield Progress(message=f"Sketching {thing}: {share} %")
        yield f"{thing} is sketched"

    def draw(thing: str) -> ToolResult:
        """Draw a thing.

        Args:
            thing: What to draw.
        """
        return ToolResult(
            content=f"{thing} is drawn",
            images=[Image(content=PIXEL, mime_type="image/png")],
            audios=[Audio(content=WAV, mime_type="audio/wav")],
            files=[File(content=b"a,b\n1,2\n", mime_type="text/csv", filename="table.csv")],
        )

    return Agent(
        name="Studio",
        id="studio",
        description="Draws pictures, and says how far it is.",
        tools=[sketch, draw, weather],
        model=site.model(
            "studio",
            call("sketch", "First a sketch. ", "They want a picture.", thing="a cat"),
            call("draw", thing="a cat"),
            call("weather", "Then the weather. ", city="Atlantis"),
            Reply("Here is the cat; the city is lost."),
        ),
    )


SOURCES = [("https://example.org/whales", "On whales"), ("https://example.org/sea", "The sea")]


def library(site: Site) -> Agent:
    """An agent whose answer has sources."""
    model = site.responses_model("library", Reply("Whales are animals.", citations=SOURCES))
    return Agent(name="Library", id="library", model=model)


def guide(site: Site) -> Agent:
    """An agent that suggests questions, and keeps a state."""

    def note(place: str, run_context: RunContext) -> str:
        """Note a place.

        Args:
            place: Its name.
        """
        run_context.session_state = {"places": [place]}
        return "noted"

    replies = (
        call("note", place="Oslo"),
        Reply("Snow."),
        Reply('{"suggestions": ["And then?", "Why?"]}'),
        Reply("Because."),
        Reply('{"suggestions": ["Really?"]}'),
    )
    return Agent(
        name="Guide", id="guide", tools=[note], followups=True, session_state={"places": []},
        model=site.model("guide", *replies),
    )  # fmt: skip


class City(BaseModel):
    """A city."""

    name: str
    people: int


def registry(site: Site) -> Agent:
    """An agent whose answer is an object."""
    model = site.model("registry", Reply('{"name": "Oslo", "people": 700000}'))
    return Agent(name="Registry", id="registry", output_schema=City, model=model)
