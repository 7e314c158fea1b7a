"""Embeddings on the doors of OpenAI's and of Ollama's protocol, driven by their own clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import ollama
import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from app.core.errors import ConfigurationError
from tests.conftest import Serve

TEXTS = ["Hello?", "Grüezi 🙂"]
SPEC = "openai:vectors"


def vector(text: str, dimensions: int = 3) -> list[float]:
    """Numbers that 32 bits hold exactly."""
    return [len(text) / 4 + n for n in range(dimensions)]


@asynccontextmanager
async def upstream() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A provider of vectors in OpenAI's protocol: its base URL, and the bodies that it got."""
    bodies: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        bodies.append(body)
        if body["input"] == ["refused"]:
            return web.json_response({"error": {"message": "Bad."}}, status=400)
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": vector(text, body.get("dimensions", 3)),
            }
            for index, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        found = {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}
        return web.json_response(found)

    app = web.Application()
    app.router.add_post("/v1/embeddings", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", bodies
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(serve: Serve, **settings: Any) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a server in front of such a provider, and what the provider got."""
    async with upstream() as (url, bodies):
        settings = {"embeddings": SPEC, "openai_base_url": f"{url}/v1", **settings}
        yield serve(ollama_host=url, **settings).url, bodies


@pytest.mark.parametrize("form", ["float", "base64", None])
async def test_openai_clients(serve: Serve, form: Any) -> None:
    """One text or many, as numbers or packed; the SDK asks for packed ones by itself."""
    async with (
        serving(serve) as (url, bodies),
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
    ):
        create = client.embeddings.create
        further: dict[str, Any] = {} if form is None else {"encoding_format": form}
        many = await create(model="vectors", input=TEXTS, dimensions=2, **further)
        one = await create(model=SPEC, input=TEXTS[0])
    if form != "base64":
        assert [vector(text, 2) for text in TEXTS] == [item.embedding for item in many.data]
    assert ([0, 1], 7) == ([item.index for item in many.data], many.usage.prompt_tokens)
    assert vector(TEXTS[0]) == one.data[0].embedding
    assert ("vectors", TEXTS, 2) == (
        bodies[0]["model"],
        bodies[0]["input"],
        bodies[0]["dimensions"],
    )


@pytest.mark.parametrize("spec", [SPEC, "ollama:vectors"])
async def test_ollama_clients(serve: Serve, spec: str) -> None:
    """The new route and the old one; an empty text only loads the model."""
    async with serving(serve, embeddings=spec) as (url, bodies), ollama.AsyncClient(url) as client:
        many = await client.embed("vectors", TEXTS)
        one = await client.embed("vectors:latest", TEXTS[0])
        old = await client.embeddings("vectors", TEXTS[0])
        empty = await client.embed("vectors", "")
    assert [vector(text) for text in TEXTS] == [list(found) for found in many.embeddings]
    assert 7 == many.prompt_eval_count
    assert [vector(TEXTS[0])] == [list(found) for found in one.embeddings]
    assert vector(TEXTS[0]) == list(old.embedding)
    assert [] == list(empty.embeddings)
    assert 3 == len(bodies)


async def test_a_server_without_a_model(http: httpx.AsyncClient) -> None:
    """Without EMBEDDINGS the routes say what to set, whatever they are sent."""
    for path in ("/v1/embeddings", "/api/embed", "/api/embeddings"):
        reply = await http.post(path, json={})
        assert 501 == reply.status_code
        assert "EMBEDDINGS" in reply.text


async def test_refusals(serve: Serve) -> None:
    """A wrong name, an empty text and a refusal of the provider have OpenAI's classes."""
    async with (
        serving(serve, rate_limit="3 requests/minute") as (url, _),
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        create = client.embeddings.create
        for fields, error in (
            ({"model": "other", "input": "a"}, openai.NotFoundError),
            ({"model": "vectors", "input": " "}, openai.BadRequestError),
            ({"model": "vectors", "input": [[1, 2]]}, openai.BadRequestError),
            ({"model": "vectors", "input": "refused"}, openai.BadRequestError),
        ):
            with pytest.raises(error):
                await create(**fields)
        for _ in range(2):
            await create(model="vectors", input="a")
        with pytest.raises(openai.RateLimitError):
            await create(model="vectors", input="a")


@pytest.mark.parametrize("spec", ["cohere:x", "openai:", "vectors"])
def test_a_model_that_cannot_be_used(serve: Serve, spec: str) -> None:
    """A setting that names no usable model stops the server when it starts."""
    with pytest.raises(ConfigurationError, match="EMBEDDINGS"):
        serve(embeddings=spec)
