"""The three clocks of a run, with small times and generous bounds."""

import asyncio
import time

import pytest

from app.core.run_failures import RunTimeout
from app.core.runs.clock import Clock, Timeouts
from app.models.chat import StreamingChunk, ToolCall
from tests.core.parts import text_chunk, until

LONG = 60.0


class Watched:
    """A clock, and the codes of its errors, each with its time in seconds since the start."""

    def __init__(
        self, *, first_token: float = LONG, idle: float = LONG, total: float = LONG
    ) -> None:
        self.expired: list[tuple[str, float]] = []
        self.silence = LONG  # of the log
        self._start = time.monotonic()
        self.clock = Clock(Timeouts(first_token, idle, total), self._expire, lambda: self.silence)

    def _expire(self, error: RunTimeout) -> None:
        self.expired.append((error.code, time.monotonic() - self._start))

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.expired]

    async def out(self) -> tuple[str, float]:
        """Wait for the clock to expire; returns the code and the time."""
        await until(lambda: bool(self.expired))
        return self.expired[0]


def tool(status: str, call: str = "call1") -> StreamingChunk:
    step = ToolCall(id=call, name="search", status=status)  # type: ignore[arg-type]  # a literal
    return StreamingChunk(content="", done=False, model="m", tool=step)


async def test_first_token_timeout() -> None:
    """A model that sends nothing exceeds the timeout to the first token."""
    code, when = await Watched(first_token=0.1).out()
    assert "timeout_first_token" == code
    assert 0.09 <= when < 1


async def test_what_the_log_gets_restarts_the_idle_timeout() -> None:
    """A token is not reported to the clock, which asks how old the newest one is."""
    watched = Watched(idle=0.2)
    watched.clock.saw(text_chunk("first"))
    watched.silence = 0.0
    await asyncio.sleep(0.5)
    assert [] == watched.codes
    watched.silence = LONG
    code, _ = await watched.out()
    assert "timeout_idle" == code


async def test_idle_timeout() -> None:
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


async def test_total_timeout() -> None:
    """An answer that goes on and on runs out of its time in all."""
    watched = Watched(idle=0.5, total=0.2)
    async with asyncio.timeout(5):
        while not watched.expired:
            watched.clock.saw(text_chunk("word"))
            await asyncio.sleep(0.01)
    code, when = watched.expired[0]
    assert "timeout_total" == code
    assert 0.19 <= when < 1


async def test_shortest_timeout_wins() -> None:
    """The shorter time counts, and names itself."""
    code, _ = await Watched(first_token=0.5, total=0.1).out()
    assert "timeout_total" == code


async def test_idle_starts_with_the_first_token() -> None:
    """Until the first token only its own clock runs; from then on only the idle one."""
    watched = Watched(first_token=0.6, idle=0.1)
    await asyncio.sleep(0.3)
    assert [] == watched.codes
    watched.clock.saw(text_chunk("word"))
    code, when = await watched.out()
    assert "timeout_idle" == code
    assert 0.39 <= when < 1.5


async def test_first_token_ends_its_timeout() -> None:
    """A token that came in time ends the clock of the first one."""
    watched = Watched(first_token=0.1, idle=LONG)
    watched.clock.saw(text_chunk("word"))
    await asyncio.sleep(0.25)
    assert [] == watched.codes
    watched.clock.stop()


@pytest.mark.parametrize("status", ["completed", "failed", "paused"])
async def test_idle_is_suspended_while_a_tool_works(status: str) -> None:
    """A tool may take longer than a model may be silent; after it the clock runs again."""
    watched = Watched(idle=0.1)
    watched.clock.saw(tool("started"))
    await asyncio.sleep(0.3)
    assert [] == watched.codes
    watched.clock.saw(tool(status))
    code, when = await watched.out()
    assert "timeout_idle" == code
    assert 0.39 <= when < 1.5


async def test_idle_waits_for_the_last_tool() -> None:
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


async def test_text_beside_a_tool_does_not_start_idle() -> None:
    """Text beside a working tool does not start the clock."""
    watched = Watched(idle=0.1)
    watched.clock.saw(tool("started"))
    watched.clock.saw(text_chunk("meanwhile"))
    await asyncio.sleep(0.25)
    assert [] == watched.codes
    watched.clock.stop()


async def test_total_includes_tools() -> None:
    """A tool that never comes back is ended by the clock over all."""
    watched = Watched(idle=0.05, total=0.2)
    watched.clock.saw(tool("started"))
    assert "timeout_total" == (await watched.out())[0]


async def test_clock_expires_once() -> None:
    """The first timeout is reported once, though others would expire later."""
    watched = Watched(first_token=0.05, idle=0.1, total=0.15)
    await asyncio.sleep(0.3)
    assert ["timeout_first_token"] == watched.codes


async def test_stopped_clock_does_not_expire() -> None:
    """A clock that was stopped reports nothing."""
    watched = Watched(first_token=0.05, idle=0.05, total=0.05)
    watched.clock.stop()
    await asyncio.sleep(0.15)
    assert [] == watched.codes


async def test_message_names_the_timeout() -> None:
    """The message has the seconds for people, and the error a finish reason for programs."""
    errors: list[RunTimeout] = []
    Clock(Timeouts(first_token=0.05, idle=LONG, total=LONG), errors.append, lambda: 0.0)
    await until(lambda: bool(errors))
    assert ("timeout_first_token", 504) == (errors[0].finish_reason, errors[0].status)
    assert "0.05 s" in errors[0].message
