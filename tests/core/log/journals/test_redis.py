"""The Redis journal beside its contract: Redis is not there, goes away, and comes back."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from redis.exceptions import RedisError

from app.core.errors import ConfigurationError, Gap
from app.core.log.journal import Entry, Group, RunRecord, SharedJournal
from app.core.log.journals import open_journal
from app.core.log.journals.redis_calls.membership import HEARTBEAT_TTL
from app.core.log.journals.redis_connection import CALL_TIMEOUT
from tests.core.parts import ending, record, text_chunk, words
from tests.services import RedisServer, free_port

PASSWORD = "s3cret-of-the-suite"

#: Seconds that a call may take: one time limit each for the way there and for the answer.
BOUND = 2 * CALL_TIMEOUT + 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop."""
    with RedisServer(tmp_path) as running:
        yield running


@asynccontextmanager
async def opened(url: str, owner: str = "me") -> AsyncIterator[SharedJournal]:
    journal = open_journal(url, retention=3600, data_dir=Path("unused"))
    assert isinstance(journal, SharedJournal)
    await journal.open(owner)
    try:
        yield journal
    finally:
        await journal.close()


def mine(run_id: str = "r1", owner: str = "me") -> RunRecord:
    return record(run_id, owner=owner)


def numbered(count: int, start: int = 0) -> list[Entry]:
    return [(n / 8, text_chunk(f"{n:04}")) for n in range(start, start + count)]


async def fails(journal: SharedJournal) -> None:
    """Each kind of call raises, and soon."""
    group = Group(mine(), 4, numbered(3, 3))
    for call in (
        lambda: journal.append([group]),
        lambda: journal.read("r1", 0, 10),
        lambda: journal.send_heartbeat(),
        lambda: journal.take_cancel_requests(),
    ):
        async with asyncio.timeout(BOUND):
            with pytest.raises(RedisError):
                await call()


async def works(journal: SharedJournal) -> None:
    """What was written before is there, and what could not be written can be made again."""
    assert [] == await journal.append([Group(mine(), 4, numbered(3, 3))])
    assert words(numbered(6)) == words(await journal.read("r1", 0, 10))
    await journal.send_heartbeat()
    await journal.request_cancel("r1")
    assert ["r1"] == await journal.take_cancel_requests()


async def test_calls_work_after_a_restart(server: RedisServer) -> None:
    """While Redis is stopped calls raise at once; when it is back they work, on the same data."""
    async with opened(server.url) as journal:
        await journal.append([Group(mine(), 1, numbered(3))])
        server.stop()
        await fails(journal)
        server.start()
        await works(journal)


async def test_calls_time_out_while_redis_hangs(server: RedisServer) -> None:
    """While Redis takes commands and answers nothing, calls raise within their time; many at
    once, too. When it answers again they work."""
    async with opened(server.url) as journal:
        await journal.append([Group(mine(), 1, numbered(3))])
        server.hang()
        await fails(journal)
        async with asyncio.timeout(BOUND):
            reads = [journal.read("r1", 0, 10) for _ in range(50)]
            answers = await asyncio.gather(*reads, return_exceptions=True)
        server.resume()
        assert 50 == sum(isinstance(answer, RedisError) for answer in answers)
        await works(journal)


async def test_runs_continue_on_an_empty_redis(server: RedisServer) -> None:
    """A Redis that came back empty takes runs up where they are; what was before is a gap."""
    async with opened(server.url) as journal:
        await journal.append([Group(mine(), 1, numbered(3))])
        server.empty()
        assert [] == await journal.append([Group(mine(), 4, [*numbered(1, 3), (9.0, ending())])])
        with pytest.raises(Gap):
            await journal.read("r1", 2, 10)
        assert ["0003", ""] == words(await journal.read("r1", 3, 10))


@pytest.mark.parametrize("away", ["stopped", "hanging"])
async def test_no_adoption_after_an_outage(server: RedisServer, away: str) -> None:
    """Redis was away for longer than a heartbeat is valid: the first process that is back does not
    adopt the runs of those that are back a moment later."""
    async with opened(server.url, "one") as one, opened(server.url, "two") as two:
        await one.create(mine(owner="one"))
        if away == "stopped":
            server.stop()
        else:
            server.hang()
        await asyncio.sleep(HEARTBEAT_TTL + 0.5)
        if away == "stopped":
            server.start()
        else:
            server.resume()
        async with opened(server.url, "new") as new:
            assert [] == await two.adopt_orphans()
            await two.send_heartbeat()
            assert [] == await two.adopt_orphans()
            if away == "stopped":
                assert [] == await new.adopt_orphans()
            await one.send_heartbeat()
            assert [] == await one.append([Group(mine(owner="one"), 1, numbered(1))])


async def test_missing_heartbeats_make_orphans(redis_server: RedisServer) -> None:
    """A run whose owner sends no heartbeat goes to one of the other processes, and late writes of
    the owner are refused."""
    url = redis_server.empty()
    async with opened(url, "dead") as dead, opened(url, "a") as a, opened(url, "b") as b:
        await dead.create(mine(owner="dead"))
        begun = time.monotonic()
        adopted: list[RunRecord] = []
        async with asyncio.timeout(3 * HEARTBEAT_TTL):
            while not adopted:
                await asyncio.sleep(0.2)
                await asyncio.gather(a.send_heartbeat(), b.send_heartbeat())
                adopted = [
                    run
                    for runs in await asyncio.gather(a.adopt_orphans(), b.adopt_orphans())
                    for run in runs
                ]
        assert time.monotonic() - begun > HEARTBEAT_TTL - 1
        assert ["r1"] == [found.run_id for found in adopted]
        assert adopted[0] == await a.record("r1")
        assert ["r1"] == await dead.append([Group(mine(owner="dead"), 1, numbered(1))])
        assert [] == await a.append([Group(adopted[0], 1, [(0.0, ending())])])


async def test_runs_of_others_are_not_read(redis_server: RedisServer) -> None:
    """A list of a principal's runs reads none of another's, whose questions may be large: here
    they cannot be read."""
    async with opened(redis_server.empty(), "one") as one:
        runs = [mine(run_id, "one") for run_id in ("live", "paused")]
        for run in runs:
            await one.create(run)
            await one.create(record(f"foreign-{run.run_id}", owner="one", principal="bob"))
            redis_server.command(f"HSET agno-stream:run:foreign-{run.run_id} record unreadable")
        waits = [(0.0, msgspec.structs.replace(ending(), finish_reason="paused"))]
        for name in ("paused", "foreign-paused"):
            await one.append([Group(mine(name, "one"), 1, waits)])
        assert runs[:1] == await one.list_active(runs[0].principal)
        assert runs[1:] == await one.list_paused(runs[0].principal)


async def test_every_key_expires(redis_server: RedisServer) -> None:
    """Every key expires when all processes are gone, whatever they were doing."""
    async with opened(redis_server.empty(), "one") as one:
        for run_id in ("live", "over", "cancelled"):
            await one.create(mine(run_id, "one"))
        await one.append(
            [
                Group(mine("live", "one"), 1, numbered(3)),
                Group(mine("over", "one"), 1, [(0.0, ending())]),
            ]
        )
        await one.request_cancel("cancelled")
        await one.mark_followed(["live", "over"])
        await one.send_heartbeat()
    lines = redis_server.command("KEYS *").decode().split("\r\n")
    keys = [line for line in lines if line.startswith("agno-stream:")]
    kinds = {key.split(":")[1] for key in keys}
    assert {"asked", "bytes", "ended", "live", "log", "owners", "queue", "run", "runs"} <= kinds
    assert "active" in kinds
    assert all(int(redis_server.command(f"PTTL {key}")[1:]) > 0 for key in keys)


async def test_unreachable_redis_at_start() -> None:
    """The error names the address that did not answer, but not the password."""
    port = free_port()
    url = f"redis://user:{PASSWORD}@127.0.0.1:{port}/3"
    with pytest.raises(ConfigurationError) as caught:
        async with opened(url):
            pass
    expected = f"JOURNAL_URL: redis://127.0.0.1:{port}/3 cannot be reached: "
    assert caught.value.message.startswith(expected)
    assert PASSWORD not in caught.value.message


@pytest.mark.parametrize("given", ["", ":wrong-and-s3cret@", "nobody:wrong-and-s3cret@"])
async def test_refused_password_at_start(tmp_path: Path, given: str) -> None:
    """The error at start has Redis' refusal, but not the password."""
    with RedisServer(tmp_path, password=PASSWORD) as guarded:
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{guarded.port} refuses") as caught:
            async with opened(f"redis://{given}127.0.0.1:{guarded.port}"):
                pass
        assert "s3cret" not in caught.value.message
        async with opened(f"redis://:{PASSWORD}@127.0.0.1:{guarded.port}") as journal:
            await journal.create(mine())


@pytest.mark.parametrize(
    "url", ["redis://:s3cret#x@host", "redis://:s3:cret/@host:y", "redis://h:x"]
)
def test_invalid_address_hides_the_password(url: str) -> None:
    """The error for an invalid address does not quote from it."""
    with pytest.raises(ConfigurationError, match="JOURNAL_URL") as caught:
        open_journal(url, retention=1, data_dir=Path("unused"))
    assert "cret" not in caught.value.message


async def test_list_of_runs_reads_those_of_others(redis_server: RedisServer) -> None:
    """A list of a principal's active runs reads no record of the runs of others, however many."""

    def reads() -> int:
        stats = redis_server.command("INFO commandstats").decode()
        return sum(int(n) for n in re.findall(r"cmdstat_h[a-z]*get[a-z]*:calls=(\d+)", stats))

    async with opened(redis_server.empty()) as journal:
        for n in range(40):
            await journal.create(record(f"bob{n}", principal="bob", owner="me"))
        await journal.create(mine())
        before = reads()
        assert [mine()] == await journal.list_active("ann")
        assert reads() - before < 10
