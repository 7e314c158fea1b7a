"""Runs: one end for each whatever happens, an order in each conversation, and no leftovers."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import (
    BadEventId,
    ConversationBusy,
    Interrupted,
    ModelRateLimited,
    Overloaded,
    UnknownRun,
    UpstreamCut,
)
from app.core.log.follower import Follower
from app.core.log.journal import Log
from app.core.log.journals.memory import MemoryJournal
from app.core.runs.clock import Timeouts
from app.core.runs.run import OnBusy, OnDisconnect, Run
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
    """A house that must be empty when it is left: no run, no task, no lock."""
    house = RunsHarness(journal)
    await house.runs.open()
    yield house
    async with asyncio.timeout(10):
        await house.runs.close()
    assert 0 == house.runs.live
    assert {asyncio.current_task()} == asyncio.all_tasks()
    assert not any(lock.locked() for lock in house.runs.queues.locks.values())


@pytest.fixture
async def house() -> AsyncIterator[RunsHarness]:
    async with opened(MemoryJournal()) as house:
        yield house


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
async def test_endings(
    house: RunsHarness, script: Script, end: tuple[str, str | None, str]
) -> None:
    """Whatever a turn does, its log ends in one chunk that is done and says how; a turn that did
    not end well is remembered with what it had said, and its conversation goes on."""
    turn = Scripted(script)
    run = await house.start(turn)
    assert end == await house.ending(run)
    assert "secret" not in str((await house.read(run))[-1].error)
    assert ([] if end[1] is None else [(end[2], end[0])]) == turn.remembered
    assert turn.closed
    assert ("stop", None, "next") == await house.ending(await house.start(Scripted(saying("next"))))


async def test_the_opening(house: RunsHarness) -> None:
    """The log opens before the model has said anything."""
    run = await house.start(Scripted(silent()))
    with await house.follow(run) as follower:
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
async def test_timeouts(
    house: RunsHarness, timeouts: Timeouts, script: Script, reason: str
) -> None:
    """Each of the three clocks ends the run under its own name, and what was said is kept."""
    turn = Scripted(script)
    run = await house.start(turn, timeouts=timeouts)
    told, code, text = await house.ending(run)
    assert (reason, reason) == (told, code)
    assert [(text, reason)] == turn.remembered
    assert turn.closed


async def test_waiting_is_not_on_the_clock(house: RunsHarness) -> None:
    """The clocks of a queued run start when its turn comes."""
    first = await house.start(Scripted(saying("a", pause=0.3)))
    second = await house.start(Scripted(saying("b")), timeouts=Timeouts(0.1, 0.1, 0.2))
    assert ("stop", None, "a") == await house.ending(first)
    assert ("stop", None, "b") == await house.ending(second)


async def test_cancel(house: RunsHarness) -> None:
    """A cancel ends a silent run at once and answers with its state."""
    turn = Scripted(silent())
    run = await house.start(turn)
    await until(lambda: run.log.last == 2)
    state = await house.cancel(run)
    assert ("cancelled", "cancelled", "word") == (state.status, state.finish_reason, state.content)
    assert ("cancelled", "cancelled", "word") == await house.ending(run)
    assert [("word", "cancelled")] == turn.remembered
    assert turn.closed


async def test_cancel_twice(house: RunsHarness) -> None:
    """Cancels at the same time, and after the end, tell the same end; there is only one."""
    run = await house.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    states = await asyncio.gather(*(house.cancel(run) for _ in range(5)))
    states.append(await house.cancel(run))
    assert [states[0]] * 6 == states
    assert "cancelled" == states[0].status
    await house.read(run)


async def test_cancel_after_the_end(house: RunsHarness) -> None:
    """A run that has ended is left as it is."""
    run = await house.start(Scripted(saying("all")))
    await house.read(run)
    state = await house.cancel(run)
    assert ("completed", "stop", "all") == (state.status, state.finish_reason, state.content)


async def test_cancel_at_once(house: RunsHarness) -> None:
    """A run that is cancelled before its task has run ends, and its model is never asked."""
    turn = Scripted(saying("all"))
    run = await house.start(turn)
    state = await house.cancel(run)
    assert ("cancelled", "") == (state.finish_reason, state.content)
    assert not turn.began.is_set()


async def test_cancel_while_queued(house: RunsHarness) -> None:
    """A queued run is cancelled without its model being asked; the others go on in order."""
    order: list[str] = []
    first = await house.start(Scripted(saying("a", pause=0.1), order=order, name="first"))
    second = await house.start(Scripted(saying("b"), order=order, name="second"))
    third = await house.start(Scripted(saying("c"), order=order, name="third"))
    assert "cancelled" == (await house.cancel(second)).finish_reason
    assert ("stop", None, "a") == await house.ending(first)
    assert ("stop", None, "c") == await house.ending(third)
    assert ["first", "third"] == order


async def test_the_first_reason_is_told(house: RunsHarness) -> None:
    """A run that is stopped for two reasons ends for the first."""
    run = await house.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    run.stop(UpstreamCut("first"))
    run.stop(Interrupted("second"))
    assert ("upstream_cut", "upstream_cut", "word") == await house.ending(run)


async def test_a_turn_that_does_not_heed_a_cancel(house: RunsHarness) -> None:
    """Nothing that an agent says after it was stopped is told."""

    async def deaf() -> Chunks:
        yield text_chunk("word")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield text_chunk(" and more")
        yield ending()

    run = await house.start(Scripted(deaf))
    await until(lambda: run.log.last == 2)
    assert "cancelled" == (await house.cancel(run)).status
    assert ("cancelled", "cancelled", "word") == await house.ending(run)


async def test_a_turn_that_never_lets_go(house: RunsHarness) -> None:
    """An agent that cannot be stopped is given up after a while: its run ends, its conversation
    goes on, and what it says later goes nowhere."""
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
    run = await house.start(turn)
    await until(lambda: run.log.last == 2)
    queued = await house.start(Scripted(saying("next")))
    async with asyncio.timeout(STOP_TIMEOUT + 2):
        assert "cancelled" == (await house.cancel(run)).status
    assert ("stop", None, "next") == await house.ending(queued)
    release.set()
    await until(lambda: turn.closed)
    assert ("cancelled", "cancelled", "word") == await house.ending(run)
    await asyncio.sleep(0)


async def test_a_turn_that_fails_when_stopped(house: RunsHarness) -> None:
    """A cleanup that fails does not change the reason for which the run was stopped."""

    async def clumsy() -> Chunks:
        yield text_chunk("word")
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("could not close")

    run = await house.start(Scripted(clumsy))
    await until(lambda: run.log.last == 2)
    assert "cancelled" == (await house.cancel(run)).status
    assert ("cancelled", "cancelled", "word") == await house.ending(run)


async def _failing_memory() -> None:
    raise OSError("the disk is full")


async def _hanging_memory() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("memory", [_failing_memory, _hanging_memory])
async def test_a_turn_that_cannot_be_remembered(
    house: RunsHarness, memory: Callable[[], Awaitable[None]]
) -> None:
    """A memory that fails or hangs neither hides the end nor blocks the conversation."""
    run = await house.start(Scripted(raising(UpstreamCut("cut")), memory))
    queued = await house.start(Scripted(saying("next")))
    async with asyncio.timeout(STOP_TIMEOUT + 2):
        assert ("upstream_cut", "upstream_cut", "half") == await house.ending(run)
        assert ("stop", None, "next") == await house.ending(queued)


async def test_queue(house: RunsHarness) -> None:
    """The runs of one conversation go one after the other, in the order they came in."""
    order: list[str] = []
    runs = [
        await house.start(Scripted(saying(str(n), pause=0.01), order=order, name=str(n)))
        for n in range(5)
    ]
    assert "queued" == (await house.state(runs[4])).status
    for n, run in enumerate(runs):
        assert ("stop", None, str(n)) == await house.ending(run)
    assert list("01234") == order


async def test_conversations_leave_no_locks(house: RunsHarness) -> None:
    """Nothing is kept of a conversation in which no run is going on."""
    for n in range(10):
        await house.read(await house.start(Scripted(saying("a")), conversation_id=f"c{n}"))
    await until(lambda: house.runs.live == 0)
    gc.collect()
    assert 0 == len(house.runs.queues.locks)


async def test_starts_at_the_same_time() -> None:
    """Messages that come while a journal is slow keep their order."""
    async with opened(RecordingJournal(create_delay=0.01)) as house:
        order: list[str] = []
        turns = [Scripted(saying(str(n)), order=order, name=str(n)) for n in range(4)]
        for run in await asyncio.gather(*(house.start(turn) for turn in turns)):
            await house.read(run)
        assert list("0123") == order


async def test_reject(house: RunsHarness) -> None:
    """A busy conversation is refused by the name of the run that it waits for, and is free again
    after it."""
    run = await house.start(Scripted(silent()))
    with pytest.raises(ConversationBusy) as refused:
        await house.start(Scripted(saying("b")), on_busy="reject")
    assert "r1" == refused.value.details["run_id"]
    await house.cancel(run)
    again = await house.start(Scripted(saying("b")), on_busy="reject")
    assert ("stop", None, "b") == await house.ending(again)


async def test_rejects_at_the_same_time() -> None:
    """Of two messages that come together, with a slow journal, one is refused."""
    async with opened(RecordingJournal(create_delay=0.01)) as house:
        starts = [house.start(Scripted(silent()), on_busy="reject") for _ in range(3)]
        got = await asyncio.gather(*starts, return_exceptions=True)
        assert [Run, ConversationBusy, ConversationBusy] == [type(result) for result in got]


async def test_interrupt(house: RunsHarness) -> None:
    """A newer message ends the run that is going on, and those that wait, and is answered."""
    turns = [Scripted(silent()), Scripted(saying("never"))]
    running, queued = [await house.start(turn) for turn in turns]
    await until(lambda: running.log.last == 2)
    newest = await house.start(Scripted(saying("now")), on_busy="interrupt")
    assert ("cancelled", "cancelled", "word") == await house.ending(running)
    assert ("cancelled", "cancelled", "") == await house.ending(queued)
    assert ("stop", None, "now") == await house.ending(newest)
    assert not turns[1].began.is_set()
    assert [("word", "cancelled")] == turns[0].remembered


async def test_other_conversations_go_on(house: RunsHarness) -> None:
    """A silent run holds up neither other conversations nor those of other people."""
    await house.start(Scripted(silent()))
    other = await house.start(Scripted(saying("b")), conversation_id="c2", on_busy="reject")
    assert ("stop", None, "b") == await house.ending(other)
    stranger = Scripted(saying("c"))
    run = await house.start(stranger, principal="bob", on_busy="interrupt")
    with await house.runs.follow(run.record.run_id, 0, principal="bob") as follower:
        assert "c" == (await read_all(follower))[1][1].content
    assert 1 == house.runs.live


async def test_other_people(house: RunsHarness) -> None:
    """A run of somebody else is not known, live or ended, in memory or in the journal."""
    run = await house.start(Scripted(silent()))
    for _ in range(2):
        with pytest.raises(UnknownRun):
            await house.runs.follow("r1", 0, principal="bob")
        with pytest.raises(UnknownRun):
            await house.runs.state("r1", principal="bob")
        with pytest.raises(UnknownRun):
            await house.runs.cancel("r1", principal="bob")
        await house.cancel(run)
        await until(lambda: house.hub.get("r1") is None)


async def test_unknown_runs(house: RunsHarness) -> None:
    """A run that never was is not known."""
    with pytest.raises(UnknownRun, match="r9"):
        await house.runs.follow("r9", 0, principal="ann")


async def test_places_that_are_not(house: RunsHarness) -> None:
    """A live run is not followed from an event that it does not have yet."""
    run = await house.start(Scripted(silent()))
    await until(lambda: run.log.last == 2)
    (await house.follow(run, 2)).close()
    with pytest.raises(BadEventId):
        await house.follow(run, 3)


async def test_states(house: RunsHarness) -> None:
    """A run is queued, runs, and has ended; what it said so far is in each of its states."""
    first = await house.start(Scripted(silent()))
    second = await house.start(Scripted(silent()))
    await until(lambda: first.log.last == 2)
    running, queued = await house.state(first), await house.state(second)
    assert ("running", "word", "r1:2", None) == (
        running.status,
        running.content,
        running.last_event_id,
        running.ended_at,
    )
    assert ("queued", "", "r2:1") == (queued.status, queued.content, queued.last_event_id)
    await house.cancel(first)
    await until(lambda: second.began)
    assert "running" == (await house.state(second)).status
    ended = await house.state(first)
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
async def test_states_of_the_ended(house: RunsHarness, script: Script, status: str) -> None:
    """A run that ended without being stopped is completed or failed."""
    run = await house.start(Scripted(script))
    await house.read(run)
    assert status == (await house.state(run)).status


async def test_a_state_without_its_beginning() -> None:
    """A state whose beginning is no longer kept says so, and tells the rest."""
    async with opened(MemoryJournal(run_bytes=2000)) as house:
        run = await house.start(Scripted(saying(*(f"{n} " for n in range(50)))))
        await house.read(run)
        await until(lambda: house.hub.get("r1") is None)
        state = await house.state(run)
    assert state.truncated
    assert state.content.endswith("48 49 ")
    assert ("completed", "r1:52") == (state.status, state.last_event_id)


async def test_leaving_cancels(house: RunsHarness) -> None:
    """`cancel`: the run ends with its last reader, and not before."""
    turn = Scripted(silent())
    run = await house.start(turn, on_disconnect="cancel")
    first, second = await house.follow(run), await house.follow(run)
    await until(lambda: run.log.last == 2)
    first.close()
    first.close()
    await asyncio.sleep(0.02)
    assert not run.ended.is_set()
    second.close()
    await run.ended.wait()
    assert ("disconnected", "disconnected", "word") == await house.ending(run)
    assert turn.closed


async def test_leaving_while_queued(house: RunsHarness) -> None:
    """A queued run whose reader leaves gives up its place."""
    await house.start(Scripted(silent()))
    turn = Scripted(saying("never"))
    run = await house.start(turn, on_disconnect="cancel")
    (await house.follow(run)).close()
    await run.ended.wait()
    assert ("disconnected", "disconnected", "") == await house.ending(run)
    assert not turn.began.is_set()


async def test_leaving_lets_it_go_on(house: RunsHarness) -> None:
    """`continue`: the run does not care who reads."""
    run = await house.start(Scripted(saying("a", "b", pause=0.02)), on_disconnect="continue")
    (await house.follow(run)).close()
    await run.ended.wait()
    assert ("stop", None, "ab") == await house.ending(run)


async def test_grace(house: RunsHarness) -> None:
    """`grace`: the run is stopped a while after its last reader left."""
    run = await house.start(Scripted(silent()), on_disconnect="grace", grace=0.1)
    began = run.loop.time()
    (await house.follow(run)).close()
    await run.ended.wait()
    assert 0.09 <= run.loop.time() - began < 2
    assert ("disconnected", "disconnected", "word") == await house.ending(run)


async def test_coming_back_within_the_grace(house: RunsHarness) -> None:
    """A reader that comes back in time stops the clock, which starts anew when it leaves."""
    run = await house.start(Scripted(silent()), on_disconnect="grace", grace=0.2)
    for _ in range(3):
        (await house.follow(run)).close()
        await asyncio.sleep(0.1)
    back = await house.follow(run, run.log.last)
    await asyncio.sleep(0.4)
    assert not run.ended.is_set()
    back.close()
    await run.ended.wait()
    assert "disconnected" == (await house.state(run)).finish_reason


async def test_leaving_after_the_end(house: RunsHarness) -> None:
    """Who leaves a run that has ended changes nothing."""
    run = await house.start(Scripted(saying("all")), on_disconnect="cancel")
    follower = await house.follow(run)
    await run.ended.wait()
    follower.close()
    assert ("stop", None, "all") == await house.ending(run)


async def test_no_grace_timer_outlives_its_run(house: RunsHarness) -> None:
    """The grace of a run that ended by itself keeps nothing of it alive."""
    run = await house.start(Scripted(saying("all", pause=0.02)), on_disconnect="grace", grace=60)
    (await house.follow(run)).close()
    await run.ended.wait()
    assert run._grace is not None
    assert run._grace.cancelled()


async def test_stopping_the_server(house: RunsHarness) -> None:
    """All runs, also those that wait, end as interrupted; new ones are refused."""
    running, queued = [await house.start(Scripted(silent())) for _ in range(2)]
    await until(lambda: running.log.last == 2)
    await house.runs.stop_all()
    assert ("interrupted", "interrupted", "word") == await house.ending(running)
    assert ("interrupted", "interrupted", "") == await house.ending(queued)
    with pytest.raises(Overloaded) as refused:
        await house.start(Scripted(saying("late")))
    assert refused.value.retry_after


async def test_stopping_writes_the_ends() -> None:
    """When the server has stopped its runs, their last chunks are in the journal."""
    journal = RecordingJournal(delay=0.05)
    async with opened(journal) as house:
        for n in range(3):
            await house.start(Scripted(silent()), conversation_id=f"c{n}")
        await asyncio.sleep(0.02)
    assert [True] * 3 == [log[-1][1].done for log in journal.entries.values()]


async def test_stopping_while_a_run_is_created() -> None:
    """A run whose start was under way when the server stopped is ended like the others."""
    journal = RecordingJournal(create_delay=0.05)
    async with opened(journal) as house:
        starting = asyncio.create_task(house.start(Scripted(silent())))
        await asyncio.sleep(0.02)
        await house.runs.stop_all()
        run = await starting
        assert ("interrupted", "interrupted", "") == await house.ending(run)
    assert journal.entries["r1"][-1][1].done


async def test_a_journal_that_cannot_create() -> None:
    """A run that the journal could not be told of is answered all the same, from memory."""

    class Full(MemoryJournal):
        async def create(self, record: object) -> bool:
            raise OSError("the disk is full")

    async with opened(Full()) as full:
        run = await full.start(Scripted(saying("a")))
        assert ("stop", None, "a") == await full.ending(run)


async def test_a_journal_that_fails() -> None:
    """A run goes on and ends for its readers though nothing of it can be written."""
    journal = RecordingJournal()
    async with opened(journal) as house:
        journal.failing = True
        run = await house.start(Scripted(saying("a", "b", pause=0.01)))
        assert ("stop", None, "ab") == await house.ending(run)
        state = await house.state(run)
        assert ("completed", "ab") == (state.status, state.content)
        journal.failing = False
        await until(lambda: house.hub.get("r1") is None)
        assert ("stop", None, "ab") == await house.ending(run)


Step = tuple[str, int]


@settings(max_examples=150, deadline=None)
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
def test_any_lives(
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
        async with opened(journal) as house:
            runs: list[Run] = []
            readers: list[tuple[Run, Follower]] = []
            for n, steps in enumerate(scripts):
                try:
                    runs.append(
                        await house.start(
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
                        await house.cancel(run)
                    elif deed == "join":
                        readers.append((run, await house.follow(run)))
                    elif deed == "leave" and readers:
                        readers.pop(which % len(readers))[1].close()
                    await asyncio.sleep(0)
            logs = {run.record.run_id: await house.read(run) for run in runs}
            for run, follower in readers:
                read = [chunk for _, chunk in await read_all(follower)]
                follower.close()
                assert logs[run.record.run_id] == read

    asyncio.run(check())
