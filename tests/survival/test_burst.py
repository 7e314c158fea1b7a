"""Many streams at once on a store with few connections: each turn is stored, or refused before."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.db.base import AsyncBaseDb
from agno.db.postgres import AsyncPostgresDb
from agno.db.sqlite import AsyncSqliteDb
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.services import PostgresServer
from tests.survival.parts import Tab

STREAMS = 300

#: A pool that has nothing left for a third one, and that soon gives up.
SMALL: dict[str, Any] = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 1}


def sqlite(folder: Path, request: pytest.FixtureRequest) -> AsyncBaseDb:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/own.db", **SMALL)
    return AsyncSqliteDb(db_engine=engine)


def postgresql(folder: Path, request: pytest.FixtureRequest) -> AsyncBaseDb:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create().replace("://", "+asyncpg://")
    return AsyncPostgresDb(db_engine=create_async_engine(url, **SMALL))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", [sqlite, postgresql])
async def test_burst_of_turns_is_lost(
    store: Callable[[Path, pytest.FixtureRequest], AsyncBaseDb],
    serve: Serve,
    provider: Provider,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Of streams that begin and end together, every one that is not refused at its start ends
    well, and its turn is in the store."""
    provider.default = Reply("one two three four five six seven eight", rate=10)
    agent = Agent(id="a", db=store(tmp_path, request), telemetry=False)
    server = serve(agents=[agent])
    # No connection is reused that the server may just be closing.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as http:
        outcomes = await asyncio.gather(*(_turn(http, number) for number in range(STREAMS)))
        async with asyncio.timeout(60):
            while (await http.get("/readyz")).json()["status"] != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        stored = {name for n in range(0, STREAMS, 100) for name in await _stored(http, n)}
    print(Counter(outcome for _, outcome in outcomes))
    assert {outcome for _, outcome in outcomes} <= {"stored", "kept", "503"}
    assert {name for name, outcome in outcomes if outcome != "503"} == stored


async def _turn(http: httpx.AsyncClient, number: int) -> tuple[str, str]:
    """The id of a conversation, and what became of its only turn."""
    name, tab = f"c{number}", Tab()
    body = {"message": "Count.", "conversation_id": name}
    async with http.stream("POST", "/api/v1/chat", json=body) as response:
        if response.status_code == 503:
            return name, "503"
        await tab.read(response)
    last = tab.chunks[-1]
    if last["finish_reason"] != "stop":
        return name, f"{last['finish_reason']} {last.get('error')}"
    return name, "stored" if last.get("stored", True) else "kept"


async def _stored(http: httpx.AsyncClient, offset: int) -> list[str]:
    page = (await http.get(f"/api/v1/conversations?limit=100&offset={offset}")).json()
    return [info["conversation_id"] for info in page["conversations"]]
