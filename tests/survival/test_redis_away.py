"""Redis stops, or hangs: streams go on, and all of it is there when it is back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.command import run
from tests.provider import Provider
from tests.services import RedisServer, free_port
from tests.survival.parts import (
    DEGRADED,
    READY,
    Tab,
    Watch,
    becomes,
    client,
    counted,
    kept,
    paced,
    readiness,
    serving,
)

#: Seconds for which Redis is away.
AWAY = 10.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(folder) as running:
        yield running


async def _join(tab: Tab, http: httpx.AsyncClient, run_id: str) -> None:
    await tab.resume(http, run_id)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["stopped", "hanging"])
async def test_streams_outlast_a_redis_outage(
    tmp_path: Path, provider: Provider, redis: RedisServer, how: str
) -> None:
    """While Redis is away a stream goes on, a new run begins and ends, the log and `readyz` say so;
    then the journal has all of it once, and a reader elsewhere, who waited, sees all of it."""
    provider.default = paced(25)
    one, two, three = Tab(), Tab(), Tab()
    async with (
        serving(tmp_path, provider, JOURNAL_URL=redis.url) as command,
        serving(tmp_path, provider, JOURNAL_URL=redis.url) as other,
        client(command) as http,
        client(other) as elsewhere,
    ):
        asking = asyncio.create_task(one.start(http))
        await one.until(50)
        joining = asyncio.create_task(_join(three, elsewhere, one.run_id))
        await three.until(50)
        await asyncio.to_thread(redis.stop if how == "stopped" else redis.hang)
        before = one.tokens
        provider.script(paced(1))
        with Watch("a whole run of one second, begun as Redis had gone"):
            await two.start(http)
        await becomes(http, DEGRADED)
        await asyncio.sleep(AWAY)
        assert DEGRADED == await readiness(http)
        with Watch("a reader that comes meanwhile is refused"):
            refused = await elsewhere.get(f"/api/v1/runs/{one.run_id}/events?after=7")
        assert (503, "journal_unavailable") == (
            refused.status_code,
            refused.json()["error"]["code"],
        )
        provider.script(paced(1))
        with Watch("a question with a key is answered all the same"):
            keyed = await http.post(
                "/api/v1/chat",
                json={"message": "Hello?", "stream": False},
                headers={"Idempotency-Key": "while-away"},
            )
        assert (200, "stop") == (keyed.status_code, keyed.json()["finish_reason"])
        assert one.tokens > before + 100 * AWAY
        await asyncio.to_thread(redis.start if how == "stopped" else redis.resume)
        with Watch("ready again"):
            await becomes(http, READY)
        await asyncio.gather(asking, joining)
        assert (counted(2500), ["stop"]) == (one.text, one.endings)
        assert (counted(100), ["stop"]) == (two.text, two.endings)
        assert (one.text, one.numbers) == (three.text, three.numbers)
        for tab in (one, two):
            await kept(elsewhere, tab)
        for server in (command, other):
            assert 0 == await asyncio.to_thread(server.stop)
    assert 1 == command.output.count("journal: cannot be written; streams go on from memory")
    assert 1 == command.output.count("journal: is written again, after")
    assert "its process died" not in command.output + other.output
    assert 3 == provider.opened


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unreachable_redis_at_start(tmp_path: Path, workers: str) -> None:
    """Without Redis at the start there is one line of error, with exit code 2."""
    url = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    failed = run(tmp_path, "-m", "app", "serve", "--workers", workers, JOURNAL_URL=url)
    assert (2, "") == (failed.returncode, failed.stdout)
    assert 1 == len(failed.stderr.splitlines())
    assert failed.stderr.startswith("agno-stream: JOURNAL_URL: redis://")
    assert "cannot be reached" in failed.stderr
    assert "s3cret" not in failed.stderr
