"""A name means the same agent or model on the doors of OpenAI's protocols and of Ollama's."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat

from tests.conftest import Serve
from tests.provider import Provider

MESSAGES = [{"role": "user", "content": "Hello?"}]
KEY = "sk-test-of-the-suite-0123456789"


async def openai_status(http: httpx.AsyncClient, name: str) -> list[int]:
    body = {"model": name, "messages": MESSAGES}
    answer = await http.post("/v1/chat/completions", json=body)
    described = await http.get(f"/v1/models/{name}")
    return [answer.status_code, described.status_code]


async def ollama_status(http: httpx.AsyncClient, name: str) -> list[int]:
    body = {"model": name, "messages": MESSAGES, "stream": False}
    answer = await http.post("/api/chat", json=body)
    described = await http.post("/api/show", json={"model": name})
    return [answer.status_code, described.status_code]


async def responses_status(http: httpx.AsyncClient, name: str) -> list[int]:
    answer = await http.post("/v1/responses", json={"model": name, "input": "Hello?"})
    return [answer.status_code] * 2


DOORS = [openai_status, responses_status, ollama_status]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("cook", "own-model"),
        ("own-model", "own-model"),
        ("test-model", "test-model"),
        ("openai:test-model", "test-model"),
        ("none", None),
    ],
)
async def test_both_doors_resolve_a_name_to_the_same_model(
    serve: Serve,
    provider: Provider,
    door: Callable[[httpx.AsyncClient, str], Awaitable[list[int]]],
    name: str,
    model: str | None,
) -> None:
    """Agents, listed models and the default agent's own model can be named on every door."""
    own = OpenAIChat(id="own-model", base_url=provider.url, api_key=KEY)
    server = serve(agents=[Agent(id="cook", model=own)])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        statuses = await door(http, name)
    assert [200, 200] == statuses if model else [404, 404] == statuses
    assert ([model] if model else []) == [request.body["model"] for request in provider.requests]
