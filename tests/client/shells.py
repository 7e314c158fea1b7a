"""One interface to both shells, so that each test runs with both."""

import asyncio
from contextlib import aclosing
from typing import Any

from agno_stream import AsyncClient, Client, Config, ModelResponse, StreamChunk


class Sync:
    """Runs the sync client in a thread."""

    async def stream(
        self, config: Config, prompt: str, *, on_exchange: Any = None, **options: Any
    ) -> list[StreamChunk]:
        def work() -> list[StreamChunk]:
            with Client(config, on_exchange=on_exchange) as client:
                return list(client.generate_stream(prompt, **options))

        return await asyncio.to_thread(work)

    async def resume(self, config: Config, run_id: str, **options: Any) -> list[StreamChunk]:
        def work() -> list[StreamChunk]:
            with Client(config) as client:
                return list(client.resume(run_id, **options))

        return await asyncio.to_thread(work)

    async def call(self, config: Config, name: str, *arguments: Any, **options: Any) -> Any:
        def work() -> Any:
            with Client(config) as client:
                return getattr(client, name)(*arguments, **options)

        return await asyncio.to_thread(work)

    async def turns(self, config: Config, *prompts: str) -> list[ModelResponse]:
        def work() -> list[ModelResponse]:
            with Client(config) as client:
                chat = client.chat()
                return [chat.generate(prompt) for prompt in prompts]

        return await asyncio.to_thread(work)


class Async:
    """Runs the async client in the test's own loop."""

    async def stream(
        self, config: Config, prompt: str, *, on_exchange: Any = None, **options: Any
    ) -> list[StreamChunk]:
        async with (
            AsyncClient(config, on_exchange=on_exchange) as client,
            aclosing(client.generate_stream(prompt, **options)) as chunks,
        ):
            return [chunk async for chunk in chunks]

    async def resume(self, config: Config, run_id: str, **options: Any) -> list[StreamChunk]:
        async with (
            AsyncClient(config) as client,
            aclosing(client.resume(run_id, **options)) as chunks,
        ):
            return [chunk async for chunk in chunks]

    async def call(self, config: Config, name: str, *arguments: Any, **options: Any) -> Any:
        async with AsyncClient(config) as client:
            return await getattr(client, name)(*arguments, **options)

    async def turns(self, config: Config, *prompts: str) -> list[ModelResponse]:
        async with AsyncClient(config) as client:
            chat = client.chat()
            return [await chat.generate(prompt) for prompt in prompts]


Shell = Sync | Async
SHELLS = (Sync(), Async())
