"""OpenAI's Agents SDK, as it is, with an agent of this server as its model."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import (
    Agent,
    HostedMCPTool,
    ModelSettings,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
)
from agno.agent import Agent as AgnoAgent
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent

from tests.applications.tools import shout
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply

QUIET = RunConfig(tracing_disabled=True)


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"Snow in {city}"


@pytest.fixture
async def model(serve: Serve) -> AsyncIterator[OpenAIResponsesModel]:
    url = serve(agents=[AgnoAgent(id="general", tools=[shout])]).url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield OpenAIResponsesModel(model="general", openai_client=client)


@pytest.mark.parametrize("chained", [True, False])
async def test_its_own_tools(
    model: OpenAIResponsesModel, provider: Provider, chained: bool
) -> None:
    """The SDK runs its tool and goes on, with the whole history or by the last response's id."""
    provider.script(Reply(tool_calls=[("weather", '{"city": "Zürich"}')]), Reply("It snows."))
    agent = Agent(name="a", instructions="Be brief.", model=model, tools=[weather])
    result = await Runner.run(
        agent, "The weather?", run_config=QUIET, auto_previous_response_id=chained
    )
    assert "It snows." == result.final_output
    tool = [m for m in provider.requests[-1].body["messages"] if m["role"] == "tool"]
    assert ["Snow in Zürich"] == [message["content"] for message in tool]


async def test_streaming(model: OpenAIResponsesModel, provider: Provider) -> None:
    """A streamed run has the text, piece by piece, and goes on after a tool."""
    provider.script(
        Reply("Wait. ", reasoning="Hm.", tool_calls=[("weather", '{"city": "Bern"}')]),
        Reply("It snows."),
    )
    agent = Agent(name="a", model=model, tools=[weather])
    result = Runner.run_streamed(agent, "The weather?", run_config=QUIET)
    text = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            text += event.data.delta
    assert "Wait. It snows." == text
    assert "It snows." == result.final_output


async def test_tools_of_the_server(model: OpenAIResponsesModel, provider: Provider) -> None:
    """The tools of the server's agent are hosted tools to the SDK, which does not run them."""
    provider.script(Reply(tool_calls=[("shout", '{"text": "hi"}')]), Reply("It said HI."))
    hosted: Any = {
        "type": "mcp",
        "server_label": "agno-stream",
        "server_url": "https://agent.invalid",
        "require_approval": "never",
    }
    agent = Agent(
        name="a",
        model=model,
        tools=[HostedMCPTool(tool_config=hosted)],
        model_settings=ModelSettings(temperature=0.5),
    )
    result = await Runner.run(agent, "Shout hi", run_config=QUIET)
    assert "It said HI." == result.final_output
    assert 0.5 == provider.requests[-1].body["temperature"]
