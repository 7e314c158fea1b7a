"""The agents that may be asked: the built-in `general` one, or the user's own."""

import copy
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.db.base import AsyncBaseDb, BaseDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.utils import get_model

from ..errors import ConfigurationError, InvalidField, UnknownAgent
from ..providers.catalog import ModelCatalog, ModelEntry
from ..providers.client_tools import choose_tool
from ..providers.demo import DemoModel, current_time
from ..providers.endings import ReportsEnding, reporting
from ..providers.options import apply_options
from ..providers.upstream import Upstreams
from ..question import Question
from ..text import Sink

#: Classes of models that hand the address of an image on to their provider. For others Agno would
#: fetch it from here: any address, those within our own network, too, and without any bound.
HAND_ON = frozenset({"OpenAIChat", "OpenAIResponses", "DemoModel"})

#: How many earlier turns the built-in agent is given.
HISTORY_RUNS = 50


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent on the list; `model` is the id of its own model, if it brought one."""

    id: str
    name: str
    description: str
    model: str | None
    agent: Agent


class AgentCatalog:
    """The agents by id; the first is the default."""

    def __init__(
        self,
        agents: Iterable[Agent],
        models: ModelCatalog,
        db: AsyncBaseDb | BaseDb,
        upstreams: Upstreams | None = None,
    ) -> None:
        self._models = models
        self._upstreams = upstreams or Upstreams()
        self.entries: dict[str, AgentEntry] = {}
        for number, agent in enumerate(agents, start=1):
            entry = _entry(agent, number, db)
            if entry.id in self.entries:
                raise ConfigurationError(f"AGENTS: two agents have the id {entry.id!r}.")
            self.entries[entry.id] = entry
        if not self.entries:
            raise ConfigurationError("AGENTS: there is no agent in it.")

    @property
    def dbs(self) -> list[AsyncBaseDb | BaseDb]:
        """The stores of all agents, each once."""
        dbs = [entry.agent.db for entry in self.entries.values() if entry.agent.db is not None]
        return list({id(db): db for db in dbs}.values())

    @property
    def model_ids(self) -> set[str]:
        """The names of all models that may answer."""
        own = {entry.model for entry in self.entries.values() if entry.model}
        spare = [self._models.fallback] if self._models.fallback else []
        return own | {entry.id for entry in (*self._models.entries, *spare)}

    async def close(self) -> None:
        """Close the connections of all models and stores; Agno opens them again if need be."""
        own = [entry.agent.model for entry in self.entries.values()]
        for model in [*self._models.made, *own]:
            client: Any = getattr(model, "async_client", None)
            if hasattr(client, "close"):
                await client.close()
        for db in self.dbs:
            closing = db.close()
            if inspect.isawaitable(closing):
                await closing

    def find(self, name: str | None) -> AgentEntry:
        if name is None:
            return next(iter(self.entries.values()))
        if name not in self.entries:
            known = list(self.entries)
            raise UnknownAgent(
                f"There is no agent {name!r} here; there is {', '.join(known)}.", agents=known
            )
        return self.entries[name]

    def model_of(self, entry: AgentEntry, name: str | None) -> ModelEntry | None:
        """The model to answer with; None is the agent's own."""
        own = entry.agent.model
        if own is not None and name in (None, own.id):
            return None
        return self._models.find(name)

    def check(self, entry: AgentEntry, model: ModelEntry | None, question: Question) -> None:
        """Whether this model can be sent this question now.

        Raises `InvalidField` for images that the model cannot fetch, and `ModelUnavailable` while
        the circuit breakers of the model and of its fallback are open.
        """
        source = self._source(entry, model)
        if not _may_see(source, question):
            raise InvalidField("images: this model takes no addresses; send the images themselves.")
        upstreams = [self._upstreams.of(source, own=model is None)]
        if (spare := self._fallback_for(source, question)) is not None:
            upstreams.append(self._upstreams.of(spare))
        if all(upstream.circuit.open for upstream in upstreams):
            upstreams[0].circuit.check()

    def prepare(
        self, entry: AgentEntry, model: ModelEntry | None, question: Question, sink: Sink
    ) -> Agent:
        """A copy of the agent for one question, with a model that reports its finish reason and, if
        its class allows it, gives its text to `sink`.

        Tools, store, memory and connections are shared with the original.
        """
        agent = copy.copy(entry.agent)
        source = self._source(entry, model)
        if question.tool_choice is not None:
            agent.tool_choice = None  # it would hold for each request of the run
        # What goes to an output model is no answer yet.
        out = sink if agent.output_model is None else None
        agent.model = twin = self._for_question(source, question, out, own=model is None)
        if (spare := self._fallback_for(source, question)) is not None:
            twin.fallback = self._for_question(spare, question, out)
        if not question.kept:
            agent.db = None
            agent.add_history_to_context = False
        if question.system is not None:
            system = Message(role="system", content=question.system)
            agent.additional_input = [*(agent.additional_input or []), system]
        if isinstance(source, DemoModel) and not agent.tools:
            agent.tools = [current_time]  # the demonstration needs one tool to show
        return agent

    def _source(self, entry: AgentEntry, model: ModelEntry | None) -> Model:
        source = self._models.model(model) if model is not None else entry.agent.model
        if source is None:
            raise ConfigurationError(f"AGENTS: agent {entry.id!r} has no model.")
        return source

    def _fallback_for(self, source: Model, question: Question) -> Model | None:
        """The fallback model, if there is one and it can answer this question."""
        if (spare := self._models.fallback) is None:
            return None
        fallback = self._models.model(spare)
        return fallback if fallback is not source and _may_see(fallback, question) else None

    def _for_question(
        self, source: Model, question: Question, sink: Sink | None, *, own: bool = False
    ) -> ReportsEnding:
        """A copy of a model for one question, with what that asks of a model."""
        twin = reporting(source, sink, self._upstreams.of(source, own=own))
        apply_options(
            twin,
            question.options,
            response_format=question.response_format,
            think=question.think,
            parallel_tool_calls=question.parallel_tool_calls,
        )
        if question.tool_choice is not None:
            choose_tool(twin, question.tool_choice)
        return twin


def _may_see(model: Model, question: Question) -> bool:
    """Whether a model can be shown the images of a question without our fetching any."""
    known = any(base.__name__ in HAND_ON for base in type(model).__mro__)
    past = (image for message in question.history or [] for image in message.images)
    return known or not any(image.url for image in (*question.images, *past))


def general_agent(instructions: str | None, db: AsyncBaseDb) -> Agent:
    """The agent that answers when the user brings none."""
    return Agent(
        id="general",
        name="General",
        instructions=instructions,
        build_context=True,
        db=db,
        add_history_to_context=True,
        num_history_runs=HISTORY_RUNS,
        telemetry=False,
    )


def load_agents(reference: str) -> list[Agent]:
    """The agents at `module:attribute`: one, several, or a function that returns them."""
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"AGENTS: {reference!r} is not 'module:attribute'.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # as for uvicorn: the user's file lies where the server starts
    try:
        found = getattr(importlib.import_module(module_name), attribute)
        if callable(found) and not isinstance(found, Agent):
            found = found()
    except Exception as error:  # the user's own code may raise anything
        raise ConfigurationError(
            f"AGENTS: {reference!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    agents = list(found) if isinstance(found, Iterable) else [found]
    if not all(isinstance(agent, Agent) for agent in agents):
        raise ConfigurationError(f"AGENTS: {reference!r} holds something that is no Agno agent.")
    return agents


def _entry(agent: Agent, number: int, db: AsyncBaseDb | BaseDb) -> AgentEntry:
    """Name an agent, and lend it our store if it has none; nothing else of it is changed."""
    mine = copy.copy(agent)
    mine.telemetry = False
    mine.model = get_model(mine.model)  # Agno takes a string, too
    if mine.db is None:
        mine.db = db
        mine.add_history_to_context = True
    slug = re.sub(r"[^a-z0-9._-]+", "-", (mine.name or "").lower()).strip("-")
    mine.id = mine.id or slug or f"agent-{number}"
    return AgentEntry(
        id=mine.id,
        name=mine.name or mine.id,
        description=str(mine.description or mine.role or ""),
        model=mine.model.id if mine.model else None,
        agent=mine,
    )
