"""Agents that go on after their process has died: with all that the model had read, and no more."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from agno.agent import Agent
from agno.run import RunContext
from agno.team import Team
from agno.tools import tool
from agno.workflow import Step, Workflow

from app.core.log.journal import RunRecord
from app.core.question import PastMessage, Question
from app.core.run_failures import Interrupted, RunFailed
from app.models.chat import ChatResponse, StreamingChunk
from app.models.folding import fold
from tests.core.agents.application import Application, Applications
from tests.core.parts import record
from tests.provider import Provider
from tests.provider_replies import Reply

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


def look(at: str, run_context: RunContext) -> str:
    """Look at something."""
    CALLS.append(at)
    state: dict[str, Any] = run_context.session_state or {}
    state["seen"] = [*state.get("seen", []), at]
    run_context.session_state = state
    return f"{at} is there"


@tool(annotations={"readOnlyHint": True})
def read(at: str) -> str:
    """Read something."""
    CALLS.append(at)
    return f"{at} is read"


def calling(name: str, at: str) -> Reply:
    return Reply(f"I go to {at}. ", tool_calls=[(name, f'{{"at": "{at}"}}')])


class Dying:
    """A guard of a process that dies as soon as it has so many checkpoints, or when a tool
    begins."""

    def __init__(self, after: int, *, at_tools: bool = False) -> None:
        self.kept: list[tuple[int, str]] = []
        self.chunks: list[StreamingChunk] = []
        self._after, self._at_tools = after, at_tools
        self._dead = False

    def emit(self, chunk: StreamingChunk) -> None:
        if not self._dead:
            self.chunks.append(chunk)

    async def confirm(self) -> None:
        if self._at_tools:
            self._dead = True
            raise Interrupted("Dead.")

    async def checkpoint(self, data: str, chunks: Sequence[StreamingChunk]) -> None:
        assert all(chunk.tool is not None for chunk in chunks)
        self.kept.append((len(self.chunks) + len(chunks), data))
        if len(self.kept) == self._after:
            self.chunks += chunks  # as a recovery does
            self._dead = True
            raise Interrupted("Dead.")


async def dies(
    application: Application, run: RunRecord, question: Question, guard: Dying
) -> RunRecord:
    """Run a question until its process dies; its record, as the journal has it."""
    plan = application.service.plan(question, "p")
    fields = {"recipe": plan.recipe, "settings": plan.settings, "agent": plan.agent}
    run = msgspec.structs.replace(run, question=plan.stored_question, **fields)
    turn = plan.prepare(run)
    turn.protect(guard)
    with pytest.raises(RunFailed, match="Dead"):
        await turn.run(guard.emit, lambda: None)
    return run


async def goes_on(
    application: Application, run: RunRecord, guard: Dying
) -> tuple[ChatResponse, int] | None:
    """The answer after a recovery, and the number of chunks that stand; None if the run ends."""
    after, data = guard.kept[-1] if guard.kept else (0, None)
    stands, void = guard.chunks[:after], guard.chunks[after:]
    plan = application.service.recovery(run, stands, void, data)
    if plan is None:
        return None
    chunks = [*stands]
    chunks.append(await plan.prepare(run).run(chunks.append, lambda: None))
    answer = ChatResponse(content="", model="", run_id=run.run_id, conversation_id="c")
    fold(answer, chunks)
    return answer, after


def sent(provider: Provider) -> list[list[tuple[str, str]]]:
    return [
        [(m["role"], str(m.get("content"))) for m in request.body["messages"]]
        for request in provider.requests
    ]


QUESTIONS: dict[str, dict[str, Any]] = {
    "kept": {},
    "not kept": {"kept": False},
    "with a history of the client's": {
        "kept": False,
        "history": [PastMessage("user", "Hi."), PastMessage("assistant", "Yes?")],
        "system": "Be brief.",
    },
    "with a system message": {"system": "Be brief."},
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_model_reads_what_it_had_read(
    applications: Applications, provider: Provider, name: str
) -> None:
    """After a recovery the model gets the messages that it would have got, no tool runs again, the
    state of the session is that of the tools, and the conversation has one whole turn."""
    rest = [calling("look", "B"), Reply("Done.")]
    provider.script(Reply("Good."), calling("look", "A"), *rest)
    question = Question("Go.", **QUESTIONS[name])

    def agent() -> Agent:
        return Agent(id="a", tools=[look], instructions="Go on.", session_state={"seen": []})

    undisturbed = applications(agent())
    if question.kept:
        await undisturbed.ask("Before?")
    else:
        provider._replies.popleft()
    await undisturbed.ask("Go.", **QUESTIONS[name])
    expected = sent(provider)[-2:]
    provider.requests.clear()
    CALLS.clear()
    application = applications(agent())
    provider.script(calling("look", "A"), *rest)
    run = record("r9", "p", "c2" if not question.kept else "c")
    if question.kept:
        await application.conversations.delete("c", "p", None)
        provider._replies.appendleft(Reply("Good."))
        application._count = 20
        await application.ask("Before?")
        provider.requests.clear()
    guard = Dying(1)
    run = await dies(application, run, question, guard)
    found = await goes_on(application, run, guard)
    assert found is not None
    answer, _ = found
    assert expected == sent(provider)[-2:]
    assert ["A", "B"] == CALLS
    assert "I go to A. I go to B. Done." == answer.content
    assert {"seen": ["A", "B"]} == answer.session_state
    assert 2 == len(answer.tools)
    if question.kept:
        stored = (await application.conversations.get("c", "p", None)).messages
        assert ["Before?", "Good.", "Go.", answer.content] == [m.content for m in stored]
        assert answer.tools == stored[-1].tools


def team(**member: Any) -> Team:
    return Team(id="t", members=[Agent(id="m", role="helps", **member)], tools=[look])


def workflow(**member: Any) -> Workflow:
    return Workflow(id="w", steps=[Step("s", agent=Agent(id="m", **member))])


#: What answers, and whether its run goes on if it dies as the tool, or the step, begins.
DEATHS: dict[str, tuple[Any, bool]] = {
    "a tool": (lambda: Agent(id="a", tools=[look]), False),
    "a tool that only reads": (lambda: Agent(id="a", tools=[read]), True),
    "tools that the agent declares": (
        lambda: Agent(id="a", tools=[look], metadata={"repeatable_tools": ["look"]}),
        True,
    ),
    "other tools that it declares": (
        lambda: Agent(id="a", tools=[look], metadata={"repeatable_tools": ["read"]}),
        False,
    ),
    "all tools": (
        lambda: Agent(id="a", tools=[look], metadata={"repeatable_tools": True}),
        True,
    ),
    "a team": (team, False),
    "a workflow whose tool may not": (lambda: workflow(tools=[look]), False),
    "a workflow whose tool only reads": (lambda: workflow(tools=[read]), True),
}


@pytest.mark.parametrize("name", DEATHS)
async def test_what_may_run_again(
    applications: Applications, provider: Provider, name: str
) -> None:
    """A run that died while something worked goes on only if that may be done again."""
    make, expected = DEATHS[name]
    tool_name = "read" if "reads" in name else "look"
    if "workflow" not in name:  # it dies as its step begins
        provider.script(calling(tool_name, "A"))
    provider.script(calling(tool_name, "A"), Reply("Done."))
    application = applications(make())
    guard = Dying(9, at_tools=True)
    run = await dies(application, record("r9", "p", "c"), Question("Go."), guard)
    assert [] == CALLS
    found = await goes_on(application, run, guard)
    assert expected == (found is not None)
    if found is not None:
        assert found[0].content.endswith("I go to A. Done.")
        assert ["A"] == CALLS


@pytest.mark.parametrize("make", [team, workflow, lambda: Agent(id="a")])
async def test_run_that_had_not_begun(
    applications: Applications, provider: Provider, make: Any
) -> None:
    """A run of which nothing was seen begins anew, whatever answers."""
    provider.script(Reply("Done."))
    application = applications(make())
    plan = application.service.plan(Question("Go."), "p")
    run = record("r9", "p", "c", question="Go.")
    run = msgspec.structs.replace(run, recipe=plan.recipe, agent=make().id)
    found = await goes_on(application, run, Dying(9))
    assert found is not None
    assert "Done." == found[0].content


@pytest.mark.parametrize("change", [{"agent": "gone"}, {"recipe": "{"}])
async def test_run_that_cannot_be_planned(
    applications: Applications, change: dict[str, str]
) -> None:
    """A run whose agent this server does not have, or whose recipe it cannot read, ends."""
    application = applications(Agent(id="a"))
    recipe = application.service.plan(Question("Go."), "p").recipe
    run = msgspec.structs.replace(record("r9", "p", "c"), agent="a", recipe=recipe)
    assert application.service.recovery(run, [], [], None) is not None
    assert (
        application.service.recovery(msgspec.structs.replace(run, **change), [], [], None) is None
    )


async def test_turn_that_is_stored(applications: Applications, provider: Provider) -> None:
    """A run whose process died after it had stored the turn has its end, and is not run again."""
    provider.script(Reply("All of it."))
    application = applications(Agent(id="a"))
    await application.ask("Go.")
    run = msgspec.structs.replace(record("r1", "p", "c", question="Go."), agent="a")
    chunks = application.chunks[:-1]
    ended = await application.service.ended(run, chunks)
    assert ended is not None
    assert [("stop", None)] == [(chunk.finish_reason, chunk.final) for chunk in ended]
    short = await application.service.ended(run, chunks[:1])
    assert short is not None
    assert "All of it." == "".join(chunk.final or "" for chunk in short)
    assert await application.service.ended(msgspec.structs.replace(run, run_id="r7"), []) is None
    assert 1 == provider.opened
