"""The Redis journal when requests arrive late, and answers not at all."""

import asyncio
from collections.abc import Iterator

import pytest
from redis.exceptions import RedisError

from app.core.log.journal import SharedJournal
from app.core.log.journals.redis_calls.membership import ADOPTION_TIME, HEARTBEAT_TTL
from tests.core.log.journals.test_redis import mine, opened
from tests.core.parts import until
from tests.link import Link
from tests.services import RedisServer


@pytest.fixture
def link(redis_server: RedisServer) -> Iterator[Link]:
    """A way to an empty Redis, which may be blocked."""
    redis_server.empty()
    with Link(redis_server.port, 0.0) as way:
        yield way


def through(link: Link, url: str) -> str:
    return url.replace(url.rpartition(":")[2].partition("/")[0], str(link.port))


def uptime(server: RedisServer) -> float:
    lines = server.command("INFO server").decode()
    return float(lines.partition("uptime_in_seconds:")[2].split()[0])


async def loses_its_answer(link: Link, journal: SharedJournal, call: str) -> None:
    """A call is done in Redis, but its answer never comes."""
    link.latency = 0.4
    calling = asyncio.create_task(getattr(journal, call)())
    await asyncio.sleep(0.3)
    link.stall()
    with pytest.raises(RedisError):
        await calling
    link.latency = 0.0
    link.go_on()


async def test_late_and_lost_searches_for_orphans(redis_server: RedisServer, link: Link) -> None:
    """A run that was taken over by a search whose answer was lost comes with the next one, once. A
    search that arrives late, as all heartbeats do, takes no run of a living process."""
    url = redis_server.url
    await until(lambda: uptime(redis_server) > HEARTBEAT_TTL, 10)  # nobody adopts before
    async with opened(through(link, url), "heir") as heir:
        async with opened(url, "dead") as dead:
            await dead.create(mine(owner="dead"))
            assert [] == await heir.adopt_orphans()
        await loses_its_answer(link, heir, "adopt_orphans")
        assert ["r1"] == [run.run_id for run in await heir.adopt_orphans()]
        assert [] == await heir.adopt_orphans()
        async with opened(url, "living") as living:
            await living.create(mine("r2", owner="living"))
            await heir.send_heartbeat()
            link.stall()
            searching = asyncio.create_task(heir.adopt_orphans())
            await asyncio.sleep(ADOPTION_TIME + 0.3)
            redis_server.command("ZADD agno-stream:owners 1 living")  # no heartbeat for so long
            link.go_on()
            with pytest.raises(RedisError):
                await searching
            await asyncio.sleep(0.3)
            found = await living.record("r2")
    assert found is not None
    assert "living" == found.owner


async def test_cancel_request_whose_answer_was_lost(redis_server: RedisServer, link: Link) -> None:
    """A cancel request that the owner took, but never got, is there when it looks again."""
    url = redis_server.url
    async with opened(url, "one") as one, opened(through(link, url), "two") as two:
        await two.create(mine(owner="two"))
        assert [] == await two.take_cancel_requests()
        await one.request_cancel("r1")
        await loses_its_answer(link, two, "take_cancel_requests")
        assert ["r1"] == await two.take_cancel_requests()
        assert [] == await two.take_cancel_requests()
