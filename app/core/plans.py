"""Plans of runs: a question with its agent and its model, checked, from which `turns` are made."""

import msgspec

from ..models.chat import StreamingChunk
from .agents.catalog import AgentCatalog
from .agents.components.entries import AgentEntry
from .agents.connections import Connections
from .agents.pausing.checkpoints import Resumed
from .agents.pausing.stored import Continuation
from .agents.storage.conversations import Conversations
from .agents.storage.sessions import Session, owner_of
from .agents.storage.shown import Shown
from .log.journal import RunRecord
from .media import MediaStore
from .providers.catalog import ModelEntry
from .question import Question
from .recovering import Recipe
from .turns import AgentTurn


class AgentPlan:
    """A question with its agent and its model, checked; `prepare` makes the turn of a run.

    `before` is the run that this one continues, or this one itself, if another process began it;
    then `resumed` says how it goes on.
    """

    __slots__ = (
        *("agent", "agents", "chosen", "connections", "continuation", "conversations", "entry"),
        *("media", "model", "question", "resumed", "settings", "stored_question", "user"),
    )

    def __init__(
        self,
        agents: AgentCatalog,
        conversations: Conversations,
        connections: Connections,
        entry: AgentEntry,
        chosen: ModelEntry | None,
        question: Question,
        media: MediaStore | None,
        *,
        before: RunRecord | None = None,
        continuation: Continuation | None = None,
        resumed: Resumed | None = None,
    ) -> None:
        self.agents = agents
        self.conversations = conversations
        self.connections = connections
        self.entry = entry
        self.chosen = chosen
        self.question = question
        self.media = media
        self.agent = entry.id
        default = entry.id if entry.kind == "external" else agents.default_model
        self.model = chosen.id if chosen is not None else entry.model or default
        self.continuation = continuation
        self.user = question.user
        self.settings = question.settings()
        self.stored_question = (question.message or "") if question.kept else None
        self.resumed = resumed
        if before is not None:
            self.settings, self.stored_question = before.settings, before.question

    @property
    def recipe(self) -> str:
        """What another process needs to go on with the run; empty if none can."""
        if self.entry.kind == "external":
            return ""
        found = Recipe(self.question.kept, self.question)
        if self.continuation is not None:
            decided = list(self.continuation.decisions), self.continuation.principal
            found = Recipe(self.question.kept, self.question, *decided)
        return found.encode()

    def shown(self, last: StreamingChunk) -> Shown:
        """What to store of a run that ends before it has begun here: what the reader has seen of
        it that stands, if another process began it."""
        known = None if self.resumed is None else self.resumed.shown
        if known is None:
            return Shown.of([], last, self.model)
        return msgspec.structs.replace(known, error=last.error)

    async def check(self, record: RunRecord) -> str | None:
        """The session of the run, if turns of it may wait to be stored; raises
        `ConversationsUnavailable` if the conversation cannot be read now."""
        if not self.question.kept:
            return None
        session = self._session(record)
        stored = await self.conversations.require(self.entry.component, session)
        return session.id if stored and not record.first else None

    async def settle(self, record: RunRecord) -> None:
        """Store the turns of the session that wait; raises `ConversationsUnavailable`."""
        await self.conversations.complete(self.entry.component, self._session(record))

    def _session(self, record: RunRecord) -> Session:
        return Session(record.conversation_id, owner_of(record.principal, self.user))

    def prepare(self, record: RunRecord) -> AgentTurn:
        """The turn of one run."""
        return AgentTurn(self, record)
