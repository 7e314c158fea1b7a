"""Applications of Agno for the tests of agents; their connections are closed after each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.agents.application import Application, Applications, close
from tests.provider import Provider


@pytest.fixture
async def applications(provider: Provider, tmp_path: Path) -> AsyncIterator[Applications]:
    """Serves components; further ones that a test runs itself can be given as `beside`."""
    opened: list[Application] = []
    others: list[Any] = []

    def make(*components: Any, beside: tuple[Any, ...] = ()) -> Application:
        others.extend(beside)
        opened.append(Application(provider, tmp_path, *components))
        return opened[-1]

    yield make
    for application in opened:
        await application.conversations.close()
        await application.catalog.close()
    for component in others:
        await close(component)
