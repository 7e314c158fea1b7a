"""What waits: flags that several tasks wait for, and timers that are never early and never lost."""

import asyncio
import random
from collections.abc import Callable

import pytest
import uvloop

from app.core.waiting.flag import Flag
from app.core.waiting.wheel import STEP, Timer, wheel

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


async def test_all_who_wait_for_a_flag_are_woken() -> None:
    """A flag wakes all who wait, but for those that were cancelled, and nobody waits for a set
    one."""
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    assert not flag.is_set()
    flag.set()
    assert all(await asyncio.gather(waiting[0], waiting[2]))
    assert waiting[1].cancelled()
    assert await flag.wait()
    flag.clear()
    later = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    assert not later.done()
    flag.set()
    assert await later


@pytest.mark.parametrize("loop", LOOPS)
def test_timers_are_due_once_and_never_early(loop: str) -> None:
    """Every timer is due once, not early, unless it was cancelled, also by another one of its step;
    and one that fails is due alone."""

    async def run() -> None:
        rhythm = random.Random(18)
        running = asyncio.get_running_loop()
        failures: list[object] = []
        running.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        due: dict[int, list[float]] = {}
        timers: dict[int, Timer] = {}
        expected = {}

        def fire(n: int) -> None:
            due.setdefault(n, []).append(running.time())
            if n % 7 == 0:
                raise ValueError(n)

        for n in range(200):
            when = running.time() + rhythm.choice((0.0, -1.0, 0.01, 0.05, 0.1)) + n * 1e-4
            expected[n] = when
            timers[n] = wheel().call_at(when, lambda n=n: fire(n))  # type: ignore[misc]
        cancelled = [n for n in timers if n % 3 == 0]
        for n in cancelled:
            timers[n].cancel()
        again = wheel().call_later(0.2, lambda: fire(1000))
        wheel().call_later(0.1, again.cancel)
        done = asyncio.Event()
        wheel().call_later(0.15, lambda: wheel().call_later(0.01, done.set))
        await asyncio.wait_for(done.wait(), 10)
        assert due.keys() == timers.keys() - set(cancelled)
        assert all(len(times) == 1 for times in due.values())
        # uvloop's clock counts milliseconds
        assert all(due[n][0] >= expected[n] - 0.002 for n in due)
        assert len(failures) == len([n for n in due if n % 7 == 0])

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


async def test_a_timer_that_is_cancelled_in_its_step_is_not_due() -> None:
    """A timer that another one of the same step cancels is not due any more."""
    seen: list[str] = []
    both: dict[str, Timer] = {}

    def first(name: str, other: str) -> None:
        seen.append(name)
        both[other].cancel()

    when = asyncio.get_running_loop().time() + STEP
    both["a"] = wheel().call_at(when, lambda: first("a", "b"))
    both["b"] = wheel().call_at(when, lambda: first("b", "a"))
    await asyncio.sleep(5 * STEP)
    assert len(seen) == 1
