"""Turns that wait for their store, where the journal is late, too."""

import asyncio

import pytest

from app.core.agents.storage.backlog import JOURNAL_TIMEOUT, LAST_TIMEOUT, Backlog
from app.core.log.outbox import MemoryOutbox, UnstoredTurn
from app.core.run_failures import ConversationsUnavailable

TURNS = [UnstoredTurn(f"k{n}", "session", float(n), "{}") for n in range(3)]


class Late(MemoryOutbox):
    """A journal that answers each call after `seconds`."""

    seconds = 0.0

    async def keep(self, turn: UnstoredTurn) -> None:
        await asyncio.sleep(self.seconds)
        await super().keep(turn)

    async def count(self, session: str | None = None) -> int:
        found = await super().count(session)
        await asyncio.sleep(self.seconds)
        return found


async def refuse(turn: UnstoredTurn) -> None:
    raise ConversationsUnavailable("It is away.")


async def nothing() -> None:
    """There is nothing else to look at."""


@pytest.mark.parametrize("comes_back", [True, False])
async def test_memory_is_emptied_at_the_end(
    caplog: pytest.LogCaptureFixture, comes_back: bool
) -> None:
    """Turns that are in memory alone, because the journal was late, are in the journal when the
    process has ended; if it is still late, the log says that they are lost. Neither needs a
    traceback."""
    outbox = Late()
    backlog = Backlog(refuse, outbox)
    async with backlog.opened(nothing):
        outbox.seconds = JOURNAL_TIMEOUT + LAST_TIMEOUT
        await asyncio.gather(*(backlog.keep(turn) for turn in TURNS))
        assert 0 == await outbox.count()
        if comes_back:
            outbox.seconds = 0.0
    found = await outbox.claim(None, 10)
    assert (TURNS if comes_back else []) == found
    assert comes_back != ("3 turns are lost" in caplog.text)
    assert 3 == caplog.text.count("is kept in memory alone: TimeoutError")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("before", [0.0, 0.02, 0.06])
async def test_a_turn_that_comes_meanwhile_is_not_counted(before: float) -> None:
    """A look that began before a turn came does not take it out of the count again."""
    outbox = Late()
    backlog = Backlog(refuse, outbox)
    await backlog.keep(TURNS[0])
    outbox.seconds = 0.04
    looking = asyncio.create_task(backlog.look())
    await asyncio.sleep(before)
    await backlog.keep(TURNS[1])
    assert 2 == backlog.size
    await looking
    assert 2 == backlog.size
    await backlog.look()
    assert 2 == backlog.size
