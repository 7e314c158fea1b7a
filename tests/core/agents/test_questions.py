"""A question's options, tools and history reach the model, and its conversation is stored."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from app.core.agents.catalog import AgentCatalog, general_agent
from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.database import open_database
from app.core.openai_service import AgentService
from app.core.providers.catalog import ModelCatalog, Providers
from app.core.question import ClientCall, ClientTool, ModelOptions, PastMessage, Picture, Question
from app.core.run_failures import ModelUnavailable, RunFailed
from app.models.chat import StreamingChunk, ToolCall
from tests.core.parts import record
from tests.provider import Provider
from tests.provider_replies import SERVER_ERROR, Reply

OPENAI, OLLAMA = "openai:test-model", "ollama:llama3.2"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ClientTool("weather", "The weather of a city", SCHEMA, strict=True)
PIXEL = bytes.fromhex("89504e470d0a1a0a")


def local_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


class Service:
    """An agent service with a scripted provider; all its questions are in one conversation."""

    def __init__(self, provider: Provider, data_dir: Path, model: str, tools: list[Any]) -> None:
        models = ModelCatalog(model, [], Providers("sk-test-0123", provider.url, provider.origin))
        db = open_database(None, data_dir)
        agent = general_agent(None, db)
        agent.tools = tools
        self.catalog = AgentCatalog([agent], models, db)
        self.conversations = Conversations(self.catalog.dbs)
        self._service = AgentService(self.catalog, self.conversations)
        self._count = 0

    async def ask(self, message: str | None = "Hello?", **fields: Any) -> list[StreamingChunk]:
        self._count += 1
        plan = self._service.plan(Question(message, **fields), "p")
        run = record(f"r{self._count}", "p", "c", question=plan.stored_question)
        turn = plan.prepare(run)
        chunks: list[StreamingChunk] = []
        try:
            chunks.append(await turn.run(chunks.append, lambda: None))
        except RunFailed as failure:
            await turn.remember("".join(chunk.content for chunk in chunks), failure)
            raise
        return chunks


class OpenService(Protocol):
    def __call__(self, model: str = OPENAI, tools: list[Any] | None = None) -> Service: ...


@pytest.fixture
async def open_service(provider: Provider, tmp_path: Path) -> AsyncIterator[OpenService]:
    async with AsyncExitStack() as stack:

        def make(model: str = OPENAI, tools: list[Any] | None = None) -> Service:
            service = Service(provider, tmp_path, model, tools or [])
            stack.push_async_callback(service.catalog.close)
            stack.push_async_callback(service.conversations.close)
            return service

        yield make


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"city": "Zürich",  "days": 1.0}', {"city": "Zürich", "days": 1.0}),
        ('{"flag": "true", "none": "None"}', {"flag": "true", "none": "None"}),
        ("{}", {}),
        ("{not json", None),
        ("[1]", None),
    ],
)
async def test_client_tool_call_is_forwarded_verbatim(
    open_service: OpenService, provider: Provider, written: str, arguments: dict[str, Any] | None
) -> None:
    """A client's tool call is forwarded as the model wrote it, even invalid JSON; the run ends."""
    provider.script(Reply("Let me see. ", tool_calls=[("weather", written)]))
    *_, call, last = await open_service().ask(tools=[WEATHER])
    assert call.tool is not None
    assert ToolCall(call.tool.id, "weather", "paused", arguments, None, written) == call.tool
    assert call.tool.id.startswith("call_")
    assert (True, "tool_calls", None) == (last.done, last.finish_reason, last.error)
    assert last.usage is not None
    assert 1 == provider.opened


async def test_client_tools_reach_provider_unchanged(
    open_service: OpenService, provider: Provider
) -> None:
    """A client's tool reaches the provider as the client sent it, without added fields."""
    await open_service().ask(
        tools=[WEATHER, ClientTool("bare")], tool_choice="auto", parallel_tool_calls=False
    )
    body = provider.requests[0].body
    function = {"name": "weather", "description": "The weather of a city", "parameters": SCHEMA}
    assert [
        {"type": "function", "function": {"name": "bare"}},
        {"type": "function", "function": {**function, "strict": True}},
    ] == body["tools"]
    assert "auto" == body["tool_choice"]
    assert body["parallel_tool_calls"] is False


async def test_tool_choice_by_name_reaches_provider(
    open_service: OpenService, provider: Provider
) -> None:
    """A tool choice that names a tool reaches the provider unchanged."""
    choice = {"type": "function", "function": {"name": "weather"}}
    await open_service().ask(tools=[WEATHER], tool_choice=choice)
    assert choice == provider.requests[0].body["tool_choice"]


@pytest.mark.parametrize(("choice", "later"), [("required", None), ("none", "none")])
async def test_tool_choice_applies_to_first_request_only(
    open_service: OpenService, provider: Provider, choice: str, later: str | None
) -> None:
    """`required` applies to the first upstream request only; `none` applies to all."""
    provider.script(Reply(tool_calls=[("local_time", '{"zone": "CET"}')]))
    await open_service(tools=[local_time]).ask(tool_choice=choice)
    assert [choice, later] == [request.body.get("tool_choice") for request in provider.requests]


@pytest.mark.parametrize("model", [OPENAI, OLLAMA])
async def test_agent_tool_and_client_tool_in_one_answer(
    open_service: OpenService, provider: Provider, model: str
) -> None:
    """The agent's own tool runs on the server, and the client's is called beside it."""
    calls = [("local_time", '{"zone": "CET"}'), ("weather", '{"city": "Oslo"}')]
    provider.script(Reply(tool_calls=calls))
    chunks = await open_service(model, [local_time]).ask(tools=[WEATHER])
    tools = [chunk.tool for chunk in chunks if chunk.tool]
    assert ["started", "completed", "paused"] == [tool.status for tool in tools]
    assert "noon in CET" == tools[1].result
    assert {"city": "Oslo"} == tools[2].arguments
    assert "tool_calls" == chunks[-1].finish_reason


@pytest.mark.parametrize("model", [OPENAI, OLLAMA])
async def test_history_ending_with_tool_results_is_answered(
    open_service: OpenService, provider: Provider, model: str
) -> None:
    """The results of a client's tools are sent to the model with the messages before them."""
    history = [
        PastMessage("system", "Be brief."),
        PastMessage("user", "Oslo?", images=(Picture(content=PIXEL, mime_type="image/png"),)),
        PastMessage("assistant", "", calls=(ClientCall("call_1", "weather", '{"city":"Oslo"}'),)),
        PastMessage("tool", "Snow.", call_id="call_1", tool="weather"),
    ]
    chunks = await open_service(model).ask(None, history=history, tools=[WEATHER], kept=False)
    assert "stop" == chunks[-1].finish_reason
    sent = provider.requests[0].body["messages"]
    assert ["system", "user", "assistant", "tool"] == [message["role"] for message in sent]
    call = sent[2]["tool_calls"][0]["function"]
    if model == OPENAI:
        assert ("call_1", "call_1") == (sent[2]["tool_calls"][0]["id"], sent[3]["tool_call_id"])
        assert '{"city":"Oslo"}' == call["arguments"]
        assert "image_url" == sent[1]["content"][1]["type"]
    else:
        assert {"city": "Oslo"} == call["arguments"]
        assert 1 == len(sent[1]["images"])
    assert "Snow." == sent[3]["content"]


async def test_options_reach_openai(open_service: OpenService, provider: Provider) -> None:
    """Options reach OpenAI's protocol unchanged, without those that only Ollama has."""
    options: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.5,
        "stop": ["END"],
        "seed": 7,
        "presence_penalty": -0.5,
        "frequency_penalty": 1.5,
        "reasoning_effort": "low",
        "logit_bias": {"50256": -100},
        "user": "u1",
        "metadata": {"a": "b"},
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    await open_service().ask(
        options=ModelOptions(**options, top_k=5, num_ctx=10, max_tokens=9, extra={"mirostat": 2}),
        response_format=form,
    )
    body = provider.requests[0].body
    expected = {**options, "max_tokens": 9, "response_format": form}
    usual = {"model", "messages", "stream", "stream_options"}
    assert expected == {name: value for name, value in body.items() if name not in usual}


async def test_options_reach_ollama(open_service: OpenService, provider: Provider) -> None:
    """Options, format and thinking reach Ollama unchanged, under its own names."""
    options: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 5,
        "min_p": 0.1,
        "stop": ["END"],
        "seed": 7,
        "num_ctx": 4096,
        "repeat_penalty": 1.1,
        "presence_penalty": 0.5,
        "frequency_penalty": 1.5,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    await open_service(OLLAMA).ask(
        options=ModelOptions(**options, user="u", max_tokens=9, extra={"mirostat": 2}),
        response_format=form,
        think=True,
    )
    body = provider.requests[0].body
    assert {**options, "num_predict": 9, "mirostat": 2} == body["options"]
    assert SCHEMA == body["format"]
    assert body["think"] is True


@pytest.mark.parametrize(
    ("effort", "think"), [("high", "high"), ("none", False), ("minimal", False)]
)
async def test_reasoning_effort_sets_ollama_think(
    open_service: OpenService, provider: Provider, effort: str, think: bool | str
) -> None:
    """`reasoning_effort` sets Ollama's `think`."""
    options = ModelOptions(reasoning_effort=effort)
    await open_service(OLLAMA).ask(options=options, response_format={"type": "json_object"})
    assert think == provider.requests[0].body["think"]
    assert "json" == provider.requests[0].body["format"]


async def test_options_do_not_leak_into_next_run(
    open_service: OpenService, provider: Provider
) -> None:
    """Options, tools and system message of one question do not affect the next."""
    service = open_service()
    await service.ask(
        options=ModelOptions(temperature=1.0),
        tools=[WEATHER],
        tool_choice="required",
        system="Be brief.",
        response_format={"type": "json_object"},
    )
    await service.ask(kept=False)
    first, second = (set(request.body) for request in provider.requests)
    assert {"temperature", "tools", "tool_choice", "response_format"} == first - second
    assert [{"role": "user", "content": "Hello?"}] == provider.requests[1].body["messages"]


async def test_unkept_question_stores_nothing(
    open_service: OpenService, provider: Provider
) -> None:
    """A question with `kept=False` stores nothing, whether it completes, fails or calls a tool."""
    service = open_service()
    await service.ask(kept=False)
    provider.script(Reply(tool_calls=[("weather", "{}")]))
    await service.ask(kept=False, tools=[WEATHER])
    provider.script(SERVER_ERROR)
    with pytest.raises(ModelUnavailable):
        await service.ask(kept=False)
    assert 0 == (await service.conversations.list("p", limit=10, offset=0)).total


async def test_client_history_is_not_stored_again(open_service: OpenService) -> None:
    """Of a question with a client's history, only the new message is stored."""
    service = open_service()
    await service.ask("Q1")
    history = [PastMessage("user", "Q1"), PastMessage("assistant", "Hello from the provider.")]
    await service.ask("Q2", history=history)
    stored = await service.conversations.get("c", "p")
    assert ["Q1", "Q2"] == [m.content for m in stored.messages if m.role == "user"]


async def test_system_message_precedes_stored_history(
    open_service: OpenService, provider: Provider
) -> None:
    """A system message precedes the stored history, and applies to its own run only."""
    service = open_service()
    await service.ask("Q1", system="Rhyme.")
    await service.ask("Q2", system="Be brief.")
    await service.ask("Q3")
    first, second, third = (
        [(m["role"], m["content"]) for m in request.body["messages"]]
        for request in provider.requests
    )
    assert [("system", "Rhyme."), ("user", "Q1")] == first
    assert [("system", "Be brief."), ("user", "Q1")] == second[:2]
    assert ["user", "assistant", "user", "assistant", "user"] == [role for role, _ in third]
