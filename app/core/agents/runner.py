"""Runners: what drives an agent, a team, or a workflow.

They differ in what Agno's `arun` takes, and in what is copied for a run.
"""

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agno.run import RunContext
from agno.team import Team
from agno.workflow import Workflow

from ...models.chat import StreamingChunk
from ..providers.client_tools import client_function
from ..question import Question
from ..run_failures import InputRefused
from .components.kinds import Asking
from .events.reader import EventReader
from .events.steps import Outline
from .inputs import Input
from .run_models import RunModels
from .storage.proxies.proxy import inner_of

Emit = Callable[[StreamingChunk], None]


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who asks, for tools and hooks that decide by it: authenticated, unlike Agno's `user_id`."""

    principal: str
    user: str | None


class Runner:
    """One run of a component: a copy of an agent, a team or a workflow, or what is like one.

    `stored` says whether Agno may store the run, and has a history of its own for it.
    """

    kind = "agent"

    def __init__(
        self,
        component: Any,
        question: Question,
        asking: Asking,
        run_id: str,
        *,
        models: RunModels | None,
    ) -> None:
        self.component = component
        self.models = models
        self._question = question
        self._asking = asking
        self._run_id = run_id
        self._input = Input(question)
        if models is not None:
            self._input.install(component)
        if not question.kept and models is not None:
            _detach(component)
            self._forget()

    def reader(self, model: str, emit: Emit) -> EventReader:
        """The reader of this run's events."""
        return EventReader(self._run_id, model, emit)

    async def events(self) -> AsyncGenerator[Any]:
        """The events of the run, as they come from Agno."""
        fields = {**self._common(), **self._further()}
        try:
            found: AsyncIterator[Any] = self.component.arun(self._input.text, **fields)
        except ValueError as error:
            if getattr(self.component, "input_schema", None) is None:
                raise
            raise InputRefused(str(error)) from error  # the question does not fit into the schema
        async with aclosing(found) as events:  # type: ignore[type-var]  # Agno's are generators
            async for event in events:
                yield event

    def _forget(self) -> None:
        self.component.add_history_to_context = False

    def _common(self) -> dict[str, Any]:
        asking, media = self._asking, self._input.media.fields()
        return {
            "stream": True,
            "stream_events": True,
            "run_id": self._run_id,
            "session_id": asking.session_id,
            "user_id": asking.user_id,
            **{name: items for name, items in media.items() if items},
        }

    def _further(self) -> dict[str, Any]:
        """What an agent and a team take, and others do not."""
        question, asking = self._question, self._asking
        return {
            "session_state": question.session_state,
            "dependencies": question.dependencies,
            "metadata": question.metadata,
            "knowledge_filters": question.knowledge_filters,
            "output_schema": _schema(question.output_schema),
            "add_history_to_context": None
            if question.history is None or question.extends
            else False,
            "run_context": RunContext(
                run_id=self._run_id,
                session_id=asking.session_id,
                user_id=asking.user_id,
                session_state=question.session_state,
                client_tools=[client_function(tool) for tool in question.tools],
                authorization=Authorization(asking.principal, question.user),
            ),
        }


class AgentRunner(Runner):
    """Runs an agent."""


class TeamRunner(Runner):
    """Runs a team: the text of its leader is the answer, its members are speakers."""

    kind = "team"

    def reader(self, model: str, emit: Emit) -> EventReader:
        return EventReader(self._run_id, model, emit, team=True)


class WorkflowRunner(Runner):
    """Runs a workflow: the output of its last step is the answer, its steps are speakers."""

    kind = "workflow"

    def reader(self, model: str, emit: Emit) -> EventReader:
        outline = Outline(self.component)
        return EventReader(self._run_id, model, emit, outline=outline)

    def _forget(self) -> None:
        """A workflow has a history only of what it stores."""

    def _further(self) -> dict[str, Any]:
        question = self._question
        return {
            "session_state": question.session_state,
            "dependencies": question.dependencies,
            "metadata": question.metadata,
        }


def runner_for(component: Any) -> type[Runner]:
    """The runner of a component of Agno's, by its kind."""
    if isinstance(component, Team):
        return TeamRunner
    return WorkflowRunner if isinstance(component, Workflow) else AgentRunner


def _schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """A JSON schema in the form that the models of Agno take."""
    if schema is None or schema.get("type") == "json_schema":
        return schema
    name = str(schema.get("title") or "answer")
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _detach(component: Any) -> None:
    """Take the store of conversations from a run's copy, for a question that is not kept.

    Agno reads memories synchronously where the component has no store, so its memory manager gets
    the user's own store, without the threads around it.
    """
    component.db = None
    manager = getattr(component, "memory_manager", None)
    if manager is not None and manager.db is not None:
        component.memory_manager = copy.copy(manager)
        component.memory_manager.db = inner_of(manager.db)
