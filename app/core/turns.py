"""Runs what answers: a plan makes turns, whose `StreamingChunk`s come from `agents.events`."""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from agno.exceptions import InputCheckError, OutputCheckError
from agno.models.base import Model
from agno.run.authorization import authorization_scope

from ..models.chat import StreamingChunk, Usage
from .agents.children import Together
from .agents.components.external import External
from .agents.components.factories import made_for
from .agents.components.kinds import Caller
from .agents.components.tree import walk
from .agents.events.reader import EventReader
from .agents.external_runner import ExternalRunner
from .agents.media_in import taken
from .agents.media_out import MediaReader
from .agents.pausing.checkpoints import can_resume
from .agents.pausing.requirements import requirements_of
from .agents.pausing.safety import Safety
from .agents.refusals import failure_of, refusal_of
from .agents.run_models import estimated
from .agents.runner import Runner, runner_for
from .agents.storage.keeping import Keeping
from .agents.storage.sessions import Session, owner_of
from .agents.storage.shown import Shown
from .log.journal import RunRecord
from .media import Owner
from .providers.http.clients import close as close_client
from .recovering import Guard
from .run_failures import (
    NOT_BEGUN,
    InputRefused,
    OutputRefused,
    RunFailed,
    server_stopped,
)

if TYPE_CHECKING:  # a plan makes turns
    from .plans import AgentPlan

logger = logging.getLogger(__name__)

Emit = Callable[[StreamingChunk], None]


class AgentTurn:
    """One run of a copy of what answers; implements the `Turn` that the run's driver expects."""

    def __init__(self, plan: "AgentPlan", record: RunRecord) -> None:
        self._plan = plan
        self._run_id = record.turn_id
        self._replaces = record.replaces
        question = plan.question
        owner = owner_of(record.principal, question.user)
        self._session = Session(record.conversation_id, owner, record.first)
        self._begun = self.settled = False
        self._began_at = time.monotonic()
        self._component = plan.entry.component
        self._keeping: Keeping | None = None
        self._runner: Runner | None = None
        self._reader: EventReader | None = None
        self.stored_question = record.question
        self._owner = Owner(
            *(record.run_id, record.principal, record.conversation_id),
            user=question.user,
            kept=question.kept,
        )
        self.logged_question = question.last_text or record.question or ""
        self.model = plan.model
        self._made_models: list[Model] = []
        self._guard: Guard | None = None

    def protect(self, guard: Guard) -> None:
        """Work so that another process can go on; see `Turn`."""
        self._guard = guard

    async def run(self, emit: Emit, on_alive: Callable[[], None]) -> StreamingChunk:
        """Emit the answer, and return its last chunk; raises `RunFailed` if it is incomplete."""
        self._began_at = time.monotonic()
        try:
            last = self._counted(await self._agnos_answer(emit, on_alive))
            stored = await self._stored(last)
        finally:
            for model in self._made_models:
                await close_client(model)
        return last if stored else msgspec.structs.replace(last, stored=False)

    async def _stored(self, last: StreamingChunk) -> bool:
        """Store the completed turn; False if that is not possible yet."""
        shown, reason = self._shown(last), last.finish_reason or "stop"
        if not self._plan.question.kept:
            return not last.requirements or await self._keep().add_shown(reason, shown)
        if isinstance(self._component, External) and not self._component.keeps:
            text = self._reader.answer.text if self._reader is not None else ""
            return await self._keep().remember(text, reason, shown, begun=False)
        return await self._keep().commit(reason, shown)

    async def _agnos_answer(self, emit: Emit, on_alive: Callable[[], None]) -> StreamingChunk:
        runner = self._runner = await self._prepared()
        safety = Safety(self._guard, runner.component, self._run_id, emit)
        reader = self._reader = runner.reader(self.model, safety.emit if self._guard else emit)
        media = MediaReader(self._plan.media, self._owner)
        if runner.models is not None:
            runner.models.listen(on_alive)
        events: AsyncGenerator[Any] | None = None
        try:
            try:
                with Together(), authorization_scope(runner.authorized):
                    events = await runner.events()
                    async for event in events:
                        self._begun = True
                        reader.read(event)
                        await safety.keep(event)
                        if reader.failure is not None:
                            unread = self._keeping and self._keeping.failure
                            raise unread or failure_of(reader.failure, runner.models)
                        found = media.concerns(event) and await media.read(event, reader.model)
                        if found:
                            reader.recorder.emit(found)
            finally:
                if events is not None:
                    await events.aclose()
        except (InputCheckError, OutputCheckError) as error:
            raise refusal_of(error) from error
        finally:
            safety.release()
        models, kept = runner.models, self._plan.question.kept
        requirements = await requirements_of(runner, reader, self._session, kept=kept)
        reason = None if models is None else models.finish_reason
        if models is not None:
            spared = requirements or reader.pause is not None or reader.by_function
            if not spared and models.answer_failure is not None:
                raise models.answer_failure
        await safety.confirm()  # else the turn would replace that of another process
        return reader.ending(reason, requirements)

    def _shown(self, last: StreamingChunk) -> Shown:
        if self._runner is None or self._reader is None:
            return self._plan.shown(last)
        before = self._runner.shown_before
        parts = self._reader.recorder.parts(whole=bool(before is not None or last.requirements))
        last, took = self._counted(last), time.monotonic() - self._began_at
        return Shown.of(parts, last, self.model, before, took)

    def _counted(self, last: StreamingChunk) -> StreamingChunk:
        """A last chunk with an estimate of the tokens, if no provider has counted them."""
        reader = self._reader
        estimate = reader and not last.usage and self.estimate_usage(reader.pieces)
        return msgspec.structs.replace(last, usage=estimate) if estimate else last

    async def _prepared(self) -> Runner:
        """The runner of a copy that is for this run alone, with its tools connected."""
        plan = self._plan
        question = await taken(plan.question, plan.media, self._owner)
        caller = Caller(
            principal=self._owner.principal,
            user_id=self._session.owner,
            session_id=self._session.id,
            session_state=question.session_state,
            dependencies=question.dependencies,
            metadata=question.metadata,
        )
        if plan.entry.kind == "factory":
            self._component = await self._made(caller)
        if question.kept:
            await plan.conversations.complete(self._component, self._session, settled=self.settled)
        await plan.connections.ensure(self._component)
        if plan.resumed is not None and not can_resume(self._component, plan.resumed):
            raise server_stopped()
        if isinstance(self._component, External):
            mine = self._keep().external(self._component) if question.kept else self._component
            return ExternalRunner(mine, question, caller, self._run_id, models=None)
        copied, models = plan.agents.prepare(
            self._component, plan.chosen, question, self._owner.principal, self._emit_text
        )
        if question.kept:
            self._keep().install(walk(copied), walk(self._component))
        self.model = models.leader.model.id
        models.leader.on_fallback = self._fell_back
        models.leader.on_unknown_call = self._emit_unknown_call
        return runner_for(self._component)(
            *(copied, question, caller, self._run_id),
            models=models,
            continuation=plan.continuation,
            resumed=plan.resumed,
        )

    async def _made(self, caller: Caller) -> Any:
        """What the factory makes for this request."""
        entry = self._plan.entry
        made = await made_for(entry, caller)
        agents = self._plan.agents
        component, self._made_models = agents.made(made, entry)
        refusal = agents.refusal(component, self._plan.chosen, self._plan.question)
        if refusal is not None:
            raise InputRefused(refusal)
        return component

    def _fell_back(self, model: str) -> None:
        logger.warning("run %s: fallback from %s to %s", self._run_id, self.model, model)
        if self._reader is not None:
            self._reader.model = model

    def _emit_text(self, text: str | None, reasoning: str | None) -> None:
        """The sink for text that bypasses Agno, which gets all of it at once later."""
        if self._reader is not None:
            self._reader.content(text, reasoning)

    def _emit_unknown_call(self, call: dict[str, Any]) -> None:
        """Show a call of a tool that the agent does not have: Agno reports no event of it."""
        if self._reader is not None:
            self._reader.refused_call(call)

    def estimate_usage(self, pieces: int) -> Usage:
        """The tokens that the provider counted, plus an estimate of the others; see `Turn`."""
        counted = self._reader.usage if self._reader else None
        return estimated(counted, self._runner.models if self._runner else None, pieces)

    async def remember(self, text: str, failure: RunFailed, usage: Usage | None = None) -> bool:
        if not self._plan.question.kept or isinstance(failure, NOT_BEGUN):
            return True
        if isinstance(failure, InputRefused | OutputRefused):
            await self._keep().forget(begun=self._begun)
            if self._plan.media is not None:
                await self._plan.media.remove(self._owner.run_id)
            return True
        last = msgspec.structs.replace(failure.last_chunk(self.model), usage=usage)
        return await self._keep().remember(
            *(text, failure.finish_reason, self._shown(last)),
            begun=self._begun,
            continues=self._plan.continuation is not None,
        )

    def _keep(self) -> Keeping:
        """The conversation of this run, in the stores of the component that answers."""
        if self._keeping is None:
            question = self.stored_question or ""
            self._keeping = self._plan.conversations.keeping(
                self._component, self._session, self._run_id, question, self._replaces
            )
        return self._keeping
