"""Every journal's outbox keeps turns until they are stored, for all processes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.core.log.journals import open_journal
from app.core.log.outbox import Outbox, UnstoredTurn
from tests.services import RedisServer

URLS: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "memory": lambda request: "memory://",
    "sqlite": lambda request: "sqlite:///",
    "redis": lambda request: _server(request).empty(),
}


def _server(request: pytest.FixtureRequest) -> RedisServer:
    server: RedisServer = request.getfixturevalue("redis_server")
    return server


def turn(key: str, session: str = "s", created_at: float = 1.0, data: str = "{}") -> UnstoredTurn:
    return UnstoredTurn(key, session, created_at, data)


@pytest.fixture(params=list(URLS))
async def outboxes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Outbox, Outbox]]:
    """The outboxes of two processes that share a journal; one of memory is the same twice."""
    url = URLS[request.param](request)
    async with AsyncExitStack() as stack:
        opened = []
        for owner in ("one", "two"):
            journal = open_journal(url, retention=60, data_dir=tmp_path)
            await journal.open(owner)
            stack.push_async_callback(journal.close)
            opened.append(journal.outbox)
        if request.param == "memory":
            opened[1] = opened[0]
        yield opened[0], opened[1]


async def test_turns_are_claimed_out_of_order(outboxes: tuple[Outbox, Outbox]) -> None:
    """Any process gets the turns of all sessions or of one, the oldest first."""
    one, two = outboxes
    turns = [turn("b", "s", 2), turn("a", "s", 1), turn("c", "other", 3, '"ü"')]
    for kept in turns:
        await one.keep(kept)
    assert (3, 2, 0) == (await two.count(), await two.count("s"), await two.count("none"))
    assert [turns[1], turns[0]] == await two.claim("s", 10)
    await two.release()
    assert [turns[1], turns[0], turns[2]] == await one.claim(None, 10)
    assert [turns[1]] == await one.claim(None, 1)


async def test_settled_turn_comes_again(outboxes: tuple[Outbox, Outbox]) -> None:
    """What is stored is not claimed again, by nobody; what is not, is."""
    one, two = outboxes
    for key in ("a", "b"):
        await one.keep(turn(key, key))
    await one.claim(None, 10)
    await one.settle(["a", "unknown"])
    await one.release()
    assert [turn("b", "b")] == await two.claim(None, 10)
    assert 1 == await one.count()


async def test_turn_is_kept_twice(outboxes: tuple[Outbox, Outbox]) -> None:
    """A turn that is kept again replaces the one with its key."""
    one, two = outboxes
    await one.keep(turn("a"))
    await one.keep(turn("a", data="[1]"))
    assert [turn("a", data="[1]")] == await two.claim("s", 10)


async def test_dropped_session_comes_back(outboxes: tuple[Outbox, Outbox]) -> None:
    """The turns of a deleted session are gone, those of others are not."""
    one, two = outboxes
    for key, session in (("a", "s"), ("b", "s"), ("c", "other")):
        await one.keep(turn(key, session))
    await two.drop("s")
    assert (0, 1) == (await one.count("s"), await one.count())


async def test_claimed_session_is_claimed_by_another(outboxes: tuple[Outbox, Outbox]) -> None:
    """While one process stores the turns of a session, another gets none of that session."""
    one, two = outboxes
    if one is two:
        return  # a journal of one process
    await one.keep(turn("a"))
    assert [turn("a")] == await one.claim("s", 10)
    await one.keep(turn("b"))
    await one.keep(turn("c", "other"))
    assert [] == await two.claim("s", 10)
    assert [turn("c", "other")] == await two.claim(None, 10)
    await one.release()
    assert [turn("a"), turn("b")] == await two.claim("s", 10)
