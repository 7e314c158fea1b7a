"""Runners: what drives an agent, a team, or a workflow.

They differ in what Agno's `arun` takes, and in what is copied for a run.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from ...models.chat import StreamingChunk
from ..question import Question
from ..run_failures import InputRefused
from .components.kinds import Caller
from .components.late import Team, Workflow
from .events.reader import EventReader
from .events.steps import Outline
from .inputs import Input, authorization_of, context_of, schema_for
from .pausing.checkpoints import AnyRun, Resumed
from .pausing.stored import (
    Continuation,
    Scratch,
    decided_run,
    detach,
    paused_run,
    with_history,
)
from .pausing.waits import Wait, waits_of
from .run_models import RunModels
from .storage.sessions import Session
from .storage.shown import shown_in

Emit = Callable[[StreamingChunk], None]


class Runner:
    """One run of a component: a copy of an agent, a team or a workflow, or what is like one.

    With a `continuation` it continues the paused run of that id, and if it is `resumed` a run of a
    dead process; `shown_before` is then what its reader had seen.
    """

    kind = "agent"

    def __init__(
        self,
        component: Any,
        question: Question,
        caller: Caller,
        run_id: str,
        *,
        models: RunModels | None,
        continuation: Continuation | None = None,
        resumed: Resumed | None = None,
    ) -> None:
        self.component = component
        self.models = models
        self._question = question
        self._caller = caller
        self._run_id = run_id
        self._input = Input(question)
        self._continuation = continuation
        self._db = getattr(component, "db", None)
        self._scratch: Scratch | None = None
        self._going_on = None if resumed is None else resumed.run(component)
        self.shown_before = None if resumed is None else resumed.shown
        if continuation is not None or self._going_on is not None:
            self._restore()
        if continuation is not None and models is not None:
            models.leader.keeps_decided = self._going_on is None
        if continuation is None and models is not None and not question.kept:
            self._scratch = detach(component)
            self._forget()

    def authorized(self) -> Any:
        """Who the run is for, as Agno's scopes want it."""
        return authorization_of(self._question, self._caller)

    def reader(self, model: str, emit: Emit) -> EventReader:
        """The reader of this run's events."""
        return EventReader(self._run_id, model, emit)

    async def events(self) -> AsyncGenerator[Any]:
        """The events of the run as they come from Agno, to be closed by the caller."""
        if self._going_on is not None:
            found = self._resumed(self._going_on)
        elif self._continuation is not None:
            found = await self._continued(self._continuation)
        else:
            if self.models is not None:
                await self._input.install(self.component)
            found = self._started()
        return found  # type: ignore[return-value]  # Agno's are generators

    def _started(self) -> AsyncIterator[Any]:
        """The events of a new run; raises `InputRefused`."""
        fields = {**self._common(), **self._further()}
        try:
            found: AsyncIterator[Any] = self.component.arun(self._input.text, **fields)
        except ValueError as error:
            if getattr(self.component, "input_schema", None) is None:
                raise
            raise InputRefused(str(error)) from error  # the question does not fit into the schema
        return found

    def _resumed(self, run: AnyRun) -> AsyncIterator[Any]:
        """The events of a run that goes on from its checkpoint."""
        if self._continuation is not None and self.shown_before is not None:
            self.shown_before = self.shown_before.after(shown_in(run.metadata))
        further = self._continuing()
        further["run_context"].session_state = run.session_state
        streamed = {"stream": True, "stream_events": True, "user_id": self._caller.user_id}
        found: AsyncIterator[Any] = self.component.acontinue_run(run, **streamed, **further)
        return found

    async def waits(self, reader: EventReader) -> list[Wait]:
        """What the run waits for, if it has paused."""
        return [] if reader.pause is None else waits_of(reader.pause)

    async def keep(self, session: Session) -> None:
        """Store all that a continuation of the paused run needs and Agno has not stored."""
        if self._scratch is not None:
            await self._scratch.keep(self.component, self._db, session, self._run_id)
        if self._db is not None and (past := self._input.before):
            await with_history(self._db, self._run_id, session, past)

    async def _continued(self, continuation: Continuation) -> AsyncIterator[Any]:
        """The events of the run that continues the paused one; raises `PauseLost`."""
        caller = self._caller
        run = await self._decided(continuation)
        found: AsyncIterator[Any] = self.component.acontinue_run(
            run_id=self._run_id,
            session_id=caller.session_id,
            user_id=caller.user_id,
            requirements=run.requirements,
            stream=True,
            stream_events=True,
            **self._continuing(),
        )
        return found

    def _continuing(self) -> dict[str, Any]:
        """What an agent and a team take to continue a run."""
        further = self._further()
        del further["session_state"], further["output_schema"], further["add_history_to_context"]
        return further

    async def _decided(self, continuation: Continuation) -> Any:
        """The paused run with the decisions applied; raises `PauseLost`."""
        session = self._caller.session_id
        run = await decided_run(self.component, self._run_id, session, continuation)
        self.shown_before = shown_in(run.metadata)
        return run

    def _restore(self) -> None:
        """Set on the copy what a continuation does not take as arguments."""
        if self._question.history is not None and not self._question.extends:
            self.component.add_history_to_context = False
        if self._question.output_schema is not None:
            self.component.output_schema = schema_for(self._question.output_schema)

    def _forget(self) -> None:
        self.component.add_history_to_context = False

    def _common(self) -> dict[str, Any]:
        caller, media = self._caller, self._input.media.fields()
        return {
            "stream": True,
            "stream_events": True,
            "run_id": self._run_id,
            "session_id": caller.session_id,
            "user_id": caller.user_id,
            **{name: items for name, items in media.items() if items},
        }

    def _further(self) -> dict[str, Any]:
        """What an agent and a team take, and others do not."""
        question, caller = self._question, self._caller
        return {
            "session_state": question.session_state,
            "dependencies": question.dependencies,
            "metadata": question.metadata,
            "knowledge_filters": question.knowledge_filters,
            "output_schema": schema_for(question.output_schema),
            "add_history_to_context": None
            if question.history is None or question.extends
            else False,
            "run_context": context_of(question, caller, self._run_id),
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

    def _restore(self) -> None:
        """A workflow takes nothing of the request when it continues."""

    async def waits(self, reader: EventReader) -> list[Wait]:
        """What the run waits for: a workflow that pauses ends its events without an output."""
        if reader.finished:
            return []
        run = await paused_run(self.component, self._run_id, self._caller.session_id)
        return [] if run is None else waits_of(run)

    async def _continued(self, continuation: Continuation) -> AsyncIterator[Any]:
        run = await self._decided(continuation)
        found: AsyncIterator[Any] = await self.component.acontinue_run(
            run, stream=True, stream_events=True
        )
        return found

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
