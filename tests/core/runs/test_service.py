"""Runs: one end for each whatever happens, an order in each conversation, and no leftovers."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import BadEventId, ConversationBusy, Overloaded, UnknownRun
from app.core.log.follower import Follower
from app.core.log.journal import Log
from app.core.log.journals.memory import MemoryJournal
from app.core.log.outbox import Created
from app.core.run_failures import Interrupted, ModelRateLimited, UpstreamCut
from app.core.runs.clock import OnBusy, OnDisconnect, Timeouts
from app.core.runs.run import Run
from app.models.chat import StreamingChunk
from tests.core.parts import RecordingJournal, ending, read_all, text_chunk, until
from tests.core.runs.harness import (
    STOP_TIMEOUT,
    Chunks,
    RunsHarness,
    Script,
    Scripted,
    raising,
    saying,
    silent,
)


@asynccontextmanager
async def opened(journal: Log) -> AsyncIterator[RunsHarness]:
    """A harness that must be empty when it is left: no run, no task, no lock."""
    harness = RunsHarness(journal)
    await harness.runs.open()
    yield harness
    async with asyncio.timeout(10):
        await harness.runs.close()
    assert 0 == harness.runs.live
    assert {asyncio.current_task()} == asyncio.all_tasks()
    assert not any(lock.locked() for lock in harness.runs.queues.locks.values())


@pytest.fixture
async def harness() -> AsyncIterator[RunsHarness]:
    async with opened(MemoryJournal()) as harness:
        yield harness


async def unending() -> Chunks:
    yield text_chunk("half")


async def empty() -> Chunks:
    nothing: list[StreamingChunk] = []
    for chunk in nothing:
        yield chunk


async def cancelling_itself() -> Chunks:
    yield text_chunk("half")
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


async def talking_after_the_end() -> Chunks:
    yield text_chunk("all")
    yield ending()
    yield text_chunk("more")
    yield ending()


async def only_the_end() -> Chunks:
    yield ending("all")


@pytest.mark.parametrize(
    ("script", "end"),
    [
        (saying("a", "b"), ("stop", None, "ab")),
        (saying(), ("stop", None, "")),
        (only_the_end, ("stop", None, "all")),
        (talking_after_the_end, ("stop", None, "all")),
        (raising(UpstreamCut("cut")), ("upstream_cut", "upstream_cut", "half")),
        (raising(ModelRateLimited("slow down")), ("error", "model_rate_limited", "half")),
        (raising(ValueError("secret")), ("error", "agent_failed", "half")),
        (raising(TimeoutError()), ("error", "agent_failed", "half")),
        (raising(asyncio.CancelledError()), ("error", "agent_failed", "half")),
        (cancelling_itself, ("error", "agent_failed", "half")),
        (unending, ("error", "agent_failed", "half")),
        (empty, ("error", "agent_failed", "")),
    ],
    ids=lambda value: value[1] or value[0] if isinstance(value, tuple) else None,
)
async def test_every_turn_ends_once(
    harness: RunsHarness, script: Script, end: tuple[str, str | None, str]
) -> None:
    """Whatever a turn does, its log ends in one chunk that is done and says how; a turn that did
    not end well is remembered with its text, and its conversation continues."""
    turn = Scripted(script)
    run = await harness.start(turn)
    assert end == await harness.ending(run)
    assert "secret" not in str((await harness.read(run))[-1].error)
    assert ([] if end[1] is None else [(end[2], end[0])]) == turn.remembered
    assert turn.closed
    assert ("stop", None, "next") == await harness.ending(
        await harness.start(Scripted(saying("next")))
    )


async def test_log_opens_before_the_model(harness: RunsHarness) -> None:
    """The log opens before the model has sent anything."""
    run = await harness.start(Scripted(silent()))
    with await harness.follow(run) as follower:
        (_, opening), *_ = await follower.batch()
    assert ("r1", "c1", "a", "m") == (
        opening.run_id,
        opening.conversation_id,
        opening.agent,
        opening.model,
    )


@pytest.mark.parametrize(
    ("timeouts", "script", "reason"),
    [
        (Timeouts(0.05, 60, 60), saying("late", pause=5), "timeout_first_token"),
        (Timeouts(60, 0.05, 60), silent(), "timeout_idle"),
        (Timeouts(60, 60, 0.05), saying(*"tick" * 500, pause=0.01), "timeout_total"),
    ],
)
async def test_timeout_ends_the_run(
    harness: RunsHarness, timeouts: Timeouts, script: Script, reason: str
) -> None:
    """Each of the three timeouts ends the run under its own name, and its text is kept."""
    turn = Scripted(script)
    run = await harness.start(turn, timeouts=timeouts)
    ending, code, text = await harness.ending(run)
    assert (reason, reason) == (ending, code)
    assert [(text, reason)] == turn.remembered
    assert turn.closed


async def test_timeouts_start_after_the_queue(harness: RunsHarness) -> None:
    """The clocks of a queued run start when its turn comes."""
    first = await harness.start(Scripted(saying("a", pause=0.3)))
    second = await harness.start(Scripted(saying("b")), timeouts=Timeouts(0.1, 0.1, 0.2))
    assert ("stop", None, "a") == await harness.ending(first)
    assert ("stop", None, "b") == await harness.ending(second)


async def test_cancel_ends_a_silent_run(harness: RunsHarness) -> None:
    """A cancel ends a silent run at once and answers with its state."""
    turn = Scripted(silent())
    run = await harness.start(turn)
    await until(lambda: run.log.last == 2)
    state = await harness.cancel(run)
    assert ("cancelled", "cancelled", "word") == (state.status, state.finish_reason, state.content)
    assert ("cancelled", "cancelled", "word") == await harness.ending(run)
    assert [("word", "cancelled")] == turn.remembered
    assert turn.closed


async def test_concurrent_cancels(harness: RunsHarness) -> None:
    """Cancels at the same time, and after the end, tell the same end; there is only one."""
    run = await harness.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    states = await asyncio.gather(*(harness.cancel(run) for _ in range(5)))
    states.append(await harness.cancel(run))
    assert [states[0]] * 6 == states
    assert "cancelled" == states[0].status
    await harness.read(run)


async def test_cancel_after_the_end(harness: RunsHarness) -> None:
    """A run that has ended is left as it is."""
    run = await harness.start(Scripted(saying("all")))
    await harness.read(run)
    state = await harness.cancel(run)
    assert ("completed", "stop", "all") == (state.status, state.finish_reason, state.content)


async def test_cancel_before_the_first_step(harness: RunsHarness) -> None:
    """A run that is cancelled before its task has run ends, and its model is never called."""
    turn = Scripted(saying("all"))
    run = await harness.start(turn)
    state = await harness.cancel(run)
    assert ("cancelled", "") == (state.finish_reason, state.content)
    assert not turn.began.is_set()


async def test_cancel_of_a_queued_run(harness: RunsHarness) -> None:
    """A queued run is cancelled without a call of its model; the others keep their order."""
    order: list[str] = []
    first = await harness.start(Scripted(saying("a", pause=0.1), order=order, name="first"))
    second = await harness.start(Scripted(saying("b"), order=order, name="second"))
    third = await harness.start(Scripted(saying("c"), order=order, name="third"))
    assert "cancelled" == (await harness.cancel(second)).finish_reason
    assert ("stop", None, "a") == await harness.ending(first)
    assert ("stop", None, "c") == await harness.ending(third)
    assert ["first", "third"] == order


async def test_first_stop_reason_wins(harness: RunsHarness) -> None:
    """A run that is stopped for two reasons ends for the first one."""
    run = await harness.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    run.stop(UpstreamCut("first"))
    run.stop(Interrupted("second"))
    assert ("upstream_cut", "upstream_cut", "word") == await harness.ending(run)


async def test_agent_that_ignores_a_cancel(harness: RunsHarness) -> None:
    """Chunks of an agent after it was stopped are not in the log, and are not counted."""

    async def deaf() -> Chunks:
        yield text_chunk("word")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield text_chunk(" and more")
        yield ending()

    turn = Scripted(deaf)
    run = await harness.start(turn)
    await until(lambda: run.log.last == 2)
    assert "cancelled" == (await harness.cancel(run)).status
    assert ("cancelled", "cancelled", "word") == await harness.ending(run)
    assert turn.counted is not None
    assert turn.counted == run.log.entries[-1][1].usage


async def test_agent_that_never_returns_is_given_up(harness: RunsHarness) -> None:
    """An agent that cannot be stopped is given up after a while: its run ends, its conversation
    goes on, and its later chunks go nowhere."""
    release = asyncio.Event()

    async def stubborn() -> Chunks:
        yield text_chunk("word")
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        yield text_chunk("too late")
        yield ending()

    turn = Scripted(stubborn)
    run = await harness.start(turn)
    await until(lambda: run.log.last == 2)
    queued = await harness.start(Scripted(saying("next")))
    async with asyncio.timeout(STOP_TIMEOUT + 2):
        assert "cancelled" == (await harness.cancel(run)).status
    assert ("stop", None, "next") == await harness.ending(queued)
    release.set()
    await until(lambda: turn.closed)
    assert ("cancelled", "cancelled", "word") == await harness.ending(run)
    await asyncio.sleep(0)


async def test_agent_that_fails_when_stopped(harness: RunsHarness) -> None:
    """A cleanup that fails does not change the reason for which the run was stopped."""

    async def clumsy() -> Chunks:
        yield text_chunk("word")
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("could not close")

    run = await harness.start(Scripted(clumsy))
    await until(lambda: run.log.last == 2)
    assert "cancelled" == (await harness.cancel(run)).status
    assert ("cancelled", "cancelled", "word") == await harness.ending(run)


async def _failing_memory() -> None:
    raise OSError("the disk is full")


async def _hanging_memory() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("memory", [_failing_memory, _hanging_memory])
async def test_failing_memory_hides_no_end(
    harness: RunsHarness, memory: Callable[[], Awaitable[None]]
) -> None:
    """A memory that fails or hangs neither hides the end nor blocks the conversation."""
    run = await harness.start(Scripted(raising(UpstreamCut("cut")), memory))
    queued = await harness.start(Scripted(saying("next")))
    async with asyncio.timeout(STOP_TIMEOUT + 2):
        assert ("upstream_cut", "upstream_cut", "half") == await harness.ending(run)
        assert ("stop", None, "next") == await harness.ending(queued)


async def test_queue_keeps_the_order(harness: RunsHarness) -> None:
    """The runs of one conversation go one after the other, in the order they came in."""
    order: list[str] = []
    runs = [
        await harness.start(Scripted(saying(str(n), pause=0.01), order=order, name=str(n)))
        for n in range(5)
    ]
    assert "queued" == (await harness.state(runs[4])).status
    for n, run in enumerate(runs):
        assert ("stop", None, str(n)) == await harness.ending(run)
    assert list("01234") == order


async def test_idle_conversations_have_no_lock(harness: RunsHarness) -> None:
    """Nothing is kept of a conversation in which no run is going on."""
    for n in range(10):
        await harness.read(await harness.start(Scripted(saying("a")), conversation_id=f"c{n}"))
    await until(lambda: harness.runs.live == 0)
    gc.collect()
    assert 0 == len(harness.runs.queues.locks)


async def test_concurrent_starts_keep_the_order() -> None:
    """Messages that come while a journal is slow keep their order."""
    async with opened(RecordingJournal(create_delay=0.01)) as harness:
        order: list[str] = []
        turns = [Scripted(saying(str(n)), order=order, name=str(n)) for n in range(4)]
        for run in await asyncio.gather(*(harness.start(turn) for turn in turns)):
            await harness.read(run)
        assert list("0123") == order


async def test_on_busy_reject(harness: RunsHarness) -> None:
    """A busy conversation is refused by the name of the run that it waits for, and is free again
    after it."""
    run = await harness.start(Scripted(silent()))
    with pytest.raises(ConversationBusy) as refused:
        await harness.start(Scripted(saying("b")), on_busy="reject")
    assert "r1" == refused.value.details["run_id"]
    await harness.cancel(run)
    again = await harness.start(Scripted(saying("b")), on_busy="reject")
    assert ("stop", None, "b") == await harness.ending(again)


async def test_concurrent_rejects_leave_one() -> None:
    """Of two messages that come together, with a slow journal, one is refused."""
    async with opened(RecordingJournal(create_delay=0.01)) as harness:
        starts = [harness.start(Scripted(silent()), on_busy="reject") for _ in range(3)]
        got = await asyncio.gather(*starts, return_exceptions=True)
        assert [Run, ConversationBusy, ConversationBusy] == [type(result) for result in got]


async def test_on_busy_interrupt(harness: RunsHarness) -> None:
    """A newer message ends the run that is going on, and those that wait, and is answered."""
    turns = [Scripted(silent()), Scripted(saying("never"))]
    running, queued = [await harness.start(turn) for turn in turns]
    await until(lambda: running.log.last == 2)
    newest = await harness.start(Scripted(saying("now")), on_busy="interrupt")
    assert ("cancelled", "cancelled", "word") == await harness.ending(running)
    assert ("cancelled", "cancelled", "") == await harness.ending(queued)
    assert ("stop", None, "now") == await harness.ending(newest)
    assert not turns[1].began.is_set()
    assert [("word", "cancelled")] == turns[0].remembered


async def test_on_busy_spares_other_conversations(harness: RunsHarness) -> None:
    """A silent run holds up neither other conversations nor those of other people."""
    await harness.start(Scripted(silent()))
    other = await harness.start(Scripted(saying("b")), conversation_id="c2", on_busy="reject")
    assert ("stop", None, "b") == await harness.ending(other)
    stranger = Scripted(saying("c"))
    run = await harness.start(stranger, principal="bob", on_busy="interrupt")
    with await harness.runs.follow(run.record.run_id, 0, principal="bob") as follower:
        assert "c" == (await read_all(follower))[1][1].content
    assert 1 == harness.runs.live


async def test_run_of_another_principal_is_unknown(harness: RunsHarness) -> None:
    """A run of somebody else is not known, live or ended, in memory or in the journal."""
    run = await harness.start(Scripted(silent()))
    for _ in range(2):
        with pytest.raises(UnknownRun):
            await harness.runs.follow("r1", 0, principal="bob")
        with pytest.raises(UnknownRun):
            await harness.runs.state("r1", principal="bob")
        with pytest.raises(UnknownRun):
            await harness.runs.cancel("r1", principal="bob")
        await harness.cancel(run)
        await until(lambda: harness.hub.get("r1") is None)


async def test_follow_an_unknown_run(harness: RunsHarness) -> None:
    """A run that never was is not known."""
    with pytest.raises(UnknownRun, match="r9"):
        await harness.runs.follow("r9", 0, principal="ann")


async def test_follow_from_a_future_event(harness: RunsHarness) -> None:
    """A live run is not followed from an event that it does not have yet."""
    run = await harness.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    (await harness.follow(run, 2)).close()
    with pytest.raises(BadEventId):
        await harness.follow(run, 3)


async def test_state_queued_running_ended(harness: RunsHarness) -> None:
    """A run is queued, runs, and has ended; its text so far is in each of its states."""
    first = await harness.start(Scripted(silent()))
    second = await harness.start(Scripted(silent()))
    await until(lambda: first.log.last == 2)
    running, queued = await harness.state(first), await harness.state(second)
    assert ("running", "word", "r1:2", None) == (
        running.status,
        running.content,
        running.last_event_id,
        running.ended_at,
    )
    assert ("queued", "", "r2:1") == (queued.status, queued.content, queued.last_event_id)
    await harness.cancel(first)
    await until(lambda: second.began)
    assert "running" == (await harness.state(second)).status
    ended = await harness.state(first)
    assert ("cancelled", "word", "r1:3", "cancelled") == (
        ended.status,
        ended.content,
        ended.last_event_id,
        ended.finish_reason,
    )
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.created_at


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (saying("a"), "completed"),
        (raising(UpstreamCut("cut")), "failed"),
        (raising(ValueError()), "failed"),
    ],
)
async def test_state_completed_or_failed(harness: RunsHarness, script: Script, status: str) -> None:
    """A run that ended without being stopped is completed or failed."""
    run = await harness.start(Scripted(script))
    await harness.read(run)
    assert status == (await harness.state(run)).status


async def test_state_truncated() -> None:
    """A state whose beginning is no longer kept says so, and tells the rest."""
    async with opened(MemoryJournal(run_bytes=2000)) as harness:
        run = await harness.start(Scripted(saying(*(f"{n} " for n in range(50)))))
        await harness.read(run)
        await until(lambda: harness.hub.get("r1") is None)
        state = await harness.state(run)
    assert state.truncated
    assert state.content.endswith("48 49 ")
    assert ("completed", "r1:52") == (state.status, state.last_event_id)


async def test_on_disconnect_cancel(harness: RunsHarness) -> None:
    """`cancel`: the run ends with its last reader, and not before."""
    turn = Scripted(silent())
    run = await harness.start(turn, on_disconnect="cancel")
    first, second = await harness.follow(run), await harness.follow(run)
    await until(lambda: run.log.last == 2)
    first.close()
    first.close()
    await asyncio.sleep(0.02)
    assert not run.ended.is_set()
    second.close()
    await run.ended.wait()
    assert ("disconnected", "disconnected", "word") == await harness.ending(run)
    assert turn.closed


async def test_on_disconnect_cancel_while_queued(harness: RunsHarness) -> None:
    """A queued run whose reader leaves gives up its place."""
    await harness.start(Scripted(silent()))
    turn = Scripted(saying("never"))
    run = await harness.start(turn, on_disconnect="cancel")
    (await harness.follow(run)).close()
    await run.ended.wait()
    assert ("disconnected", "disconnected", "") == await harness.ending(run)
    assert not turn.began.is_set()


async def test_on_disconnect_continue(harness: RunsHarness) -> None:
    """`continue`: the run does not care who reads."""
    run = await harness.start(Scripted(saying("a", "b", pause=0.02)), on_disconnect="continue")
    (await harness.follow(run)).close()
    await run.ended.wait()
    assert ("stop", None, "ab") == await harness.ending(run)


async def test_on_disconnect_grace(harness: RunsHarness) -> None:
    """`grace`: the run is stopped a while after its last reader left."""
    run = await harness.start(Scripted(silent()), on_disconnect="grace", grace=0.1)
    began = run.loop.time()
    (await harness.follow(run)).close()
    await run.ended.wait()
    assert 0.09 <= run.loop.time() - began < 2
    assert ("disconnected", "disconnected", "word") == await harness.ending(run)


async def test_return_within_the_grace(harness: RunsHarness) -> None:
    """A reader that comes back in time stops the clock, which starts anew when it leaves."""
    run = await harness.start(Scripted(silent()), on_disconnect="grace", grace=0.2)
    for _ in range(3):
        (await harness.follow(run)).close()
        await asyncio.sleep(0.1)
    back = await harness.follow(run, run.log.last)
    await asyncio.sleep(0.4)
    assert not run.ended.is_set()
    back.close()
    await run.ended.wait()
    assert "disconnected" == (await harness.state(run)).finish_reason


async def test_leave_after_the_end(harness: RunsHarness) -> None:
    """Who leaves a run that has ended changes nothing."""
    run = await harness.start(Scripted(saying("all")), on_disconnect="cancel")
    follower = await harness.follow(run)
    await run.ended.wait()
    follower.close()
    assert ("stop", None, "all") == await harness.ending(run)


async def test_grace_timer_is_cancelled(harness: RunsHarness) -> None:
    """The grace of a run that ended by itself keeps nothing of it alive."""
    run = await harness.start(Scripted(saying("all", pause=0.02)), on_disconnect="grace", grace=60)
    (await harness.follow(run)).close()
    await run.ended.wait()
    assert run._grace is not None
    assert run._grace.cancelled()


async def test_stop_all_interrupts_every_run(harness: RunsHarness) -> None:
    """All runs, also those that wait, end as interrupted; new ones are refused."""
    running, queued = [await harness.start(Scripted(silent())) for _ in range(2)]
    await until(lambda: running.log.last == 2)
    await harness.runs.stop_all()
    assert ("interrupted", "interrupted", "word") == await harness.ending(running)
    assert ("interrupted", "interrupted", "") == await harness.ending(queued)
    with pytest.raises(Overloaded) as refused:
        await harness.start(Scripted(saying("late")))
    assert refused.value.retry_after


async def test_close_writes_every_end() -> None:
    """When the server has stopped its runs, their last chunks are in the journal."""
    journal = RecordingJournal(delay=0.05)
    async with opened(journal) as harness:
        for n in range(3):
            await harness.start(Scripted(silent()), conversation_id=f"c{n}")
        await asyncio.sleep(0.02)
    assert [True] * 3 == [log[-1][1].done for log in journal.entries.values()]


async def test_stop_all_during_a_start() -> None:
    """A run whose start was under way when the server stopped is ended like the others."""
    journal = RecordingJournal(create_delay=0.05)
    async with opened(journal) as harness:
        starting = asyncio.create_task(harness.start(Scripted(silent())))
        await asyncio.sleep(0.02)
        await harness.runs.stop_all()
        run = await starting
        assert ("interrupted", "interrupted", "") == await harness.ending(run)
    assert journal.entries["r1"][-1][1].done


async def test_drain_during_a_start() -> None:
    """A run whose start was under way when the server began to stop has the grace, as all others;
    later ones are refused."""
    async with opened(RecordingJournal(create_delay=0.05)) as harness:
        starting = asyncio.create_task(harness.start(Scripted(saying("a", "b", pause=0.02))))
        await asyncio.sleep(0.02)
        draining = asyncio.create_task(harness.runs.drain(10))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await harness.start(Scripted(saying("late")))
        await draining
        assert ("stop", None, "ab") == await harness.ending(await starting)


async def test_run_without_a_record_in_the_journal() -> None:
    """A run that the journal could not create is served from memory."""

    class Full(MemoryJournal):
        async def create(self, record: object, session: str | None = None) -> Created:
            raise OSError("the disk is full")

    async with opened(Full()) as full:
        run = await full.start(Scripted(saying("a")))
        assert ("stop", None, "a") == await full.ending(run)


async def test_run_while_the_journal_fails() -> None:
    """A run goes on and ends for its readers though nothing of it can be written."""
    journal = RecordingJournal()
    async with opened(journal) as harness:
        journal.failing = True
        run = await harness.start(Scripted(saying("a", "b", pause=0.01)))
        assert ("stop", None, "ab") == await harness.ending(run)
        state = await harness.state(run)
        assert ("completed", "ab") == (state.status, state.content)
        journal.failing = False
        await until(lambda: harness.hub.get("r1") is None)
        assert ("stop", None, "ab") == await harness.ending(run)


Step = tuple[str, int]


@settings(max_examples=150)
@given(
    scripts=st.lists(
        st.lists(st.sampled_from(["say", "wait", "raise", "cut", "cancel", "done"]), max_size=6),
        min_size=1,
        max_size=4,
    ),
    busy=st.lists(st.sampled_from(["queue", "reject", "interrupt"]), min_size=4, max_size=4),
    leaving=st.lists(st.sampled_from(["cancel", "continue", "grace"]), min_size=4, max_size=4),
    deeds=st.lists(
        st.tuples(st.sampled_from(["cancel", "join", "leave", "pass"]), st.integers(0, 3)),
        max_size=20,
    ),
    slow=st.booleans(),
)
@example([["say"], ["say"]], ["interrupt"] * 4, ["cancel"] * 4, [("cancel", 0)], True)
def test_any_agents_and_readers(
    scripts: list[list[str]],
    busy: list[OnBusy],
    leaving: list[OnDisconnect],
    deeds: list[Step],
    slow: bool,
) -> None:
    """Whatever agents and readers do and in whichever order, each run ends once, every reader of
    it reads the same, and nothing is left over."""

    def scripted(steps: list[str]) -> Script:
        async def script() -> Chunks:
            for n, step in enumerate(steps):
                if step == "say":
                    yield text_chunk(str(n))
                elif step == "wait":
                    await asyncio.sleep(0)
                elif step == "raise":
                    raise ValueError(n)
                elif step == "cut":
                    raise UpstreamCut(str(n))
                elif step == "cancel":
                    raise asyncio.CancelledError
                else:
                    yield ending()

        return script

    async def check() -> None:
        journal = RecordingJournal(delay=0, create_delay=0) if slow else MemoryJournal()
        async with opened(journal) as harness:
            runs: list[Run] = []
            readers: list[tuple[Run, Follower]] = []
            for n, steps in enumerate(scripts):
                try:
                    runs.append(
                        await harness.start(
                            Scripted(scripted(steps)),
                            on_busy=busy[n],
                            on_disconnect=leaving[n],
                            grace=0,
                        )
                    )
                except ConversationBusy:
                    continue
                for deed, which in deeds[n * 5 : n * 5 + 5]:
                    run = runs[which % len(runs)]
                    if deed == "cancel":
                        await harness.cancel(run)
                    elif deed == "join":
                        readers.append((run, await harness.follow(run)))
                    elif deed == "leave" and readers:
                        readers.pop(which % len(readers))[1].close()
                    await asyncio.sleep(0)
            logs = {run.record.run_id: await harness.read(run) for run in runs}
            for run, follower in readers:
                read = [chunk for _, chunk in await read_all(follower)]
                follower.close()
                assert logs[run.record.run_id] == read

    asyncio.run(check())
