"""Queues over two processes: one run at a time in a conversation, wherever the runs are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.errors import ConversationBusy
from app.core.log.journal import SharedJournal
from tests.core.parts import RecordingJournal, until
from tests.core.runs.harness import (
    RunsHarness,
    Scripted,
    saying,
    shared,
    silent,
    two_processes,
)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[RunsHarness, RunsHarness]]:
    async with two_processes(tmp_path) as harnesses:
        yield harnesses


async def test_order_over_two_processes(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """Runs of one conversation begin in the order in which they came, one by one, over both."""
    order: list[str] = []
    names = [f"{n}" for n in range(8)]
    runs = []
    for n, name in enumerate(names):
        turn = Scripted(saying("a", pause=0.02), order=order, name=name)
        runs.append((pair[n % 2], await pair[n % 2].start(turn)))
    for harness, run in runs:
        assert ("stop", None, "a") == await harness.ending(run)
    assert names == order


async def test_other_conversations_are_not_queued(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """Other conversations, and other people's of the same name, go on at the same time."""
    a, b = pair
    await a.start(Scripted(silent()))
    for principal, conversation_id in (("ann", "c2"), ("bob", "c1")):
        turn = Scripted(saying("a"))
        await b.start(turn, principal=principal, conversation_id=conversation_id)
        await asyncio.wait_for(turn.began.wait(), 5)


async def test_waiting_runs_of_a_conversation_are_bounded(tmp_path: Path) -> None:
    """At most so many runs of one conversation are active, those that wait included; others'
    conversations, and the same one after an answer, have room."""
    harness = RunsHarness(shared(tmp_path))
    harness.runs.queues.limit = 3
    await harness.runs.open()
    first, *_ = [await harness.start(Scripted(silent())) for _ in range(3)]
    with pytest.raises(ConversationBusy, match="3 unanswered") as busy:
        await harness.start(Scripted(silent()))
    assert {"run_id": "r1"} == busy.value.details
    await harness.start(Scripted(silent()), conversation_id="c2")
    await harness.start(Scripted(silent()), principal="bob")
    await harness.cancel(first)
    await harness.start(Scripted(silent()))
    await harness.runs.close()


async def test_starts_of_different_conversations_do_not_queue() -> None:
    """A journal that takes long for each record delays starts of one conversation one by one, and
    those of others all at the same time."""
    journal = RecordingJournal(create_delay=0.3)
    harness = RunsHarness(journal)
    await harness.runs.open()
    async with asyncio.timeout(4):  # one after another they would take 12 s
        await asyncio.gather(
            *(harness.start(Scripted(silent()), conversation_id=f"c{n}") for n in range(40))
        )
    assert 40 == harness.runs.live
    await harness.runs.close()


async def test_on_busy_reject_over_two_processes(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """A run that is not to wait is refused by the name of the one at the other process, until
    that has ended; what was refused leaves nothing behind."""
    a, b = pair
    first = await a.start(Scripted(silent()))
    with pytest.raises(ConversationBusy) as busy:
        await b.start(Scripted(silent()), on_busy="reject")
    assert {"run_id": "a1"} == busy.value.details
    assert 0 == b.runs.live
    await a.cancel(first)
    await until(lambda: a.hub.get("a1") is None)
    run = await b.start(Scripted(saying("a")), on_busy="reject")
    assert ("stop", None, "a") == await b.ending(run)


async def test_concurrent_rejects_leave_one_at_most(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """Of two that are not to wait and come to both processes at the same time, one is refused."""
    for n in range(20):
        results = await asyncio.gather(
            *(
                harness.start(Scripted(silent()), on_busy="reject", conversation_id=f"c{n}")
                for harness in pair
            ),
            return_exceptions=True,
        )
        assert [True, False] == sorted(
            (isinstance(result, ConversationBusy) for result in results), reverse=True
        )


async def test_on_busy_interrupt_over_two_processes(pair: tuple[RunsHarness, RunsHarness]) -> None:
    """A newer run ends those before it at both processes, and begins when they have ended."""
    a, b = pair
    first, second = await a.start(Scripted(silent())), await b.start(Scripted(silent()))
    third = await b.start(Scripted(saying("a")), on_busy="interrupt")
    assert ("stop", None, "a") == await b.ending(third)
    for harness, run in ((a, first), (b, second)):
        assert "cancelled" == (await harness.ending(run))[0]


async def test_queue_behind_a_dead_process(tmp_path: Path) -> None:
    """A run that waits for one of a process that dies begins once that one is ended."""
    async with two_processes(tmp_path) as (a, b):
        turn = Scripted(saying("a"))
        await a.start(Scripted(silent()))
        waiting = await b.start(turn)
        await asyncio.sleep(0.2)
        assert not turn.began.is_set()
        await a.hub.journal.close()  # as the kernel would for it
        assert ("stop", None, "a") == await asyncio.wait_for(b.ending(waiting), 10)
        assert "a1" in dict(b.remembered)


async def test_cancel_at_the_moment_of_the_turn_passes_it_on(
    pair: tuple[RunsHarness, RunsHarness],
) -> None:
    """A queued run that another process cancels just as its turn comes passes the turn on."""
    a, b = pair
    for n in range(5):
        where = f"c{n}"
        first = await a.start(Scripted(silent()), conversation_id=where)
        cancelled = await b.start(Scripted(saying("a")), conversation_id=where)
        waiting = await b.start(Scripted(saying("a")), conversation_id=where)
        assert isinstance(a.hub.journal, SharedJournal)
        await a.hub.journal.request_cancel(cancelled.record.run_id)
        await a.cancel(first)
        assert ("stop", None, "a") == await asyncio.wait_for(b.ending(waiting), 10)
