"""httpx over aiohttp: what httpx's users see is as it was."""

import asyncio

import httpx
import pytest
from agno.models.message import Message
from agno.models.ollama import Ollama
from openai import DefaultAioHttpClient

from app.core.providers.bridge import Bridge
from app.core.providers.tracked import TrackedModel
from tests.core.providers.recorder import recording


def _client(timeout: float = 5) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Bridge(DefaultAioHttpClient()), timeout=timeout)


async def test_a_request_is_changed() -> None:
    """Method, path, headers and body arrive as they were sent."""
    async with recording() as recorder, _client() as client:
        response = await client.post(f"{recorder.url}/api/chat", json={"model": "ü"})
    assert b'{"model":"\xc3\xbc"}' == recorder.bodies[0]
    assert (200, "application/x-ndjson") == (
        response.status_code,
        response.headers["content-type"].partition(";")[0],
    )


async def test_a_server_is_not_there() -> None:
    """A connection that is refused is httpx's error of this name."""
    async with _client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:9")


async def test_a_server_is_silent() -> None:
    """httpx's own timeouts hold."""

    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with _client(timeout=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"http://127.0.0.1:{port}")
    await left.wait()
    server.close()


async def test_a_model_keeps_its_settings() -> None:
    """An Ollama model without a client reads through aiohttp, and its settings are as before."""
    async with recording() as recorder:
        model = Ollama(id="m", host=recorder.url, client_params={"timeout": 5})
        texts: list[str | None] = []
        tracked = TrackedModel(model, sink=lambda text, _: texts.append(text))
        message, answer = Message(role="user", content="x"), Message(role="assistant")
        async for _ in tracked.model.ainvoke_stream([message], assistant_message=answer):
            pass
        assert "one two three" == "".join(filter(None, texts))
        assert {"timeout": 5} == model.client_params
        client = model.async_client
        assert client is not None
        await client.close()  # type: ignore[no-untyped-call]
