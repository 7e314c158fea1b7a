"""Runs that continue a paused one, and go on after their process has died."""

from typing import Any

import msgspec
import pytest
from agno.agent import Agent
from agno.team import Team
from agno.tools import tool

from app.core.log.journal import RunRecord
from app.core.question import Question
from app.core.run_failures import RunFailed, RunStopped, server_stopped
from app.models.answer_parts import ContentPart, ToolPart
from app.models.chat import Decision, StreamingChunk
from tests.core.agents.application import Application, Applications
from tests.core.agents.test_recovering import CALLS, Dying, calling, goes_on, look, sent
from tests.core.parts import record
from tests.provider import Provider
from tests.provider_replies import Reply, refusal


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


@tool(requires_confirmation=True)
def pay(at: str) -> str:
    """Pay somebody."""
    CALLS.append(at)
    return f"{at} is paid"


@tool(requires_confirmation=True, annotations={"idempotentHint": True})
def book(at: str) -> str:
    """Book a place."""
    CALLS.append(at)
    return f"{at} is booked"


def agent(*tools: Any) -> Agent:
    return Agent(id="a", tools=[*tools, look])


def led(*tools: Any) -> Team:
    return Team(id="a", members=[Agent(id="m")], tools=[*tools, look])


def manned(*tools: Any) -> Team:
    return Team(id="a", members=[Agent(id="m", name="Mia", tools=[*tools])], tools=[look])


async def paused(application: Application, question: Question, yes: bool) -> tuple[Any, Any]:
    """The record of a paused run, and a decision on all that it waits for."""
    plan = application.service.plan(question, "p")
    run = record("r1", "p", "c", question=plan.stored_question)
    run = msgspec.structs.replace(run, settings=plan.settings)
    chunks: list[StreamingChunk] = []
    last = await plan.prepare(run).run(chunks.append, lambda: None)
    assert last.requirements, last
    note = None if yes else "Not now."
    return run, [Decision(item.id, confirmed=yes, note=note) for item in last.requirements]


async def dies(
    application: Application, run: RunRecord, decisions: list[Decision], guard: Dying
) -> RunRecord:
    """Continue a paused run until its process dies; the record of the run that continues it."""
    plan = application.service.continuation(run, decisions, "boss")
    run = msgspec.structs.replace(
        run, run_id="r2", continues="r1", origin="r1", recipe=plan.recipe, settings=plan.settings
    )
    turn = plan.prepare(run)
    turn.protect(guard)
    with pytest.raises(RunFailed, match="Dead"):
        await turn.run(guard.emit, lambda: None)
    return run


CASES: dict[str, tuple[Any, list[Reply], list[Reply]]] = {
    "an agent": (
        lambda: agent(pay),
        [calling("pay", "A")],
        [calling("look", "B"), Reply("Done.")],
    ),
    "the leader of a team": (
        lambda: led(pay),
        [calling("pay", "A")],
        [calling("look", "B"), Reply("Done.")],
    ),
    "a member of a team": (
        lambda: manned(pay),
        [
            Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "m", "task": "pay"}')]),
            calling("pay", "A"),
        ],
        [Reply("I paid."), calling("look", "B"), Reply("Done.")],
    ),
}


@pytest.mark.parametrize(
    ("died", "kept", "yes"),
    [(1, True, True), (2, False, True), (2, True, False)],
    ids=["at once", "not kept", "refused"],
)
@pytest.mark.parametrize("name", CASES)
async def test_continuation_goes_on(
    applications: Applications, provider: Provider, name: str, died: int, kept: bool, yes: bool
) -> None:
    """Once what was decided has been done, another process goes on with the run that continues the
    paused one: nothing is done again, and the turn has all of its parts."""
    make, before, after = CASES[name]
    expected: list[Any] = []
    for disturbed in (False, True):
        CALLS.clear()
        provider.requests.clear()
        provider.script(*before, *after)
        application = applications(make())
        run, decisions = await paused(application, Question("Go.", kept=kept), yes)
        guard = Dying(died if disturbed else 99)
        if disturbed:
            run = await dies(application, run, decisions, guard)
            found = await goes_on(application, run, guard)
            assert found is not None
            content = found[0].content
        else:
            plan = application.service.continuation(run, decisions, "boss")
            run = msgspec.structs.replace(run, run_id="r2", continues="r1", origin="r1")
            chunks: list[StreamingChunk] = []
            chunks.append(await plan.prepare(run).run(chunks.append, lambda: None))
            content = "".join(chunk.content for chunk in chunks)
        messages = (await application.conversations.get("c", "p", None)).messages
        seen = [
            (m.role, m.content, [*map(type, m.parts or [])], [(t.name, t.result) for t in m.tools])
            for m in messages
        ]
        text = [
            [(role, words) for role, words in request if role != "system"]
            for request in sent(provider)
        ]
        expected.append((content, [*CALLS], seen, text))
        await application.conversations.delete("c", "p", None)
    undisturbed, recovered = expected
    assert (["A"] if yes else []) + ["B"] == recovered[1]
    for one, other in zip(undisturbed, recovered, strict=True):
        assert one == other


@pytest.mark.parametrize("how", ["orphan", "stopped", "failed"])
async def test_continuation_that_breaks_off(
    applications: Applications, provider: Provider, how: str
) -> None:
    """A turn whose continuation breaks off, because its process died, because it was cancelled
    before another one went on, or because the model failed, keeps what was shown before the
    pause."""
    provider.script(calling("look", "Z"), calling("pay", "A"))
    provider.script(*([refusal(400, "Bad.", "bad")] if how == "failed" else [Reply("Done.")]))
    application = applications(agent(pay))
    run, decisions = await paused(application, Question("Go."), True)
    if how == "failed":
        plan = application.service.continuation(run, decisions, "boss")
        turn = plan.prepare(msgspec.structs.replace(run, run_id="r2", continues="r1", origin="r1"))
        with pytest.raises(RunFailed) as failed:
            await turn.run(lambda chunk: None, lambda: None)
        await turn.remember("", failed.value)
    else:
        guard = Dying(1)
        run = await dies(application, run, decisions, guard)
        after, data = guard.kept[-1]
        if how == "orphan":
            await application.service.remember(run, guard.chunks[:after], server_stopped())
        else:
            again = application.service.recovery(run, guard.chunks[:after], [], data)
            assert again is not None
            await again.prepare(run).remember("", RunStopped("cancelled", "Enough."))
    [asked, answered] = (await application.conversations.get("c", "p", None)).messages
    assert ("Go.", "I go to Z. I go to A. ") == (asked.content, answered.content)
    assert [("look", "completed"), ("pay", "completed")] == [
        (tool.name, tool.status) for tool in answered.tools
    ]
    assert [ContentPart, ToolPart, ContentPart, ToolPart] == [*map(type, answered.parts or [])]


@pytest.mark.parametrize(("made", "goes"), [(book, True), (pay, False)], ids=["book", "pay"])
async def test_continuation_whose_tool_was_at_work(
    applications: Applications, provider: Provider, made: Any, goes: bool
) -> None:
    """A run whose approved tool was at work goes on if that tool may run again: the decision is
    applied anew, by who made it."""
    provider.script(calling(made.name, "A"), Reply("Done."))
    application = applications(agent(made))
    run, decisions = await paused(application, Question("Go."), True)
    guard = Dying(9, at_tools=True)
    run = await dies(application, run, decisions, guard)
    assert ["started"] == [chunk.tool.status for chunk in guard.chunks if chunk.tool]
    found = await goes_on(application, run, guard)
    assert goes == (found is not None)
    if found is not None:
        assert "Done." == found[0].content
        assert ["A"] == CALLS


@pytest.mark.parametrize("make", [agent, led])
async def test_continuation_that_had_not_begun(
    applications: Applications, provider: Provider, make: Any
) -> None:
    """A run that had not begun to do what was decided begins with that."""
    provider.script(calling("pay", "A"), Reply("Done."))
    application = applications(make(pay))
    run, decisions = await paused(application, Question("Go."), True)
    plan = application.service.continuation(run, decisions, "boss")
    run = msgspec.structs.replace(
        run, run_id="r2", continues="r1", origin="r1", recipe=plan.recipe, settings=plan.settings
    )
    found = await goes_on(application, run, Dying(9))
    assert found is not None
    assert ("Done.", ["A"]) == (found[0].content, CALLS)
