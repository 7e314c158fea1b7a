"""A question reaches Agno as Agno wants it, with a history or without, and its context with it."""

from typing import Any

import pytest
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.exceptions import CheckTrigger, InputCheckError, OutputCheckError
from agno.knowledge.document import Document
from agno.run import RunContext
from agno.run.agent import RunInput, RunOutput
from agno.team import Team
from agno.workflow import Step, Workflow
from agno.workflow.types import StepInput

from app.core.question import ClientCall, ClientTool, PastMessage, Question
from app.core.run_failures import InputRefused, OutputRefused
from tests.core.agents.application import Applications, close, model
from tests.provider import Provider
from tests.provider_replies import Reply

HISTORY = [PastMessage("user", "I am Ann."), PastMessage("assistant", "Hello Ann.")]
TOOL = ClientTool("weather", "The weather", {"type": "object", "properties": {}})
RESULTS = [
    PastMessage("assistant", "", calls=(ClientCall("call_1", "weather", "{}"),)),
    PastMessage("tool", "Snow.", call_id="call_1", tool="weather"),
]

#: The same question without a history, after one, and before the results of a client's tool.
SHAPES: dict[str, Any] = {
    "alone": lambda text: Question(text),
    "history": lambda text: Question(text, history=[*HISTORY], kept=False),
    "tool results": lambda text: Question(
        None, history=[*HISTORY, PastMessage("user", text), *RESULTS], tools=[TOOL], kept=False
    ),
}


def no_secrets(run_input: RunInput) -> None:
    if "secret" in run_input.input_content_string().lower():
        raise InputCheckError("No secrets.", check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)


def no_answers(run_output: RunOutput) -> None:
    if "forbidden" in str(run_output.content):
        raise OutputCheckError("Not this.", check_trigger=CheckTrigger.OUTPUT_NOT_ALLOWED)


def fields(question: Question) -> dict[str, Any]:
    """The fields of a question but its message, which `Application.ask` takes first."""
    return {name: getattr(question, name) for name in ("history", "tools", "kept")}


def agent(provider: Provider, **options: Any) -> Agent:
    return Agent(id="a", name="A", model=model(provider), telemetry=False, **options)


def sent(provider: Provider) -> list[dict[str, Any]]:
    """The messages of the latest upstream request, without the system message."""
    messages = provider.requests[-1].body["messages"]
    return [message for message in messages if message["role"] not in ("system", "developer")]


@pytest.mark.parametrize("shape", SHAPES)
async def test_guardrail_does_not_see_question(
    shape: str, provider: Provider, applications: Applications
) -> None:
    """A guardrail reads the user's last message as text, and what it refuses never reaches the
    model."""
    application = applications(agent(provider, pre_hooks=[no_secrets]))
    question = SHAPES[shape]("Tell me the SECRET.")
    with pytest.raises(InputRefused, match=r"No secrets\."):
        await application.ask(question.message, **fields(question))
    assert 0 == provider.opened
    question = SHAPES[shape]("Tell me a joke.")
    await application.ask(question.message, **fields(question))
    assert "Tell me a joke." in [message.get("content") for message in sent(provider)]


@pytest.mark.parametrize("shape", SHAPES)
async def test_history_is_out_of_order(
    shape: str, provider: Provider, applications: Applications
) -> None:
    """The model gets the history, then the question, then the results of the client's tools."""
    application = applications(agent(provider))
    question = SHAPES[shape]("And now?")
    await application.ask(question.message, **fields(question))
    roles = [message["role"] for message in sent(provider)]
    expected = ["user"] if shape == "alone" else ["user", "assistant", "user"]
    assert [*expected, *(["assistant", "tool"] if question.message is None else [])] == roles


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
async def test_words_of_user_are_rewritten(
    kind: str, shape: str, provider: Provider, applications: Applications
) -> None:
    """The user's words are no template: Agno fills in nothing, while instructions still are one."""
    words = "cost: $$5 or ${x} for {user_id}, \\frac{a}{b} $HOME"
    inner = agent(provider, instructions="You serve {user_id}.")
    component: Any = inner
    if kind == "team":
        component = Team(
            id="t", members=[inner], model=model(provider), instructions="For {user_id}."
        )
    elif kind == "workflow":
        component = Workflow(id="w", steps=[Step(name="one", agent=inner)])
    if kind == "workflow" and shape == "tool results":
        return  # a workflow takes no tools of a client
    application = applications(component)
    question = SHAPES[shape](words)
    await application.ask(question.message, **fields(question))
    assert words in [message.get("content") for message in sent(provider)]
    system = str(provider.requests[-1].body["messages"][0]["content"])
    assert "{user_id}" not in system


@pytest.mark.parametrize(
    ("hook", "refusal"), [(no_secrets, InputRefused), (no_answers, OutputRefused)]
)
async def test_refused_turn_is_told_to_model(
    hook: Any, refusal: Any, provider: Provider, applications: Applications
) -> None:
    """A turn that a guardrail refused is not stored, and the model does not see it later."""
    hooks = {"pre_hooks": [hook]} if refusal is InputRefused else {"post_hooks": [hook]}
    application = applications(agent(provider, **hooks))
    provider.script(*[Reply("forbidden words")] * (refusal is OutputRefused))
    with pytest.raises(refusal):
        await application.ask("A secret?")
    assert 0 == (await application.conversations.list("p", limit=9, offset=0)).total
    await application.ask("First.")
    provider.script(*[Reply("forbidden words")] * (refusal is OutputRefused))
    with pytest.raises(refusal):
        await application.ask("A secret?")
    await application.ask("Second.")
    users = [message["content"] for message in sent(provider) if message["role"] == "user"]
    assert ["First.", "Second."] == users
    stored = await application.conversations.get("c", "p")
    assert ["First.", "Second."] == [m.content for m in stored.messages if m.role == "user"]


@pytest.mark.parametrize("shape", ["alone", "history"])
async def test_knowledge_and_dependencies_are_lost(
    shape: str, provider: Provider, applications: Applications
) -> None:
    """What Agno adds to the user's message is there with a history, too."""

    async def search(query: str, **_: Any) -> list[dict[str, Any]]:
        assert "Where?" == query
        return [Document(content="Oslo is in Norway.", name="atlas").to_dict()]

    application = applications(
        agent(
            provider,
            knowledge_retriever=search,
            add_knowledge_to_context=True,
            search_knowledge=False,
            add_dependencies_to_context=True,
        ),
    )
    question = SHAPES[shape]("Where?")
    answer = await application.ask(
        question.message, dependencies={"rank": "captain"}, **fields(question)
    )
    last = sent(provider)[-1]["content"]
    assert "Oslo is in Norway." in last
    assert "captain" in last
    assert ["atlas"] == [citation.title for citation in answer.citations]


async def test_context_of_request_is_lost(provider: Provider, applications: Applications) -> None:
    """Tools see who asks, and what the request brought; the state comes back changed."""
    seen: list[RunContext] = []

    def look(run_context: RunContext) -> str:
        """Look around."""
        seen.append(run_context)
        assert run_context.session_state is not None
        run_context.session_state["count"] = run_context.session_state.get("count", 0) + 1
        return "seen"

    application = applications(agent(provider, tools=[look]))
    provider.script(Reply(tool_calls=[("look", "{}")]), Reply("Done."))
    answer = await application.ask(
        "Look.",
        user="eve",
        session_state={"count": 4},
        dependencies={"a": 1},
        metadata={"b": "2"},
    )
    assert ("p/eve", {"a": 1}) == (seen[0].user_id, seen[0].dependencies)
    assert "2" == (seen[0].metadata or {})["b"]
    assert {"count": 5} == answer.session_state
    assert "p" == seen[0].authorization.principal
    provider.script(Reply(tool_calls=[("look", "{}")]), Reply("Done."))
    assert {"count": 6} == (await application.ask("Look.", user="eve")).session_state


async def test_end_users_share_a_conversation(
    provider: Provider, applications: Applications
) -> None:
    """The end users of one key have conversations and sessions of their own."""
    application = applications(agent(provider, db=InMemoryDb()))  # type: ignore[no-untyped-call]
    await application.ask("I am Ann.", user="ann")
    await application.ask("I am Bob.", user="bob")
    assert ["I am Bob."] == [message["content"] for message in sent(provider)]
    assert 0 == (await application.conversations.list("p", limit=9, offset=0)).total
    for user, words in (("ann", "I am Ann."), ("bob", "I am Bob.")):
        stored = await application.conversations.get("c", "p", user)
        assert words == stored.messages[0].content
    await application.conversations.delete("c", "p", "ann")
    assert 0 == (await application.conversations.list("p", limit=9, offset=0, user="ann")).total


async def test_output_schema_of_request(provider: Provider, applications: Applications) -> None:
    """A JSON schema of the request makes the answer an object."""
    application = applications(agent(provider))
    provider.script(Reply('{"city": "Oslo"}'))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = await application.ask("Where?", output_schema=schema)
    assert {"city": "Oslo"} == answer.output
    assert '{"city":"Oslo"}' == answer.content
    form = provider.requests[0].body["response_format"]
    assert schema == form["json_schema"]["schema"]


def asks(run_context: RunContext) -> str:
    """Who asks."""
    return f"{run_context.authorization.principal} for {run_context.authorization.user}"


def expert_with(provider: Provider) -> Agent:
    inner = Agent(id="inner", model=model(provider), tools=[asks])

    async def expert() -> str:
        """Ask the expert."""
        answer = await inner.arun("Who?")
        await close(inner)
        assert answer.tools is not None
        return str(answer.tools[0].result)

    return agent(provider, tools=[expert])


def call(name: str, arguments: str = "{}") -> Reply:
    return Reply(tool_calls=[(name, arguments)])


DELEGATE = call("delegate_task_to_member", '{"member_id": "inner", "task": "Ask."}')


def team_with(provider: Provider) -> Team:
    inner = Agent(id="inner", model=model(provider), tools=[asks])
    return Team(id="t", members=[inner], model=model(provider))


def steps_with(provider: Provider) -> Workflow:
    steps: Any = [agent(provider, tools=[asks])]
    return Workflow(id="w", steps=steps)


def function_with(provider: Provider) -> Workflow:
    def who(step_input: StepInput, run_context: RunContext) -> str:
        return asks(run_context)

    steps: Any = [who, agent(provider)]
    return Workflow(id="w", steps=steps)


@pytest.mark.parametrize(
    ("build", "replies"),
    [
        (lambda p: agent(p, tools=[asks]), [call("asks"), Reply("Done.")]),
        (team_with, [DELEGATE, call("asks"), Reply("I know."), Reply("Done.")]),
        (expert_with, [call("expert"), call("asks"), Reply("I know."), Reply("Done.")]),
        (steps_with, [call("asks"), Reply("Done.")]),
        (function_with, [Reply("Done.")]),
    ],
    ids=["agent", "member", "agent in a tool", "step", "function"],
)
async def test_authorization_is_lost(
    build: Any, replies: list[Reply], provider: Provider, applications: Applications
) -> None:
    """Tools and functions know who asks, however deep inside the run they are."""
    provider.script(*replies)
    application = applications(build(provider))
    await application.ask("Who?", user="ann")
    assert "p for ann" in str([request.body["messages"] for request in provider.requests])
