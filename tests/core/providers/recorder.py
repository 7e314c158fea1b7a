"""A provider of all protocols that keeps the bodies of its requests, and its stock models."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import groq
import httpx
import httpx2
import ollama
import openai
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.deepseek import DeepSeek
from agno.models.google import Gemini
from agno.models.groq import Groq
from agno.models.mistral import MistralChat
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.openrouter import OpenRouter
from agno.models.perplexity import Perplexity
from aiohttp import web
from anthropic import AsyncAnthropic
from google import genai
from google.genai.types import HttpOptions
from mistralai.client import Mistral

from tests.core.providers.wire.streams import (
    candidates,
    lines,
    message_end,
    message_start,
    response_end,
    response_words,
    text_block,
    words,
)

STREAMS = {
    "/chat/completions": words(),
    "/responses": response_words() + response_end(),
    "/messages": message_start() + text_block() + message_end(),
    "/api/chat": lines(),
    ":streamGenerateContent": candidates(),
}


class Recorder:
    """Where the server is, and what it got."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        body = next(body for end, body in STREAMS.items() if request.path.endswith(end))
        kind = "application/x-ndjson" if request.path == "/api/chat" else "text/event-stream"
        return web.Response(body=body, content_type=kind)


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{path:.*}", recorder.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    recorder.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield recorder
    await runner.cleanup()


Make = Callable[[str, httpx.AsyncClient, httpx2.AsyncClient], Model]


def _openai(family: type[Any]) -> Make:
    def make(url: str, old: httpx.AsyncClient, new: httpx2.AsyncClient) -> Model:
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", http_client=new)
        model: Model = family(id="m", api_key="sk-test", async_client=client)
        return model

    return make


MODELS: dict[str, Make] = {
    "OpenAIChat": _openai(OpenAIChat),
    "OpenRouter": _openai(OpenRouter),
    "Perplexity": _openai(Perplexity),
    "DeepSeek": _openai(DeepSeek),
    "OpenAIResponses": _openai(OpenAIResponses),
    "Groq": lambda url, old, new: Groq(
        id="m", async_client=groq.AsyncGroq(base_url=url, api_key="sk-test", http_client=old)
    ),
    "MistralChat": lambda url, old, new: MistralChat(
        id="m", mistral_client=Mistral(server_url=url, api_key="sk-test", async_client=new)
    ),
    "Claude": lambda url, old, new: Claude(
        id="claude-sonnet-4-6",
        async_client=AsyncAnthropic(base_url=url, api_key="sk-test", http_client=new),
    ),
    "old Claude": lambda url, old, new: Claude(
        id="claude-3-haiku-20240307",
        async_client=AsyncAnthropic(base_url=url, api_key="sk-test", http_client=new),
    ),
    "Ollama": lambda url, old, new: Ollama(
        id="m", async_client=ollama.AsyncClient(host=url, transport=httpx.AsyncHTTPTransport())
    ),
    "Gemini": lambda url, old, new: Gemini(
        id="gemini-2.5-flash",
        client=genai.Client(
            api_key="sk-test", http_options=HttpOptions(base_url=url, httpx_async_client=old)
        ),
    ),
}


@asynccontextmanager
async def stock_model(name: str, url: str) -> AsyncIterator[Model]:
    """A model of one of Agno's classes, whose client is closed at the end."""
    async with httpx.AsyncClient() as old, httpx2.AsyncClient() as new:
        model = MODELS[name](url, old, new)
        yield model
        if isinstance(model, Ollama) and model.async_client is not None:
            await model.async_client.close()  # type: ignore[no-untyped-call]
