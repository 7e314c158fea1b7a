"""What answers: agents, teams and workflows, their events, their conversations."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ..log.outbox import Outbox
from ..providers import ModelCatalog, Upstreams
from .catalog import AgentCatalog, general_agent
from .children import noticed
from .components.loading import load_agents
from .connections import Connections
from .storage.conversations import Conversations
from .storage.database import open_database, prepare


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
        agents: Iterable[Any] | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """`agents` replace those at `reference`, `module:attribute`; without either, the built-in
        agent answers. `outbox` keeps turns that cannot be stored. Raises `ConfigurationError`."""
        self._database_url = database_url
        self._db = open_database(database_url, data_dir)
        own = []  # ids of agents that are not an application's
        if agents is None and reference:
            agents = load_agents(reference)
        elif agents is None:
            agents = [general_agent(instructions, self._db)]
            own = ["general"]
        self.catalog = AgentCatalog(
            agents, models, self._db, upstreams, max_rounds=max_rounds, open_to_system=own
        )
        self.conversations = Conversations(self.catalog.dbs, self._component, outbox)
        self.connections = Connections(
            entry.component for entry in self.catalog.entries.values() if entry.kind != "factory"
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Prepare the stores and connect the toolkits; on exit, close all connections.

        Raises `ConfigurationError` if a store cannot be used.
        """
        try:
            if self._db in self.catalog.dbs:
                await prepare(self._db, self._database_url)
            await self.conversations.prepare()  # the stores that agents bring, too
            with noticed():
                async with self.connections.opened():
                    yield
        finally:
            try:
                await self.conversations.close()
            finally:
                await self.catalog.close()

    def _component(self, agent: str) -> Any:
        """The component of an agent, or of the default one if there is no such agent any more."""
        name = agent if agent in self.catalog.entries else None
        return self.catalog.find(name).component


__all__ = ["AgentCatalog", "Agents", "Connections", "Conversations"]
