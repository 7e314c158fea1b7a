"""Toolkits with a connection are connected once, again when they die, and closed at the end."""

from typing import Any

import pytest
from agno.agent import Agent
from agno.tools import Toolkit

from app.core.run_failures import ToolsUnavailable
from tests.core.agents.application import Applications, model
from tests.provider import Provider
from tests.provider_replies import Reply


class Database(Toolkit):
    """A toolkit with a connection that can be cut."""

    _requires_connect = True

    def __init__(self) -> None:
        super().__init__(name="database", tools=[self.query])
        self.opened = self.closed = 0
        self.refusing = False
        self.cut = False

    def connect(self) -> None:
        if self.refusing:
            raise ConnectionError("no route to host")
        self.opened += 1
        self.cut = False

    def close(self) -> None:
        self.closed += 1

    def is_alive(self) -> bool:
        return not self.cut

    def query(self) -> str:
        """Query."""
        assert self.opened > self.closed
        return "rows"


def served(applications: Applications, provider: Provider, toolkit: Any) -> Any:
    return applications(Agent(id="a", model=model(provider), tools=[toolkit]))


async def test_runs_share_connection(provider: Provider, applications: Applications) -> None:
    """The connection is opened once for all runs, and closed when the server stops."""
    toolkit = Database()
    application = served(applications, provider, toolkit)
    async with application.connections.opened():
        for _ in range(2):
            provider.script(Reply(tool_calls=[("query", "{}")]), Reply("Done."))
            answer = await application.ask()
            assert "rows" == answer.tools[0].result
        assert (1, 0) == (toolkit.opened, toolkit.closed)
        assert [] == application.connections.trouble
    assert (1, 1) == (toolkit.opened, toolkit.closed)


async def test_dead_connection_stays_dead(provider: Provider, applications: Applications) -> None:
    """A connection that has died is opened again for the next run."""
    toolkit = Database()
    application = served(applications, provider, toolkit)
    async with application.connections.opened():
        toolkit.cut = True
        provider.script(Reply(tool_calls=[("query", "{}")]), Reply("Done."))
        await application.ask()
        assert 2 == toolkit.opened


async def test_answer_without_tools(provider: Provider, applications: Applications) -> None:
    """An agent whose tools cannot be reached does not answer without them; it says why, and
    answers again when they are back."""
    toolkit = Database()
    toolkit.refusing = True
    application = served(applications, provider, toolkit)
    async with application.connections.opened():
        assert ["database (ConnectionError: no route to host)"] == application.connections.trouble
        with pytest.raises(ToolsUnavailable, match="database"):
            await application.ask()
        assert 0 == provider.opened
        toolkit.refusing = False
        await application.ask()
        assert [] == application.connections.trouble
