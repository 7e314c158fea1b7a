"""The table of states, and a real run on every path through it."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.log.run_log import RunLog
from app.core.run_failures import Interrupted
from app.core.runs.clock import Policy, Timeouts
from app.core.runs.run import Run
from app.core.runs.states import CLOSED, TRANSITIONS, Life, State
from app.models.chat import StreamingChunk
from tests.core.parts import ending, record
from tests.core.runs.harness import Scripted, saying

STATES = st.sampled_from(State)
PAUSED = StreamingChunk(content="", done=True, model="m", finish_reason="paused")


def test_every_state_has_a_row_and_a_way_to_the_end() -> None:
    """Each state has a row, and from each one the end is reached; nothing follows the end."""
    assert set(State) == TRANSITIONS.keys()
    for state in State:
        reached = {state}
        while new := {after for each in reached for after in TRANSITIONS[each]} - reached:
            reached |= new
        assert State.ENDED in reached
        assert state not in TRANSITIONS[state]
    assert frozenset() == TRANSITIONS[State.ENDED]


@given(st.lists(STATES, max_size=12))
def test_life_follows_the_table(wanted: list[State]) -> None:
    """A life goes from state to state as the table says; any other move is an error and no move."""
    life = Life()
    for state in wanted:
        before = list(life.path)
        if state in TRANSITIONS[life.state]:
            life.enter(state)
            assert [*before, state] == life.path
        else:
            assert not life.may(state)
            with pytest.raises(RuntimeError, match=f"cannot become {state}"):
                life.enter(state)
            assert before == life.path
        assert life.began == (State.RUNNING in life.path)


@given(
    st.lists(st.sampled_from(["begin", "stop", "stop again", "pause", "end"]), max_size=8),
    st.booleans(),
)
@example(["stop", "begin", "end", "stop again"], False)
@example(["begin", "end", "stop"], False)
@example(["stop", "end"], True)
@example(["begin", "pause"], True)
def test_run_follows_the_table(calls: list[str], recovered: bool) -> None:
    """Whatever comes in whichever order, a run walks through the table, keeps the first reason to
    stop, ends once, and leaves no timer."""

    async def check() -> None:
        log = RunLog(record(), lambda log: None)
        policy = Policy(Timeouts(60, 60, 60))
        turn = Scripted(saying())
        run = Run(record(), log, turn, policy, stop_timeout=60, recovered=recovered)
        walk = [State.QUEUED, State.RECOVERED] if recovered else [State.QUEUED]
        reason = None
        for call in calls:
            if call == "begin":
                state = State.RUNNING
                run.begin()
            elif call in ("pause", "end"):
                state = State.PAUSED if call == "pause" else State.ENDED
                last = PAUSED if call == "pause" else ending()
                if state in TRANSITIONS[walk[-1]] and not log.ended:
                    run.end(last)
                else:
                    with pytest.raises(RuntimeError):
                        run.end(last)
                    continue
            else:
                state = State.STOPPING
                run.stop(Interrupted(call))
            if state in TRANSITIONS[walk[-1]]:
                walk.append(state)
                reason = call if state is State.STOPPING else reason
            assert walk == run.life.path
        assert (walk[-1] in CLOSED) == log.ended
        if reason is not None:
            with pytest.raises(Interrupted, match=reason):
                await run.step(asyncio.sleep(0))
        elif not CLOSED & set(walk):
            await run.step(asyncio.sleep(0))

    asyncio.run(check())
