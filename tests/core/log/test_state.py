"""The state of a run is the same at the process that drives it and at any other."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.log.journal import Group
from app.core.log.state import LONG, state_of, whole_log
from app.models.chat import RunState
from tests.core.parts import record, text_chunk, until
from tests.core.runs.harness import (
    RunsHarness,
    Scripted,
    raising,
    saying,
    shared,
    silent,
    two_processes,
)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[RunsHarness, RunsHarness]]:
    async with two_processes(tmp_path) as harnesses:
        yield harnesses


async def settled(harness: RunsHarness, run_id: str) -> None:
    """Wait until the log of a run is in the journal alone."""
    await until(lambda: harness.hub.get(run_id) is None)


async def test_state_of_a_running_run(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """Another process knows that a run is running, and its text as far as it is written."""
    a, b = pair
    run = await a.start(Scripted(silent()))
    await until(lambda: run.log.flushed == 2)
    here, there = await a.state(run), await b.state(run)
    assert here == there
    assert ("running", "word", "a1:2", None) == (
        there.status,
        there.content,
        there.last_event_id,
        there.ended_at,
    )


@pytest.mark.parametrize(
    "script",
    [saying("a", "b"), saying(*["a "] * (LONG + 1)), raising(OSError("no"))],
    ids=["short", "long", "failed"],
)
async def test_state_of_an_ended_run(pair: tuple[RunsHarness, RunsHarness], script: object) -> None:
    """Both processes know how a run ended, and when."""
    a, b = pair
    run = await a.start(Scripted(script))  # type: ignore[arg-type]  # pytest knows no types
    await run.ended.wait()
    at_once = await a.state(run)
    await settled(a, "a1")
    assert at_once == await a.state(run) == await b.state(run)
    assert at_once.ended_at is not None


async def test_state_of_an_orphan(tmp_path: Path) -> None:
    """A run whose process died has ended as interrupted, with its text, and its last event id shows
    that the end was seen."""
    async with two_processes(tmp_path) as (a, b):
        run = await a.start(Scripted(silent()))
        await until(lambda: run.log.flushed == 2)
        await a.hub.journal.close()

        async def ended() -> RunState:
            while (state := await b.state(run)).status == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return state

        state = await asyncio.wait_for(ended(), 10)
    assert ("failed", "interrupted", "word", "a1:03") == (
        state.status,
        state.finish_reason,
        state.content,
        state.last_event_id,
    )


async def test_state_without_the_beginning_is_truncated(tmp_path: Path) -> None:
    """The state of a run without its beginning has the rest, and shows that there was more."""
    journal = shared(tmp_path, run_bytes=1)
    await journal.open("me")
    run = record(owner="me")
    for number, word in enumerate(["one ", "two ", "three "], start=1):
        await journal.append([Group(run, number, [(0.0, text_chunk(word))])])
    state = state_of(run, await whole_log(run, journal, None), queued=False)
    await journal.close()
    assert ("three ", "r1:3", True) == (state.content, state.last_event_id, state.truncated)
