"""Slots: which runs start, which wait, and which are refused."""

import asyncio

import pytest

from app.core.access.slots import Slots
from app.core.errors import Overloaded, TooManyRuns


async def waits(slots: Slots, principal: str) -> asyncio.Task[None]:
    """A task that waits for a slot."""
    task = asyncio.create_task(slots.acquire(principal))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_first_come_first_served() -> None:
    """The run that came first gets the slot that is released."""
    slots = Slots(1)
    await slots.acquire("a")
    first, second = await waits(slots, "b"), await waits(slots, "c")
    slots.release("a")
    await first
    assert not second.done()
    slots.release("b")
    await second
    assert 1 == slots.taken


async def test_principal_at_its_bound_blocks_nobody() -> None:
    """Runs of a principal at its own bound do not block runs of others."""
    slots = Slots(3, 1)
    await slots.acquire("a")
    mine = await waits(slots, "a")
    await asyncio.wait_for(slots.acquire("b"), 5)
    slots.release("b")
    await asyncio.sleep(0)
    assert not mine.done()
    slots.release("a")
    await mine


async def test_full_queue_is_refused() -> None:
    """A run that finds the queue full is refused at once; the error names whose bound it is."""
    slots = Slots(1, queue=1)
    await slots.acquire("a")
    waiting = await waits(slots, "b")
    with pytest.raises(Overloaded):
        await slots.acquire("c")
    slots.release("a")
    await waiting
    slots = Slots(10, 1, queue=10)
    await slots.acquire("a")
    waiting = await waits(slots, "a")
    with pytest.raises(TooManyRuns) as caught:
        await slots.acquire("a")
    assert caught.value.retry_after
    slots.release("a")
    await waiting


async def test_queue_timeout() -> None:
    """A run that has waited for the timeout is refused, and the slot goes to the next one."""
    slots = Slots(1, queue_timeout=0.01)
    await slots.acquire("a")
    with pytest.raises(Overloaded):
        await slots.acquire("b")
    slots.release("a")
    await asyncio.wait_for(slots.acquire("c"), 5)
    assert 1 == slots.taken


@pytest.mark.parametrize("at_the_same_moment", [False, True])
async def test_cancelled_wait_takes_no_slot(at_the_same_moment: bool) -> None:
    """A run that is cancelled while it waits takes no slot, not even one just granted."""
    slots = Slots(1)
    await slots.acquire("a")
    waiting = await waits(slots, "b")
    if at_the_same_moment:
        slots.release("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not at_the_same_moment:
        slots.release("a")
    assert 0 == slots.taken
    await asyncio.wait_for(slots.acquire("c"), 5)
