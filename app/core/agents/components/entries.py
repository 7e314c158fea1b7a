"""The entries of the catalog: what the application brought, prepared once at the start.

See docs/decisions/053-a-copy-for-a-run-shares-tools.md.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agno.agent import Agent
from agno.agents.base import BaseExternalAgent
from agno.compaction import Compaction
from agno.compression.manager import CompressionManager
from agno.db.base import AsyncBaseDb
from agno.memory import MemoryManager
from agno.models.base import Model
from agno.models.utils import get_model
from agno.session import SessionSummaryManager

from ...errors import ConfigurationError
from ...question import Question
from ..storage.proxies.proxy import Db, off_the_loop
from .copies import copy_of
from .external import FURTHER, External, external
from .kinds import check_factory, kind_of
from .late import Team, Workflow
from .outline import Outline, outline_of, suggestions_of
from .tree import OTHER_MODELS, fallbacks_of, followups_of, parts_of, walk

MANAGERS = ("memory_manager", "session_summary_manager", "compression_manager")

#: The key in the metadata of what takes system prompts.
SYSTEM_PROMPT = "system_prompt"

#: Gives the model that a manager uses in all runs, instead of the model of the first one.
ForManagers = Callable[[Model | None], Model]


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """Something that answers; `model` is the id of its own model, if it brought one.

    `kind` is "agent", "team", "workflow", "external" or "factory"; `component` is what runs, or
    the factory that makes it.
    """

    id: str
    name: str
    description: str
    kind: str
    model: str | None
    component: Any

    @property
    def outline(self) -> Outline:
        """What it consists of; of a factory only its name is known before a request."""
        if self.kind == "factory":
            suggestions = suggestions_of(getattr(self.component, "metadata", None))
            return Outline(
                self.id, self.name, self.kind, self.description, [], None, None, suggestions
            )
        return outline_of(self.component)

    @property
    def takes_system(self) -> bool:
        """Whether its metadata allow a system prompt of its callers: `system_prompt`."""
        metadata = getattr(self.component, "metadata", None)
        return isinstance(metadata, dict) and metadata.get(SYSTEM_PROMPT) is True

    @property
    def source(self) -> Model | None:
        """The model that it brought; None if it uses the server's, or has none at all."""
        if self.kind not in ("agent", "team"):
            return None
        found: Model | None = self.component.model
        return found


class Preparation:
    """Prepares components: ids, stores, models and managers, never on the user's own objects."""

    def __init__(self, db: AsyncBaseDb, for_managers: ForManagers) -> None:
        self._default = db
        self._for_managers = for_managers
        self._stores: dict[int, AsyncBaseDb] = {}

    @property
    def dbs(self) -> list[AsyncBaseDb]:
        """The stores of all components that were prepared, each once."""
        return list(self._stores.values())

    def entry(self, thing: Any, number: int) -> AgentEntry:
        """The entry of what was found at place `number`; raises `ConfigurationError`."""
        kind = kind_of(thing)
        if kind is None:
            raise ConfigurationError(f"AGENTS: number {number} is a {type(thing).__name__}.")
        if kind == "factory":
            return self._factory(thing, number)
        mine = self.component(thing, f"{kind}-{number}")
        return AgentEntry(
            id=mine.id,
            name=getattr(mine, "name", None) or mine.id,
            description=_description(mine),
            kind=kind,
            model=_model_id(mine),
            component=mine,
        )

    def component(self, thing: Any, fallback_id: str) -> Any:
        """A prepared copy of an agent, team or workflow, or what an external agent is here."""
        if kind_of(thing) == "external":
            keeps = isinstance(thing, BaseExternalAgent) and thing.db is not None
            return external(thing, fallback_id, self._store(thing.db if keeps else self._default))
        mine = copy_of(thing)
        for part in walk(mine):
            if not isinstance(part, Agent | Team | Workflow):
                continue  # of another framework, or on another server, and not to be touched
            part.telemetry = False
            if part.db is not None:
                part.db = self._store(part.db)
            for name in ("model", *OTHER_MODELS):
                if isinstance(getattr(part, name, None), str):
                    setattr(part, name, get_model(getattr(part, name)))
            asking = followups_of(part)
            if asking is not None and isinstance(asking.model, str):
                assert not isinstance(part, Workflow)
                part.followups = replace(asking, model=get_model(asking.model))
            if isinstance(part, Agent | Team) and part.fallback_config is not None:
                found = list(fallbacks_of(part))
                part.fallback_config = copy.copy(part.fallback_config)
                for name, models in found:
                    setattr(part.fallback_config, name, models)
        if mine.db is None:
            mine.db = self._store(self._default)
            if hasattr(mine, "add_history_to_context"):
                mine.add_history_to_context = True
        self._managers(mine, None)
        if not getattr(mine, "id", None):
            mine.id = slug(getattr(mine, "name", None)) or fallback_id
        return mine

    def _factory(self, thing: Any, number: int) -> AgentEntry:
        check_factory(thing)
        name = getattr(thing, "name", None) or getattr(thing, "__name__", None)
        own = getattr(thing, "id", None) or slug(name) or f"factory-{number}"
        doc = getattr(thing, "description", None) or getattr(thing, "__doc__", None) or ""
        if getattr(thing, "db", None) is not None:
            self._store(thing.db)
        else:
            self._store(self._default)
        first = str(doc).strip().partition("\n")[0]
        return AgentEntry(own, name or own, first, "factory", None, thing)

    def _store(self, db: Db) -> AsyncBaseDb:
        threaded = off_the_loop(self._stores.get(id(db), db))
        self._stores.setdefault(id(db), threaded)
        return threaded

    def _managers(self, component: Any, above: Model | None) -> None:
        """Give the managers in a component models of their own, before a run gives them its own."""
        model = getattr(component, "model", None) or above
        if isinstance(component, Agent | Team):
            self._given(component, model)
            self._made(component, model)
        for part in parts_of(component):
            self._managers(part, model if isinstance(component, Team) else None)

    def _given(self, component: Any, model: Model | None) -> None:
        for name in (*MANAGERS, "learning", "compaction"):
            manager = getattr(component, name, None)
            if manager is None or isinstance(manager, bool):
                continue
            mine = copy.copy(manager)
            mine.model = self._for_managers(get_model(mine.model) or model)
            if getattr(mine, "db", None) is not None:
                mine.db = self._store(mine.db)
            setattr(component, name, mine)

    def _made(self, component: Any, model: Model | None) -> None:
        """What Agno would make in the first run, with the model of that run."""

        def wanted(manager: str, *flags: str) -> bool:
            none = getattr(component, manager, None) is None
            return none and any(getattr(component, flag, None) for flag in flags)

        if wanted("memory_manager", "update_memory_on_run", "enable_agentic_memory"):
            component.memory_manager = MemoryManager(
                model=self._for_managers(model), db=component.db
            )
        if wanted("session_summary_manager", "enable_session_summaries"):
            component.session_summary_manager = SessionSummaryManager(
                model=self._for_managers(model)
            )
        if wanted("compression_manager", "compress_tool_results"):
            component.compression_manager = CompressionManager(model=self._for_managers(model))
        if getattr(component, "compaction", None) is True:
            component.compaction = Compaction(
                compact_at_tokens=None, on_context_overflow=True, model=self._for_managers(model)
            )
        if getattr(component, "learning", None) is True and component.db is not None:
            from agno.learn import LearningMachine  # 1.5 MB that few need

            component.learning = LearningMachine(
                db=component.db,
                model=self._for_managers(model),
                user_profile=True,
                user_memory=True,
            )


def misplaced(entry: AgentEntry, question: Question) -> str | None:
    """The field of a question that this kind of agent has no place for; None if all have one."""
    if entry.kind not in ("workflow", "external"):
        return None
    names = ("tools", "output_schema", "response_format", *FURTHER)
    given = [name for name in names if getattr(question, name)]
    return next((name for name in given if not _has_place(entry, name)), None)


def _has_place(entry: AgentEntry, name: str) -> bool:
    if isinstance(entry.component, External):
        return name in FURTHER and not entry.component.lacks(name)
    return name in ("session_state", "dependencies", "metadata")  # those of a workflow


def slug(name: Any) -> str:
    """A name as an id."""
    return re.sub(r"[^a-z0-9._-]+", "-", str(name or "").lower()).strip("-")


def _description(component: Any) -> str:
    text = getattr(component, "description", None) or getattr(component, "role", None) or ""
    return str(text)


def _model_id(component: Any) -> str | None:
    """The id of the model that answers; for a workflow, that of its last step with one."""
    own = getattr(component, "model", None)
    if isinstance(own, Model):
        return own.id
    if isinstance(component, Agent | Team):
        return None
    models = [part.model for part in walk(component) if getattr(part, "model", None) is not None]
    return models[-1].id if models and isinstance(models[-1], Model) else None
