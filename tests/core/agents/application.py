"""An application of Agno behind the agent service, with a scripted provider for its models."""

from pathlib import Path
from typing import Any, Protocol

from agno.models.openai import OpenAIChat

from app.core.agents.catalog import AgentCatalog
from app.core.agents.components.tree import models_in
from app.core.agents.connections import Connections
from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.database import open_database
from app.core.openai_service import AgentService
from app.core.providers.catalog import ModelCatalog, Providers
from app.core.providers.http.clients import close as close_client
from app.core.question import Question
from app.core.run_failures import RunFailed
from app.models.chat import ChatResponse, StreamingChunk
from app.models.folding import fold
from tests.core.parts import record
from tests.provider import Provider


def model(provider: Provider, model_id: str = "test-model") -> OpenAIChat:
    """A model that an application brings; its SDK does not retry."""
    return OpenAIChat(id=model_id, base_url=provider.url, api_key="sk-test-0123", max_retries=0)


async def close(component: Any) -> None:
    """Close the connections of the models in a component."""
    for found in models_in(component):
        await close_client(found)


class Application:
    """Serves components; all questions are in one conversation of one principal."""

    def __init__(self, provider: Provider, data_dir: Path, *components: Any) -> None:
        providers = Providers("sk-test-0123", provider.url, provider.origin)
        models = ModelCatalog("openai:test-model", [], providers)
        self.catalog = AgentCatalog(components, models, open_database(None, data_dir))
        self.conversations = Conversations(self.catalog.dbs)
        self.connections = Connections(e.component for e in self.catalog.entries.values())
        self.service = AgentService(self.catalog, self.conversations, self.connections)
        self.chunks: list[StreamingChunk] = []
        self._count = 0

    async def ask(self, message: str | None = "Hello?", **fields: Any) -> ChatResponse:
        """Run a question to its end; its chunks are in `chunks`. Raises `RunFailed`."""
        self._count += 1
        question = Question(message, **fields)
        plan = self.service.plan(question, "p")
        run = record(f"r{self._count}", "p", "c", question=plan.stored_question)
        turn = plan.prepare(run)
        self.chunks = []
        try:
            self.chunks.append(await turn.run(self.chunks.append, lambda: None))
        except RunFailed as failure:
            await turn.remember("".join(chunk.content for chunk in self.chunks), failure)
            raise
        answer = ChatResponse(content="", model="", run_id=run.run_id, conversation_id="c")
        fold(answer, self.chunks)
        return answer

    @property
    def streamed(self) -> str:
        """The text that a reader of the stream has got."""
        return "".join(chunk.content for chunk in self.chunks)


class Applications(Protocol):
    """Makes applications that are closed after the test; see the fixture of this name."""

    def __call__(self, *components: Any, beside: tuple[Any, ...] = ()) -> Application: ...
