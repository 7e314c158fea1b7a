"""The agents that the server serves: the built-in `general` agent, or the user's own."""

import copy
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agno.agent import Agent
from agno.db.base import AsyncBaseDb, BaseDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.utils import get_model

from ..errors import ConfigurationError, InvalidField, UnknownAgent
from ..providers.catalog import ModelCatalog, ModelEntry
from ..providers.client_tools import choose_tool
from ..providers.clients import close as close_client
from ..providers.demo import DemoModel, current_time
from ..providers.options import apply_options
from ..providers.tracked import TrackedModel
from ..providers.upstream import Upstreams
from ..question import Question
from ..text import Sink
from .media_in import refused_urls

#: How many earlier turns the built-in agent sends to its model.
HISTORY_RUNS = 50

#: Helpers of an agent to which Agno gives the model of the run, if they have none of their own.
MANAGERS = (
    "memory_manager",
    "session_summary_manager",
    "compression_manager",
    "compaction",
    "learning",
)

#: Requests that one run may send to its model, if no setting says so.
MAX_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent on the list; `model` is the id of its own model, if it brought one."""

    id: str
    name: str
    description: str
    model: str | None
    agent: Agent


class AgentCatalog:
    """The agents by id; the first is the default.

    Raises `ConfigurationError` if there is no agent, or if two agents have the same id.
    """

    def __init__(
        self,
        agents: Iterable[Agent],
        models: ModelCatalog,
        db: AsyncBaseDb | BaseDb,
        upstreams: Upstreams | None = None,
        *,
        max_rounds: int = MAX_ROUNDS,
    ) -> None:
        self._max_rounds = max_rounds
        self._models = models
        self._upstreams = upstreams or Upstreams()
        self.entries: dict[str, AgentEntry] = {}
        for number, agent in enumerate(agents, start=1):
            entry = _entry(agent, number, db)
            if entry.id in self.entries:
                raise ConfigurationError(f"AGENTS: two agents have the id {entry.id!r}.")
            self.entries[entry.id] = entry
        if not self.entries:
            raise ConfigurationError("AGENTS: no agent was found.")

    @property
    def dbs(self) -> list[AsyncBaseDb | BaseDb]:
        """The stores of all agents, each once."""
        dbs = [entry.agent.db for entry in self.entries.values() if entry.agent.db is not None]
        return list({id(db): db for db in dbs}.values())

    @property
    def model_ids(self) -> set[str]:
        """The ids of all models that may answer."""
        own = {entry.model for entry in self.entries.values() if entry.model}
        fallback = [self._models.fallback] if self._models.fallback else []
        return own | {entry.id for entry in (*self._models.entries, *fallback)}

    async def close(self) -> None:
        """Close the connections of all models and stores; Agno opens them again if need be."""
        own = [entry.agent.model for entry in self.entries.values()]
        for model in [*self._models.made, *own]:
            if model is not None:
                await close_client(model)
        for db in self.dbs:
            closing = db.close()
            if inspect.isawaitable(closing):
                await closing

    def find(self, name: str | None) -> AgentEntry:
        """The agent with this id, or the default if None; raises `UnknownAgent`."""
        if name is None:
            return next(iter(self.entries.values()))
        if name not in self.entries:
            ids = list(self.entries)
            raise UnknownAgent(
                f"There is no agent {name!r}. Available agents: {', '.join(ids)}.", agents=ids
            )
        return self.entries[name]

    def model_of(self, entry: AgentEntry, name: str | None) -> ModelEntry | None:
        """The model that a request names; None for the agent's own. Raises `UnknownModel`."""
        own = entry.agent.model
        if own is not None and name in (None, own.id):
            return None
        return self._models.find(name)

    def check(
        self, entry: AgentEntry, model: ModelEntry | None, question: Question, principal: str
    ) -> None:
        """Check that this model can be sent this question now.

        Raises `InvalidField` for image URLs that the provider does not fetch itself, and
        `ModelUnavailable` while the circuit breakers of the model and of its fallback are open.
        """
        source = self._source(entry, model)
        if (field := refused_urls(source, entry.agent.tools, question)) is not None:
            raise InvalidField(f"{field}: this model accepts no URLs of {field}; send the data.")
        upstreams = [self._upstreams.of(source, own=model is None)]
        if (fallback := self._fallback_for(source, question)) is not None:
            upstreams.append(self._upstreams.of(fallback))
        if all(upstream.circuit.refuses(principal) for upstream in upstreams):
            upstreams[0].circuit.check(principal)

    def prepare(
        self,
        entry: AgentEntry,
        model: ModelEntry | None,
        question: Question,
        principal: str,
        sink: Sink,
    ) -> tuple[Agent, TrackedModel]:
        """A copy of the agent for one run, and its model, which reports how its requests end.

        If the transport can read the model's protocol, its text goes to `sink` as it comes. Tools,
        store, memory and connections are shared with the original agent.
        """
        agent = copy.copy(entry.agent)
        for name in MANAGERS:
            setattr(agent, name, copy.copy(getattr(agent, name)))
        source = self._source(entry, model)
        if question.tool_choice is not None:
            agent.tool_choice = None  # Agno would apply it to every upstream request of the run
        # With an output model, the text of this model is not the answer.
        out = sink if agent.output_model is None else None
        tracked = self._for_question(source, question, principal, out, own=model is None)
        agent.model = tracked.model
        if (fallback := self._fallback_for(source, question)) is not None:
            tracked.fallback = self._for_question(fallback, question, principal, out)
        if not question.kept:
            agent.db = None
            agent.add_history_to_context = False
        if question.system is not None:
            system = Message(role="system", content=question.system)
            agent.additional_input = [*(agent.additional_input or []), system]
        if isinstance(source, DemoModel) and not agent.tools:
            agent.tools = [current_time]  # so that the demonstration can show a tool call
        return agent, tracked

    def _source(self, entry: AgentEntry, model: ModelEntry | None) -> Model:
        source = self._models.model(model) if model is not None else entry.agent.model
        if source is None:
            raise ConfigurationError(f"AGENTS: agent {entry.id!r} has no model.")
        return source

    def _fallback_for(self, source: Model, question: Question) -> Model | None:
        """The fallback model; None if none is configured or it cannot answer this question."""
        if (entry := self._models.fallback) is None:
            return None
        fallback = self._models.model(entry)
        if fallback is source or refused_urls(fallback, None, question) is not None:
            return None
        return fallback

    def _for_question(
        self,
        source: Model,
        question: Question,
        principal: str,
        sink: Sink | None,
        *,
        own: bool = False,
    ) -> TrackedModel:
        """A copy of a model for one run, with the options of its question applied."""
        tracked = TrackedModel(
            source,
            sink=sink,
            upstream=self._upstreams.of(source, own=own),
            principal=principal,
            max_rounds=min(self._max_rounds, question.max_rounds or self._max_rounds),
        )
        apply_options(
            tracked.model,
            question.options,
            response_format=question.response_format,
            think=question.think,
            parallel_tool_calls=question.parallel_tool_calls,
        )
        if question.tool_choice is not None:
            choose_tool(tracked.model, question.tool_choice)
        return tracked


def general_agent(instructions: str | None, db: AsyncBaseDb) -> Agent:
    """The built-in agent, which answers if `AGENTS` is not set."""
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
    """Import the agents at `module:attribute`: one, several, or a function that returns them.

    Raises `ConfigurationError` if they cannot be imported or are not Agno agents.
    """
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"AGENTS: {reference!r} is not 'module:attribute'.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # like uvicorn: the user's module is in the working directory
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
        raise ConfigurationError(f"AGENTS: {reference!r} contains an object that is no Agno agent.")
    return agents


def _entry(agent: Agent, number: int, db: AsyncBaseDb | BaseDb) -> AgentEntry:
    """The entry of an agent, with an id, and with the default store if it has none of its own."""
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
