"""The three clocks of a run, with small times and generous bounds."""

import asyncio
import time

import pytest

from app.core.errors import RunTimeout
from app.core.runs.clock import Clock, Timeouts
from app.models.chat import StreamingChunk, ToolCall
from tests.core.parts import text_chunk, until

LONG = 60.0


class Watched:
    """A clock, and what it said, when (in seconds since it was started)."""

    def __init__(
        self, *, first_token: float = LONG, idle: float = LONG, total: float = LONG
    ) -> None:
        self.said: list[tuple[str, float]] = []
        self._start = time.monotonic()
        self.clock = Clock(Timeouts(first_token, idle, total), self._expire)

    def _expire(self, error: RunTimeout) -> None:
        self.said.append((error.code, time.monotonic() - self._start))

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.said]

    async def out(self) -> tuple[str, float]:
        """Wait for the clock to run out; what it said, and when."""
        await until(lambda: bool(self.said))
        return self.said[0]


def tool(status: str, call: str = "call1") -> StreamingChunk:
    step = ToolCall(id=call, name="search", status=status)  # type: ignore[arg-type]  # a literal
    return StreamingChunk(content="", done=False, model="m", tool=step)


async def test_first_token() -> None:
    """A model that says nothing runs out of its time to the first token."""
    code, when = await Watched(first_token=0.1).out()
    assert "timeout_first_token" == code
    assert 0.09 <= when < 1


async def test_idle() -> None:
    """A model that falls silent in mid-answer runs out of its time between events, which counts
    from the last one."""
    watched = Watched(idle=0.2)
    for _ in range(5):
        watched.clock.saw(text_chunk("word"))
        await asyncio.sleep(0.05)
    assert [] == watched.codes
    code, when = await watched.out()
    assert "timeout_idle" == code
    assert 0.35 <= when < 1.5


async def test_total() -> None:
    """An answer that goes on and on runs out of its time in all."""
    watched = Watched(idle=0.5, total=0.2)
    async with asyncio.timeout(5):
        while not watched.said:
            watched.clock.saw(text_chunk("word"))
            await asyncio.sleep(0.01)
    code, when = watched.said[0]
    assert "timeout_total" == code
    assert 0.19 <= when < 1


async def test_total_before_the_first_token() -> None:
    """The shorter time counts, and names itself."""
    code, _ = await Watched(first_token=0.5, total=0.1).out()
    assert "timeout_total" == code


async def test_a_first_token_longer_than_idle() -> None:
    """Until the first token only its own clock runs; from then on only the idle one."""
    watched = Watched(first_token=0.6, idle=0.1)
    await asyncio.sleep(0.3)
    assert [] == watched.codes
    watched.clock.saw(text_chunk("word"))
    code, when = await watched.out()
    assert "timeout_idle" == code
    assert 0.39 <= when < 1.5


async def test_a_first_token_shorter_than_idle() -> None:
    """A token that came in time ends the clock of the first one."""
    watched = Watched(first_token=0.1, idle=LONG)
    watched.clock.saw(text_chunk("word"))
    await asyncio.sleep(0.25)
    assert [] == watched.codes
    watched.clock.stop()


@pytest.mark.parametrize("status", ["completed", "failed", "paused"])
async def test_idle_stands_still_while_a_tool_works(status: str) -> None:
    """A tool may take longer than a model may be silent; after it the clock runs again."""
    watched = Watched(idle=0.1)
    watched.clock.saw(tool("started"))
    await asyncio.sleep(0.3)
    assert [] == watched.codes
    watched.clock.saw(tool(status))
    code, when = await watched.out()
    assert "timeout_idle" == code
    assert 0.39 <= when < 1.5


async def test_tools_at_the_same_time() -> None:
    """The clock stands still until the last of several tools is done."""
    watched = Watched(idle=0.1)
    watched.clock.saw(text_chunk("let me see"))
    watched.clock.saw(tool("started", "one"))
    watched.clock.saw(tool("started", "two"))
    watched.clock.saw(tool("completed", "one"))
    await asyncio.sleep(0.25)
    assert [] == watched.codes
    watched.clock.saw(tool("completed", "two"))
    assert "timeout_idle" == (await watched.out())[0]


async def test_text_while_a_tool_works() -> None:
    """Text beside a working tool does not start the clock."""
    watched = Watched(idle=0.1)
    watched.clock.saw(tool("started"))
    watched.clock.saw(text_chunk("meanwhile"))
    await asyncio.sleep(0.25)
    assert [] == watched.codes
    watched.clock.stop()


async def test_total_runs_while_a_tool_works() -> None:
    """A tool that never comes back is ended by the clock over all."""
    watched = Watched(idle=0.05, total=0.2)
    watched.clock.saw(tool("started"))
    assert "timeout_total" == (await watched.out())[0]


async def test_a_clock_says_one_thing_once() -> None:
    """What ran out is told once, though other clocks would run out later."""
    watched = Watched(first_token=0.05, idle=0.1, total=0.15)
    await asyncio.sleep(0.3)
    assert ["timeout_first_token"] == watched.codes


async def test_a_stopped_clock_is_silent() -> None:
    """A clock that was stopped says nothing."""
    watched = Watched(first_token=0.05, idle=0.05, total=0.05)
    watched.clock.stop()
    await asyncio.sleep(0.15)
    assert [] == watched.codes


async def test_what_is_said_names_the_time() -> None:
    """People are told how long was waited, and programs get the ending by name."""
    errors: list[RunTimeout] = []
    Clock(Timeouts(first_token=0.05, idle=LONG, total=LONG), errors.append)
    await until(lambda: bool(errors))
    assert ("timeout_first_token", 504) == (errors[0].finish_reason, errors[0].status)
    assert "0.05 s" in errors[0].message
