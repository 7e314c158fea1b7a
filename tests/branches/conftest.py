"""Fixtures: servers of the stores of conversations that an application may bring."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agno.db.in_memory import InMemoryDb
from agno.db.json import JsonDb
from agno.db.redis import RedisDb

from tests import tables
from tests.services import RedisServer

#: The server's own store in two databases, and stores of an application.
STORES = ("sqlite", "postgresql", "redis", "json", "memory")


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The fields of a component with its own store; none for the server's."""
    found: dict[str, Callable[[], Any]] = {
        "redis": lambda: RedisDb(db_url=_redis(request).empty()),
        "json": lambda: JsonDb(db_path=str(tmp_path / "json")),
        "memory": InMemoryDb,
    }
    kind = getattr(request, "param", "sqlite")
    return {"db": found[kind]()} if kind in found else {}


def _redis(request: pytest.FixtureRequest) -> RedisServer:
    server: RedisServer = request.getfixturevalue("redis_server")
    return server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The server's own store, if a test names PostgreSQL as its `store`."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if params.get("store") == "postgresql":
        return tables.postgresql(request.getfixturevalue("postgres_server"))
    return None
