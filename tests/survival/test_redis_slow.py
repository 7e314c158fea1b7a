"""Redis is far away, does not answer for a while, or is full: what readers are told is true."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.link import Link
from tests.provider import Provider
from tests.services import RedisServer
from tests.survival.parts import (
    DEGRADED,
    READY,
    Tab,
    becomes,
    client,
    counted,
    kept,
    paced,
    readiness,
    serving,
)

#: Seconds of trouble: longer than a process may be silent before others take it for dead.
TROUBLE = 6.0


class Full:
    """Redis has as much as it may (`noeviction`): it answers, and takes no more."""

    def __init__(self, redis: RedisServer) -> None:
        self.url = redis.url
        self._redis = redis

    def begin(self) -> None:
        assert self._redis.command("CONFIG SET maxmemory 1").startswith(b"+OK")

    def end(self) -> None:
        assert self._redis.command("CONFIG SET maxmemory 0").startswith(b"+OK")


class Stalled:
    """Redis is 300 ms away, and then nothing arrives."""

    def __init__(self, redis: RedisServer, link: Link) -> None:
        self.url = redis.url.replace(str(redis.port), str(link.port))
        self._link = link

    def begin(self) -> None:
        self._link.stall()

    def end(self) -> None:
        self._link.go_on()


@pytest.fixture(params=["full", "stalled"])
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Full | Stalled]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(folder) as redis, Link(redis.port) as link:
        yield Full(redis) if request.param == "full" else Stalled(redis, link)


@pytest.mark.timeout(300)  # the trouble lasts as long as the outage of a journal may
async def test_stream_is_lost_with_a_slow_redis(
    tmp_path: Path, provider: Provider, trouble: Full | Stalled
) -> None:
    """Streams and new runs go on through the trouble, of which `readyz` tells; afterwards the
    journal has both, no run was taken for dead, a cancel and the next turn reach what is true."""
    provider.default = paced(TROUBLE + 4)
    one, two, three, four = Tab(), Tab(), Tab(), Tab()
    settings = {"JOURNAL_URL": trouble.url}
    async with (
        serving(tmp_path, provider, **settings) as command,
        serving(tmp_path, provider, **settings) as other,
        client(command) as http,
        client(other) as elsewhere,
        asyncio.timeout(120),  # heartbeats keep a stream open whose end never comes
    ):
        asking = asyncio.create_task(one.start(http, conversation_id="c"))
        await one.until(50)
        joining = asyncio.create_task(three.resume(elsewhere, one.run_id))
        await three.until(50)
        assert READY == await readiness(http)
        trouble.begin()
        provider.script(paced(1))
        await two.start(http, conversation_id="d")
        await becomes(http, DEGRADED)
        await asyncio.sleep(TROUBLE)
        trouble.end()
        await becomes(http, READY)
        await asyncio.gather(asking, joining)
        text = counted(round((TROUBLE + 4) * 100))
        assert (text, ["stop"]) == (one.text, one.endings)
        assert (counted(100), ["stop"]) == (two.text, two.endings)
        assert (one.text, one.numbers) == (three.text, three.numbers)
        for tab in (one, two):
            await kept(elsewhere, tab)
        going = asyncio.create_task(four.start(http, "And?", conversation_id="c"))
        await four.until(10)
        sent = [message["content"] for message in provider.requests[-1].body["messages"]]
        assert ["Count.", text, "And?"] == sent[-3:]
        state = (await elsewhere.post(f"/api/v1/runs/{four.run_id}/cancel")).json()
        await going
        assert ("cancelled", ["cancelled"]) == (state["finish_reason"], four.endings)
    assert "its process died" not in command.output + other.output
