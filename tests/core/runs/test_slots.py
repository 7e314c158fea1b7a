"""Slots: who runs, who waits, and who is sent away."""

import asyncio

import pytest

from app.core.errors import Overloaded, TooManyRuns
from app.core.runs.slots import Slots


async def waits(slots: Slots, principal: str) -> asyncio.Task[None]:
    """A task that waits for a slot."""
    task = asyncio.create_task(slots.acquire(principal))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_the_order() -> None:
    """Who came first gets the slot that is given back."""
    slots = Slots(1)
    await slots.acquire("a")
    first, second = await waits(slots, "b"), await waits(slots, "c")
    slots.release("a")
    await first
    assert not second.done()
    slots.release("b")
    await second
    assert 1 == slots.taken


async def test_nobody_waits_behind_a_principal_at_its_bound() -> None:
    """A principal that has all it may holds nobody up."""
    slots = Slots(3, 1)
    await slots.acquire("a")
    mine = await waits(slots, "a")
    await asyncio.wait_for(slots.acquire("b"), 5)
    slots.release("b")
    await asyncio.sleep(0)
    assert not mine.done()
    slots.release("a")
    await mine


async def test_the_queue_is_bounded() -> None:
    """Who finds no place to wait is sent away at once, told whose bound it is."""
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


async def test_the_wait_is_bounded() -> None:
    """Who has waited long enough is sent away, and the slot goes to the next."""
    slots = Slots(1, queue_timeout=0.01)
    await slots.acquire("a")
    with pytest.raises(Overloaded):
        await slots.acquire("b")
    slots.release("a")
    await asyncio.wait_for(slots.acquire("c"), 5)
    assert 1 == slots.taken


@pytest.mark.parametrize("at_the_same_moment", [False, True])
async def test_one_who_leaves_while_waiting(at_the_same_moment: bool) -> None:
    """It takes no slot along, not even one that it was just given."""
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
