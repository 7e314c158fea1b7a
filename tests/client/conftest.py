"""Fixtures for the tests of the client."""

from typing import cast

import pytest

from agno_stream import Config
from tests.client.shells import SHELLS, Shell
from tests.server import Server


@pytest.fixture(params=SHELLS, ids=["sync", "async"])
def shell(request: pytest.FixtureRequest) -> Shell:
    return cast(Shell, request.param)


@pytest.fixture
def config(server: Server) -> Config:
    return Config(url=server.url)
