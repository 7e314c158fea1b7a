"""What answers: agents, their events, their conversations."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from agno.agent import Agent

from ..providers import ModelCatalog, Upstreams
from .catalog import AgentCatalog, general_agent, load_agents
from .conversations import Conversations
from .stores import open_database, prepare


class Agents:
    """The agents that the server serves, and the default store for agents without their own."""

    def __init__(
        self,
        models: ModelCatalog,
        upstreams: Upstreams,
        *,
        database_url: str | None,
        data_dir: Path,
        reference: str | None,
        instructions: str | None,
        max_rounds: int,
        agents: Iterable[Agent] | None = None,
    ) -> None:
        """`agents` replace those at `reference`, `module:attribute`; without either, the built-in
        agent answers. Raises `ConfigurationError`."""
        self._database_url = database_url
        self._db = open_database(database_url, data_dir)
        if agents is None:
            agents = (
                load_agents(reference) if reference else [general_agent(instructions, self._db)]
            )
        self.catalog = AgentCatalog(agents, models, self._db, upstreams, max_rounds=max_rounds)
        self.conversations = Conversations(self.catalog.dbs)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Prepare the stores; on exit, close the connections of stores and models.

        Raises `ConfigurationError` if the default store cannot be used, and whatever the store of
        a user's agent raises.
        """
        try:
            if self._db in self.catalog.dbs:
                await prepare(self._db, self._database_url)
            await self.conversations.check()  # the stores that agents bring, too
            yield
        finally:
            await self.catalog.close()


__all__ = ["AgentCatalog", "Agents", "Conversations"]
