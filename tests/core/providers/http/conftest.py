"""Fixtures: tests that leave nothing behind, and clients whose responses are read."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from openai import DefaultAioHttpClient

from app.core.providers.http import transport
from tests.upstream import ByteServer


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """What is loaded before these tests is not looked through for each of them."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def quiet() -> AsyncIterator[None]:
    """Nothing that fails behind the back of a test is left unread."""
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    yield
    gc.collect()
    await asyncio.sleep(0)
    assert not failed


@pytest.fixture(
    params=[httpx.AsyncClient, httpx2.AsyncClient, DefaultAioHttpClient],
    ids=["httpx", "httpx2", "aiohttp"],
)
async def client(request: Any, upstream: ByteServer) -> AsyncIterator[Any]:
    """A hooked client of each of the two packages, and the one of OpenAI's SDK over aiohttp."""
    async with request.param(base_url=upstream.url, timeout=20) as made:
        transport.hook(made)
        yield made
