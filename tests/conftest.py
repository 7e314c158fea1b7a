"""Fixtures: a provider, and servers in front of it; all real, all on loopback."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import settings

from tests import tables
from tests.provider import Provider
from tests.server import Server
from tests.services import PostgresServer, RedisServer

pytest_plugins = ["tests.skips", "tests.trust"]

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its import would fetch prices

# How long an example takes depends on who else has the processors, and says nothing.
settings.register_profile("suite", settings(), deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may hold halves of characters, which cannot travel between processes."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


#: Parts of the names of files that take minutes. They begin first, so that at the end no process is
#: left alone with one of them (xdist would take those first that have many tests).
LONG = ("applications/test_applications", "survival/", "page/", "streamlit/", "test_schemathesis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(part in item.nodeid for part in LONG))


class Serve(Protocol):
    """Starts a server in front of the provider; further settings by their names."""

    def __call__(self, **settings: Any) -> Server: ...


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for all tests that leave it running; whoever wants it empty says so."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests that leave it running; each makes databases of its own."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The store of conversations of the servers of a test; see `STORES`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return tables.postgresql(server)
    return None


#: Runs a test once over each store of conversations.
STORES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def serve(provider: Provider, tmp_path: Path, database_url: str | None) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**settings: Any) -> Server:
            settings = {
                "model": "openai:test-model",
                "openai_base_url": provider.url,
                "openai_api_key": "sk-test-of-the-suite-0123456789",
                "data_dir": tmp_path,
                "database_url": database_url,
                **settings,
            }
            return stack.enter_context(Server(**settings))

        yield start


@pytest.fixture
def server(serve: Serve) -> Server:
    """The server as most tests want it: one provider, one model, nothing special."""
    return serve()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `server`."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client
