"""The agents that the server serves: the built-in `general` agent, or the user's own."""

from collections.abc import Collection, Iterable
from typing import Any

from agno.agent import Agent
from agno.db.base import AsyncBaseDb
from agno.models.base import Model

from ..errors import ConfigurationError, InvalidField, UnknownAgent
from ..providers.catalog import ModelCatalog, ModelEntry
from ..providers.client_tools import choose_tool
from ..providers.http import clients
from ..providers.managers import ManagerModels
from ..providers.options import apply_options
from ..providers.options.families import is_a
from ..providers.tracked import TrackedModel
from ..providers.upstream import Upstreams
from ..question import Question
from ..text import Sink
from .components.copies import copy_of
from .components.entries import AgentEntry, Preparation, misplaced
from .components.loading import gathered
from .components.tree import fallbacks_of, models_in
from .media_in import refusal_of, refused_urls
from .run_models import RunModels

#: How many earlier turns the built-in agent sends to its model.
HISTORY_RUNS = 50

#: Requests that one run may send to its model, if no setting says so.
MAX_ROUNDS = 50


class AgentCatalog:
    """The agents, teams and workflows by id; the first is the default.

    Raises `ConfigurationError` for none, for two of one id, and for anything else in the list. What
    is listed twice is served once.
    """

    def __init__(
        self,
        agents: Iterable[Any],
        models: ModelCatalog,
        db: AsyncBaseDb,
        upstreams: Upstreams | None = None,
        *,
        max_rounds: int = MAX_ROUNDS,
        open_to_system: Collection[str] = (),
    ) -> None:
        """`open_to_system` are the ids of agents that take system prompts, whatever they say."""
        self._max_rounds = max_rounds
        self._open_to_system = open_to_system
        self._models = models
        self._upstreams = upstreams or Upstreams()
        self._managers = ManagerModels(models, self._upstreams)
        self._preparation = Preparation(db, self._managers.of)
        self.entries: dict[str, AgentEntry] = {}
        found = {id(agent): agent for agent in gathered(list(agents), "the list")}
        for number, agent in enumerate(found.values(), start=1):
            entry = self._preparation.entry(agent, number)
            if (other := self.entries.setdefault(entry.id, entry)) is not entry:
                raise ConfigurationError(
                    f"AGENTS: the {other.kind} {other.name!r} and the {entry.kind} {entry.name!r} "
                    f"have the same id, {entry.id!r}. Give one of them another `id`."
                )
        if not self.entries:
            raise ConfigurationError("AGENTS: no agent was found.")

    @property
    def dbs(self) -> list[AsyncBaseDb]:
        """The stores of all agents, each once."""
        return self._preparation.dbs

    @property
    def model_ids(self) -> set[str]:
        """The ids of all models that may answer."""
        own = {entry.model for entry in self.entries.values() if entry.model}
        fallback = [self._models.fallback] if self._models.fallback else []
        return own | {entry.id for entry in (*self._models.entries, *fallback)}

    @property
    def default_model(self) -> str:
        """The id of the server's default model."""
        return self._models.default.id

    async def close(self) -> None:
        """Close the connections of the models and the stores; call after the last run."""
        own = [model for entry in self.entries.values() for model in models_in(entry.component)]
        for model in [*self._models.made, *own, *self._managers.opened]:
            await clients.close(model)
        await self._models.embedder.close()
        for db in self.dbs:
            await db.close()

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

    def made(self, thing: Any, entry: AgentEntry) -> tuple[Any, list[Model]]:
        """The component of what a factory has made for one request, with the models that are to be
        closed after it: those that came without connections."""
        with self._managers.apart() as models:
            component = self._preparation.component(thing, entry.id)
            models += [model for model in models_in(component) if not clients.has_client(model)]
        return component, models

    def takes_system(self, entry: AgentEntry) -> bool:
        """Whether an agent takes a system prompt of its callers beside its own instructions."""
        return entry.takes_system or entry.id in self._open_to_system

    def model_of(self, entry: AgentEntry, name: str | None) -> ModelEntry | None:
        """The model that a request names; None for the agent's own. Raises `UnknownModel`, and
        `InvalidField` if the agent's model cannot be replaced."""
        if entry.kind in ("workflow", "external"):
            if name not in (None, entry.model):
                raise InvalidField(f"model: the {entry.kind} {entry.id!r} has models of its own.")
            return None
        if entry.kind == "factory" and name is None:
            return None  # what it makes may bring a model
        if entry.model is not None and name in (None, entry.model):
            return None
        return self._models.find(name)

    def check(
        self, entry: AgentEntry, model: ModelEntry | None, question: Question, principal: str
    ) -> None:
        """Check that this agent and this model can be sent this question now.

        Raises `InvalidField` for what they cannot take, and `ModelUnavailable` while the circuit
        breakers of the model and of its fallback are open.
        """
        if (name := misplaced(entry, question)) is not None:
            raise InvalidField(f"{name}: the {entry.kind} {entry.id!r} has no place for it.")
        source = self._source(entry, model)
        if (refusal := self.refusal(entry.component, model, question)) is not None:
            raise InvalidField(refusal)
        if entry.kind == "external" or source is None:
            return
        upstreams = [self._upstreams.of(source, own=model is None)]
        if (fallback := self._fallback_for(source, question)) is not None:
            upstreams.append(self._upstreams.of(fallback))
        for _, models in fallbacks_of(entry.component):
            upstreams += [self._upstreams.of(model, own=True) for model in models]
        if all(upstream.circuit.refuses(principal) for upstream in upstreams):
            upstreams[0].circuit.check(principal)

    def refusal(self, component: Any, model: ModelEntry | None, question: Question) -> str | None:
        """Why a component's models cannot be sent the URLs of a question, or None."""
        chosen = None if model is None else self._models.model(model)
        return refusal_of(component, chosen, self._models.model(self._models.default), question)

    def prepare(
        self,
        component: Any,
        model: ModelEntry | None,
        question: Question,
        principal: str,
        sink: Sink,
    ) -> tuple[Any, RunModels]:
        """A copy of a component for one run, and its models, which report how requests end.

        If the transport can read the protocol of the model that answers, its text goes to `sink`
        as it comes.
        """
        mine = copy_of(component)
        default = self._models.model(self._models.default)
        own = getattr(mine, "model", None) if model is None else None
        chosen = own or self._models.model(model or self._models.default)

        def track(source: Model, *, answers: bool | None = None) -> TrackedModel:
            leads = answers is not None
            tracked = self._tracked(source, principal, sink if answers else None, question)
            if leads:
                self._apply(tracked, question)
                if (fallback := self._fallback_for(source, question)) is not None:
                    out = sink if answers else None
                    tracked.fallback = self._tracked(fallback, principal, out, question)
                    self._apply(tracked.fallback, question)
            return tracked

        models = RunModels(mine, chosen, default, track)
        if question.tool_choice is not None and hasattr(mine, "tool_choice"):
            mine.tool_choice = None  # Agno would apply it to every upstream request of the run
        if is_a(chosen, "DemoModel") and hasattr(mine, "tools") and not mine.tools:
            from ..providers.demo import current_time  # imported only if used

            mine.tools = [current_time]  # so that the demonstration can show a tool call
        return mine, models

    def _source(self, entry: AgentEntry, model: ModelEntry | None) -> Model | None:
        if model is not None:
            return self._models.model(model)
        return entry.source

    def _fallback_for(self, source: Model, question: Question) -> Model | None:
        """The fallback model; None if none is configured or it cannot answer this question."""
        if (entry := self._models.fallback) is None:
            return None
        fallback = self._models.model(entry)
        if fallback is source or refused_urls(fallback, None, question) is not None:
            return None
        return fallback

    def _tracked(
        self, source: Model, principal: str, sink: Sink | None, question: Question
    ) -> TrackedModel:
        """A copy of a model for one run."""
        own = all(source is not made for made in self._models.made)
        return TrackedModel(
            source,
            sink=sink,
            upstream=self._upstreams.of(source, own=own),
            principal=principal,
            max_rounds=min(self._max_rounds, question.max_rounds or self._max_rounds),
        )

    def _apply(self, tracked: TrackedModel, question: Question) -> None:
        """Apply the options of a question to the model that answers it."""
        apply_options(
            tracked.model,
            question.options,
            response_format=question.response_format,
            think=question.think,
            parallel_tool_calls=question.parallel_tool_calls,
        )
        if question.tool_choice is not None:
            choose_tool(tracked.model, question.tool_choice)


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
