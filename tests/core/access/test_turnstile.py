"""Heavy work of many tasks leaves the event loop to the others."""

import asyncio
from collections.abc import Generator

from app.core.access.turnstile import PIECE, in_turns, next_turn, turnstile


async def work(turns: list[int], turn: list[int], pieces: int) -> None:
    for _ in range(pieces):
        await next_turn()
        turns.append(turn[0])


async def count(turn: list[int]) -> None:
    while True:
        turn[0] += 1
        await asyncio.sleep(0)


async def test_one_piece_of_heavy_work_is_done_in_a_turn() -> None:
    """However many tasks wait for their turn, the loop does something else after each of them."""
    turn = [0]
    turns: list[int] = []
    counting = asyncio.create_task(count(turn))
    await asyncio.gather(*(work(turns, turn, 5) for _ in range(20)))
    counting.cancel()
    assert 100 == len(turns)
    assert len(set(turns)) == len(turns)


async def test_tasks_pass_in_their_order_and_cancelled_ones_are_passed_over() -> None:
    """Nobody is overtaken, and a task that is gone holds up nobody, whenever it went."""
    for gone in ({0}, {1, 2}, {0, 1, 2, 3, 4}, {4}):
        for ticks in range(4):
            passed: list[int] = []

            async def pass_by(name: int, passed: list[int] = passed) -> None:
                await next_turn()
                passed.append(name)

            tasks = [asyncio.create_task(pass_by(name)) for name in range(5)]
            for _ in range(ticks):
                await asyncio.sleep(0)
            for name in gone:
                tasks[name].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert sorted(passed) == passed
            assert {0, 1, 2, 3, 4} - gone <= set(passed)
            await asyncio.wait_for(next_turn(), 5)


async def test_those_who_make_entries_go_on_after_the_block_or_the_time() -> None:
    """A writer that needs long holds them back for a bounded time, and nobody else."""
    stile = turnstile()
    with stile.hold() as hold:
        await asyncio.wait_for(stile.share(makes=True), 5)  # nobody is held back so far
        hold(3600)
        waiting = asyncio.create_task(stile.share(makes=True))
        await asyncio.wait_for(stile.wait(), 5)
        await asyncio.sleep(0.01)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)
    with stile.hold() as hold:
        hold(0.01)
        await asyncio.wait_for(stile.share(makes=True), 5)
        await asyncio.wait_for(stile.wait(makes=True), 5)


async def test_the_time_of_a_turn_is_shared() -> None:
    """Who comes after the time of a turn was spent waits for the next turn; who comes before does
    not."""
    stile = turnstile()
    assert not stile.crowded()
    stile.spend(PIECE / 2)
    await asyncio.wait_for(stile.share(), 5)
    stile.spend(PIECE)
    assert stile.crowded()
    assert stile.crowded(makes=True)
    await asyncio.wait_for(stile.share(), 5)
    assert not stile.crowded()


async def test_a_generator_of_work_returns_its_result() -> None:
    """The steps are all done, and what they raise is raised."""
    done: list[int] = []

    def steps(last: int) -> Generator[None, None, int]:
        for number in range(last):
            sum(range(20_000))
            done.append(number)
            yield
        return 10 // last

    assert 1 == await in_turns(steps(7))
    assert list(range(7)) == done
    try:
        await in_turns(steps(0))
    except ZeroDivisionError:
        return
    raise AssertionError
