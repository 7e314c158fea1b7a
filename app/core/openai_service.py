"""Plans what answers: a question in, the plan of a run out (made by `turns`)."""

import dataclasses
from collections.abc import Sequence

import msgspec

from ..models.chat import Decision, StreamingChunk
from ..models.folding import whole_text
from ..models.parts_folding import all_parts_of, parts_of
from .agents.catalog import AgentCatalog
from .agents.components.entries import AgentEntry
from .agents.connections import Connections
from .agents.pausing.checkpoints import Resumed
from .agents.pausing.repeating import Repeatable
from .agents.pausing.stored import Continuation
from .agents.storage.conversations import Conversations
from .agents.storage.sessions import Session, owner_of
from .agents.storage.shown import Shown
from .errors import AgnoStreamError, UnknownAgent
from .log.journal import RunRecord
from .media import MediaStore
from .plans import AgentPlan
from .providers.catalog import ModelEntry
from .question import Question, continued
from .recovering import Recipe, may_go_on
from .run_failures import RunFailed


class AgentService:
    """Plans runs for questions, and stores the questions and answers of orphaned runs."""

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        connections: Connections | None = None,
        media: MediaStore | None = None,
    ) -> None:
        self._agents = agents
        self._conversations = conversations
        self._connections = connections or Connections([])
        self._media = media

    def plan(self, question: Question, principal: str) -> AgentPlan:
        """Choose the agent and the model of a question.

        Raises `UnknownAgent`, `UnknownModel`, and what `AgentCatalog.check` raises.
        """
        return self._plan(question, principal)

    def continuation(
        self, record: RunRecord, decisions: Sequence[Decision], principal: str
    ) -> AgentPlan:
        """Plan the run that continues a paused one, with decisions that a principal has made.

        Raises what `plan` raises, because the server may have other agents than at the pause.
        """
        question = continued(record.settings, agent=record.agent, user=record.user)
        return self._plan(
            question, record.principal, record, Continuation(tuple(decisions), principal)
        )

    async def ended(
        self, record: RunRecord, chunks: Sequence[StreamingChunk]
    ) -> list[StreamingChunk] | None:
        """The last chunks of a run whose process has stored its turn, and died; None if it has not.
        `chunks` are those in its log. Raises `ConversationsUnavailable`."""
        component = self._entry(record).component
        if record.question is None or getattr(component, "db", None) is None:
            return None
        session = Session(record.conversation_id, owner_of(record.principal, record.user))
        await self._conversations.complete(component, session)
        keeping = self._conversations.keeping(
            *(component, session, record.turn_id, record.question or "", record.replaces)
        )
        return await keeping.ended(whole_text(chunks), record.model)

    def recovery(
        self,
        record: RunRecord,
        stands: Sequence[StreamingChunk],
        void: Sequence[StreamingChunk],
        checkpoint: str | None,
    ) -> AgentPlan | None:
        """Plan how a run goes on whose process has died; None if that is not possible.

        `stands` is what its reader has seen until its checkpoint, or of its beginning if that is
        None; `void` what came after that, which must not have had effects that cannot be repeated.
        """
        try:
            recipe = Recipe.decode(record.recipe)
        except msgspec.MsgspecError:  # of another version
            return None
        question = recipe.question
        if question is None and checkpoint is not None:
            question = continued(record.settings, agent=record.agent, user=record.user)
            question = dataclasses.replace(question, kept=recipe.kept)
        if question is None:
            return None
        try:
            entry = self._agents.find(record.agent)
            chosen = self._agents.model_of(entry, question.model)
        except AgnoStreamError:  # this server has other agents, or other models
            return None
        kind = "agent" if entry.kind == "factory" else entry.kind
        if not may_go_on(kind, void, Repeatable(entry.component)):
            return None
        shown = None
        if checkpoint is not None:
            last = StreamingChunk(content="", done=True, model=record.model)
            shown = Shown.of(all_parts_of(stands), last, record.model)
        continuation = None
        if recipe.decisions is not None:
            continuation = Continuation(tuple(recipe.decisions), recipe.decided_by)
        return self._planned(
            entry,
            chosen,
            question,
            before=record,
            continuation=continuation,
            resumed=Resumed(checkpoint, shown),
        )

    def _plan(
        self,
        question: Question,
        principal: str,
        paused: RunRecord | None = None,
        continuation: Continuation | None = None,
    ) -> AgentPlan:
        entry = self._agents.find(question.agent)
        chosen = self._agents.model_of(entry, question.model)
        self._agents.check(entry, chosen, question, principal)
        return self._planned(entry, chosen, question, before=paused, continuation=continuation)

    def _planned(
        self,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        *,
        before: RunRecord | None = None,
        continuation: Continuation | None = None,
        resumed: Resumed | None = None,
    ) -> AgentPlan:
        return AgentPlan(
            self._agents,
            self._conversations,
            self._connections,
            entry,
            chosen,
            question,
            self._media,
            before=before,
            continuation=continuation,
            resumed=resumed,
        )

    async def forget(self, record: RunRecord) -> None:
        """Remove the turn of a run from its conversation, and the conversation if it is empty."""
        await self._conversations.forget(
            self._entry(record).component,
            Session(record.conversation_id, owner_of(record.principal, record.user)),
            record.run_id,
        )

    async def remember(
        self, record: RunRecord, chunks: Sequence[StreamingChunk], failure: RunFailed
    ) -> None:
        """Store the question and the partial answer of a run whose process died, from its log."""
        keeping = self._conversations.keeping(
            self._entry(record).component,
            Session(record.conversation_id, owner_of(record.principal, record.user)),
            record.turn_id,
            record.question or "",
            record.replaces,
        )
        shown = Shown.of(parts_of(chunks), failure.last_chunk(record.model), record.model)
        continues = record.continues is not None
        await keeping.remember(
            *(whole_text(chunks), failure.finish_reason, shown), begun=False, continues=continues
        )

    def _entry(self, record: RunRecord) -> AgentEntry:
        try:
            return self._agents.find(record.agent)
        except UnknownAgent:  # the run's server had other agents
            return self._agents.find(None)
