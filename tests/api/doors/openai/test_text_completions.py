"""`/v1/completions`, driven by OpenAI's own client as it is."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import RATE_LIMITED, Reply
from tests.server import Server

MODEL = "test-model"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="none", timeout=30, max_retries=0
    ) as client:
        yield client


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("prompt", ["Hello?", ["Hello?"]])
async def test_a_text(
    client: AsyncOpenAI, provider: Provider, prompt: str | list[str], echo: bool
) -> None:
    """A prompt is answered with a text, whole and in pieces that make the same."""
    provider.script(*[Reply("Hi 🙂\r\n\u2028there", reasoning="Hm.", finish_reason="length")] * 2)
    expected = ("Hello?" if echo else "") + "Hi 🙂\r\n\u2028there"
    whole = await client.completions.create(model=MODEL, prompt=prompt, echo=echo, max_tokens=7)
    assert ("text_completion", expected, "length") == (
        whole.object,
        whole.choices[0].text,
        whole.choices[0].finish_reason,
    )
    assert whole.usage is not None
    text, reasons, usage = "", [], None
    async for piece in await client.completions.create(
        model=MODEL,
        prompt=prompt,
        echo=echo,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = piece.usage or usage
        for choice in piece.choices:
            text += choice.text
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert (expected, ["length"], whole.usage) == (text, reasons, usage)
    messages = provider.requests[0].body["messages"]
    assert ["Hello?"] == [message["content"] for message in messages]


async def test_failures(client: AsyncOpenAI, provider: Provider) -> None:
    """A failure has the SDK's class before the first text, and is raised after it, too."""
    provider.script(*[RATE_LIMITED] * 3)
    with pytest.raises(openai.RateLimitError):
        await client.completions.create(model=MODEL, prompt="?")
    provider.script(Reply("Hello you", cut_after=1))
    pieces: list[str] = []
    with pytest.raises(openai.APIError):
        await collect(client, pieces)
    assert "Hello " == "".join(pieces)


async def collect(client: AsyncOpenAI, pieces: list[str]) -> None:
    async for piece in await client.completions.create(model=MODEL, prompt="?", stream=True):
        pieces.append(piece.choices[0].text)


async def test_the_agents_tools(serve: Serve) -> None:
    """An agent's own tool runs on the server, and the answer is text alone."""
    url = serve(model="demo").url
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        answer = await client.completions.create(model="general", prompt="What time is it?")
    assert "The tool `current_time` answered" in answer.choices[0].text


INVALID: list[dict[str, Any]] = [
    {},
    {"prompt": ""},
    {"prompt": []},
    {"prompt": ["a", "b"]},
    {"prompt": [1, 2]},
    {"prompt": "a", "n": 2},
    {"prompt": "a", "suffix": "b"},
]


@pytest.mark.parametrize("fields", INVALID, ids=str)
async def test_what_is_refused(http: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    """What cannot be done is refused, in OpenAI's shape."""
    reply = await http.post("/v1/completions", json={"model": MODEL, **fields})
    assert 400 == reply.status_code
    assert {"message", "type", "param", "code"} == set(reply.json()["error"])
