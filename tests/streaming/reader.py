"""Reads streams as any client would: with httpx, and httpx-sse as the oracle for SSE."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent

CHAT = "/api/v1/chat"
Chunk = dict[str, Any]


@asynccontextmanager
async def ask(
    http: httpx.AsyncClient, message: str = "Hello?", **fields: Any
) -> AsyncIterator[EventSource]:
    """An open SSE answer to a message."""
    async with http.stream("POST", CHAT, json={"message": message, **fields}) as response:
        if response.status_code != 200:
            await response.aread()
        yield EventSource(response)


async def answer(http: httpx.AsyncClient, message: str = "Hello?", **fields: Any) -> list[Chunk]:
    """All chunks of an SSE answer."""
    async with ask(http, message, **fields) as source:
        return [chunk async for chunk in chunks(source)]


async def chunks(source: EventSource) -> AsyncIterator[Chunk]:
    async for event in source.aiter_sse():
        yield json.loads(event.data)


async def take(source: EventSource, count: int) -> list[ServerSentEvent]:
    """The first `count` events; the caller then disconnects."""
    taken: list[ServerSentEvent] = []
    async for event in source.aiter_sse():
        taken.append(event)
        if len(taken) == count:
            break
    return taken


async def resume(http: httpx.AsyncClient, last_event_id: str) -> list[ServerSentEvent]:
    """The events that an `EventSource` receives when it reconnects after that event."""
    headers = {"Last-Event-ID": last_event_id, "Accept": "text/event-stream"}
    async with http.stream("GET", CHAT, params={"message": "Hello?"}, headers=headers) as response:
        return [event async for event in EventSource(response).aiter_sse()]


def text(of: list[Chunk]) -> str:
    return "".join(chunk["content"] for chunk in of)


def joined_text(of: list[ServerSentEvent]) -> str:
    return text([json.loads(event.data) for event in of])


async def state_of(http: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    reply = await http.get(f"/api/v1/runs/{run_id}")
    assert 200 == reply.status_code, reply.text
    state: dict[str, Any] = reply.json()
    return state


async def ended(http: httpx.AsyncClient, run_id: str, seconds: float = 20) -> dict[str, Any]:
    """The state of a run that ends within the time, without being one of its readers."""
    async with asyncio.timeout(seconds):
        while (state := await state_of(http, run_id))["status"] in ("queued", "running"):  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.01)
    return state


async def wait_for_text(http: httpx.AsyncClient, content: str) -> None:
    """Wait until an active run has this content: what a provider sent may not be read yet."""
    async with asyncio.timeout(20):
        while content not in [run["content"] for run in await _live(http)]:  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.01)


async def _live(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    runs = (await http.get("/api/v1/runs")).json()["runs"]
    return [await state_of(http, run["run_id"]) for run in runs]
