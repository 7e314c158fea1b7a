"""AGENTS names agents, teams, workflows and factories; what cannot be served is named."""

from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent, AgentFactory
from agno.db.in_memory import InMemoryDb
from agno.factory import FactoryPermissionError, RequestContext
from agno.team import Team

from app.core.agents.components.loading import load_agents
from app.core.errors import ConfigurationError
from app.core.run_failures import AgentDenied
from tests.core.agents.application import Applications, model
from tests.provider import Provider

SOURCE = """
from agno.agent import Agent, AgentFactory
from agno.db.in_memory import InMemoryDb
from agno.team import Team
from agno.workflow import Workflow
from agno.tools import Toolkit

cook = Agent(id="cook")
team = Team(id="team", members=[Agent(id="inner")])
flow = Workflow(id="flow", steps=[cook])
mixed = [cook, team, flow]
nested = {"first": [cook], "second": team}

class Space:
    inside = cook

    def price(product):
        return 3

def made():
    return [cook, team]

async def made_later():
    return flow

def for_each(user_id, dependencies=None, *, size=3):
    return Agent(id="each")

def wanting(request):
    return cook

class Runs:
    async def arun(self, text):
        return text

tool = Toolkit(name="hammer")
kind = Agent
runs = Runs()
number = 7
nothing = None
holding = [cook, 7]
factory = AgentFactory(id="each-of-agno", db=InMemoryDb(), factory=lambda context: cook)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a user's, with a name that no other test has."""
    name = f"brought_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(SOURCE)
    (tmp_path / f"{name}_broken.py").write_text(
        "from agno.agent import Agent\n\ndef made():\n    return Agent(nme=1)\n\nagent = made()\n"
    )
    (tmp_path / f"{name}_cut.py").write_text("agent = [\n")
    (tmp_path / f"{name}_exit.py").write_text("import sys\n\nsys.exit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize(
    ("attributes", "ids"),
    [
        ("cook", ["cook"]),
        ("mixed", ["cook", "team", "flow"]),
        ("nested", ["cook", "team"]),
        ("Space.inside", ["cook"]),
        ("made", ["cook", "team"]),
        ("made_later", ["flow"]),
        ("flow, cook", ["flow", "cook"]),
        ("cook, mixed", ["cook", "cook", "team", "flow"]),
        ("factory", ["each-of-agno"]),
    ],
)
def test_reference_is_not_loaded(module: str, attributes: str, ids: list[str]) -> None:
    """Every form of a reference gives what it names, in its order."""
    references = ",".join(f"{module}:{name.strip()}" for name in attributes.split(","))
    assert ids == [found.id for found in load_agents(f"{references} ,, ")]


@pytest.mark.parametrize(
    ("attribute", "parts"),
    [
        ("tool", ["'hammer'", "agno.tools.toolkit.Toolkit", "Agent, a Team"]),
        ("kind", ["the class agno.agent.agent.Agent", "it has to be called, as Agent(...)"]),
        ("runs", ["Runs, which cannot be served", "its arun() does not take stream, session_id"]),
        ("number", ["an object of the class builtins.int", "a factory of these"]),
        ("nothing", ["an object of the class builtins.NoneType"]),
        ("holding", ["an object of the class builtins.int"]),
        ("missing", ["has no 'missing'", "It has cook, team, flow, factory."]),
    ],
)
def test_reason_of_refusal_is_missing(module: str, attribute: str, parts: list[str]) -> None:
    """What cannot be served is named, with its kind and with what can be."""
    with pytest.raises(ConfigurationError) as refused:
        load_agents(f"{module}:{attribute}")
    assert all(part in refused.value.message for part in parts), refused.value.message


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (object(), "builtins.object"),
        (Agent, "agno.agent.agent.Agent"),
        ("cook", "builtins.str"),
        (None, "builtins.NoneType"),
    ],
)
def test_thing_that_cannot_be_served_is_taken(
    applications: Applications, thing: Any, name: str
) -> None:
    """What a program passes to `create_app` and cannot be served is named by its class."""
    with pytest.raises(
        ConfigurationError, match=rf"the list contains .*{name}, which cannot be served"
    ):
        applications(Agent(name="first"), thing)


def test_place_of_error_is_missing(module: str) -> None:
    """A module that fails is named with the file, the line, and the code on the way to it."""
    with pytest.raises(ConfigurationError, match=rf"{module}_broken\.py, line 4") as refused:
        load_agents(f"{module}_broken:agent")
    _, *way = refused.value.message.splitlines()
    assert ["agent = made()", "return Agent(nme=1)"] == [line.split(": ")[-1] for line in way]
    with pytest.raises(ConfigurationError, match=rf"SyntaxError.*{module}_cut\.py, line 1") as cut:
        load_agents(f"{module}_cut:agent")
    assert 1 == cut.value.message.count("line 1")
    assert cut.value.message.endswith("\n  agent = [")
    with pytest.raises(ConfigurationError, match=r"SystemExit: 3 .*line 3"):
        load_agents(f"{module}_exit:agent")
    with pytest.raises(ConfigurationError, match=r"ModuleNotFoundError: No module named 'nowhere'"):
        load_agents("nowhere:agent")


HAS = "It has cook, team, flow, factory."


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("{module}", ["is not 'module:attribute'. Perhaps {module}:cook?"]),
        ("{module}:", ["is not 'module:attribute'. Perhaps {module}:cook?"]),
        ("nowhere", ["'nowhere' is not 'module:attribute'."]),
        ("{module}_broken", ["is not 'module:attribute'."]),
        (":cook", ["':cook' is not 'module:attribute'."]),
        ("{module}.py:cook", ["is a path: name the module without .py, {module}:cook"]),
        ("./{module}:cook", ["is a path: name the module without ./, {module}:cook"]),
        ("./{module}.py", ["without ./ and without .py, {module}:cook"]),
        (".\\{module}.py:cook", ["without ./ and without .py, {module}:cook"]),
        ("shops/one.py:cook", ["without .py and with dots for slashes, shops.one:cook"]),
        ("/srv/shops/one.py:cook", ["start in the folder /srv/shops and name one:cook"]),
        ("../one:cook", ["start in the folder .. and name one:cook"]),
        (
            "{module}s:cook",
            ["No module named '{module}s'. The folder {folder} was searched", " It has {module}"],
        ),
        ("nowhere.inside:cook", ["No module named 'nowhere'. The folder {folder} was searched"]),
        ("{module}_asking:cook", ["No module named 'nowhere' (", "_asking.py, line 1)"]),
        (
            "{module}:wanting",
            ["is a function that is no factory", "wanting() has a parameter 'request'", HAS],
        ),
        ("{module}:Space.price", ["is a function that is no factory", "'product'", HAS]),
    ],
)
def test_what_was_meant_is_not_suggested(
    module: str, tmp_path: Path, reference: str, parts: list[str]
) -> None:
    """A reference that is wrong is refused with what was probably meant."""
    (tmp_path / f"{module}_asking.py").write_text("import nowhere\n")
    names = {"module": module, "folder": str(tmp_path)}
    with pytest.raises(ConfigurationError) as refused:
        load_agents(reference.format(**names))
    for part in parts:
        assert part.format(**names) in refused.value.message, refused.value.message
    assert ("was searched" in refused.value.message) == any("was searched" in p for p in parts)


def test_id_is_taken_twice(applications: Applications) -> None:
    """Two things of one id are named, both, with what to do; one thing twice is served once."""
    twice = Agent(name="Twin")
    message = r"the agent 'Twin' and the team 'twin' have the same id, 'twin'\. Give one"
    with pytest.raises(ConfigurationError, match=message):
        applications(twice, Team(name="twin", members=[]))
    assert ["twin"] == [*applications(twice, twice).catalog.entries]


def test_factory_with_unknown_parameter(
    module: str, provider: Provider, applications: Applications
) -> None:
    """A factory that needs what the server does not have is refused at the start."""
    with pytest.raises(ConfigurationError, match=r"wanting\(\) has a parameter 'request'"):
        applications(*load_agents(f"{module}:wanting"))
    applications(*load_agents(f"{module}:for_each"))


async def test_factory_is_called_once(provider: Provider, applications: Applications) -> None:
    """A factory makes an agent for each request, from its user, its session and its values."""
    seen: list[Any] = []

    async def by_user(user_id: str, session_id: str, dependencies: dict[str, Any] | None) -> Any:
        seen.append((user_id, session_id, dependencies))
        inner = Agent(name="Inner", model=model(provider))
        return Team(members=[inner], model=model(provider), instructions=f"For {user_id}.")

    application = applications(by_user)
    assert ["by_user"] == [*application.catalog.entries]
    await application.ask("One.", user="ann")
    answer = await application.ask("Two.", user="ann", dependencies={"size": 2})
    assert [("p/ann", "p/ann/c", None), ("p/ann", "p/ann/c", {"size": 2})] == seen
    assert "Hello from the provider." == answer.content
    messages = provider.requests[-1].body["messages"]
    assert "For p/ann." in str(messages[0]["content"])
    assert ["One.", "Two."] == [m["content"] for m in messages if m["role"] == "user"]


async def test_factory_of_agno_denies(provider: Provider, applications: Applications) -> None:
    """A factory of Agno's gets its context, and its refusal is one of permission."""

    def build(context: RequestContext) -> Agent:
        if context.user_id != "p/ann":
            raise FactoryPermissionError("only for Ann")
        return Agent(model=model(provider))

    db = InMemoryDb()  # type: ignore[no-untyped-call]
    application = applications(AgentFactory(id="made", db=db, factory=build))
    await application.ask("One.", user="ann")
    with pytest.raises(AgentDenied, match="only for Ann"):
        await application.ask("Two.", user="bob")


async def test_state_of_tool_is_lost(provider: Provider, applications: Applications) -> None:
    """A tool is the application's own object in every run, with the state that it has."""

    class Counter:
        count = 0

        def add(self) -> str:
            """Add one."""
            self.count += 1
            return str(self.count)

    from tests.provider_replies import Reply

    counter = Counter()
    application = applications(Agent(id="a", model=model(provider), tools=[counter.add]))
    for _ in range(2):
        provider.script(Reply(tool_calls=[("add", "{}")]), Reply("Added."))
        await application.ask()
    assert 2 == counter.count
