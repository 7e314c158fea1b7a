"""Fixtures: tests that leave nothing behind."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest


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
