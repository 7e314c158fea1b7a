"""Models of each class are hooked at the HTTP client under their SDK."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import httpx2
import pytest
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.google import Gemini
from agno.models.groq import Groq
from agno.models.mistral import MistralChat
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.openai.like import OpenAILike
from agno.models.openrouter import OpenRouter
from agno.models.perplexity import Perplexity
from openai import AsyncOpenAI

from app.core.providers.demo import DemoModel
from app.core.providers.http import clients, transport

#: Each class as its users make it: with a key, and nothing of ours.
MODELS: dict[str, Callable[[], Model]] = {
    made.__name__: made
    for made in (
        *(OpenAIChat, OpenAIResponses, OpenRouter, OpenAILike, Perplexity),
        *(Claude, Groq, MistralChat, Gemini),
    )
}


def client_of(model: Any) -> Any:
    return clients._http_client(clients._sdk_client(model))


@pytest.fixture
async def made(request: Any) -> AsyncIterator[Any]:
    model: Any = MODELS[request.param](id="m", api_key="sk-test")  # type: ignore[call-arg]
    yield model
    await client_of(model).aclose()


@pytest.mark.parametrize("made", MODELS, indirect=True)
async def test_a_model_is_not_hooked(made: Any) -> None:
    """The HTTP client of a model is found and hooked, once, however often a run begins."""
    assert clients.attach(made)
    assert clients.attach(made)
    client = client_of(made)
    assert isinstance(client, httpx.AsyncClient | httpx2.AsyncClient)
    assert [transport._on_request] == client.event_hooks["request"]
    assert 1 == client.event_hooks["response"].count(transport._on_response)


@pytest.mark.parametrize("made", MODELS, indirect=True)
async def test_each_run_has_a_client_of_its_own(made: Any) -> None:
    """All runs of a model share its connections."""
    clients.attach(made)
    first = client_of(made)
    clients.attach(made)
    assert first is client_of(made)


async def test_ollama_is_not_hooked() -> None:
    """Ollama's client, which takes a host and no key, is hooked."""
    model = Ollama(id="m", host="http://127.0.0.1:9")
    assert clients.attach(model)
    assert [transport._on_request] == client_of(model).event_hooks["request"]
    await client_of(model).aclose()


async def test_the_client_of_a_user_is_replaced() -> None:
    """A client that the user of a model has made stays, with hooks of his own."""

    async def his(request: Any) -> None:
        """What the user does with each request."""

    async with httpx2.AsyncClient(event_hooks={"request": [his]}) as http:
        sdk = AsyncOpenAI(api_key="sk-test", http_client=http)
        model = OpenAIChat(id="m", async_client=sdk)
        assert clients.attach(model)
        assert (sdk, http) == (model.async_client, client_of(model))
        assert [his, transport._on_request] == http.event_hooks["request"]


@pytest.mark.parametrize("kind", [OpenAIChat, OpenAIResponses])
async def test_the_parameters_of_a_user_are_replaced(kind: Any) -> None:
    """What a user gives OpenAI's SDK stays: an HTTP client, and the parameters themselves."""
    async with httpx2.AsyncClient() as http:
        for params in (None, {"timeout": 9.0}, {"http_client": http}):
            model = kind(id="m", api_key="sk-test", client_params=params)
            assert clients.attach(model)
            assert params == model.client_params
            assert ("http_client" in (params or {})) == (client_of(model) is http)
            await client_of(model).aclose()


async def test_a_client_of_httpx_is_replaced() -> None:
    """So does the HTTP client that an SDK takes from its model."""
    async with httpx.AsyncClient() as http:
        model = Groq(id="m", api_key="sk-test", http_client=http)
        assert clients.attach(model)
        assert http is client_of(model)


async def test_googles_options_are_written_over() -> None:
    """Options that a user gives Google's SDK stay."""
    async with httpx.AsyncClient() as http:
        params = {"http_options": {"httpx_async_client": http}}
        model = Gemini(id="m", api_key="sk-test", client_params=params)
        assert clients.attach(model)
        assert http is client_of(model)


def test_a_model_without_http_is_hooked() -> None:
    """A model that talks in another way is left as it is, and that is told."""
    assert not clients.attach(DemoModel())
