"""Responses of a process that is killed: they are followed, and end, at another one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai import APIError, AsyncOpenAI

from tests.provider import Provider
from tests.survival.parts import JOURNALS, counted, paced
from tests.survival.teams import TEAMS

Event = dict[str, Any]


@pytest.mark.parametrize("journal", sorted(JOURNALS))
async def test_a_response_outlives_its_process(
    request: pytest.FixtureRequest, tmp_path: Path, provider: Provider, journal: str
) -> None:
    """A stream goes on at another process with the next event, while its own lives and after."""
    provider.default = paced(12)
    shared = JOURNALS[journal](request)
    async with TEAMS["hosts"](tmp_path, provider, 2, **shared) as team:
        urls = [str((await team.at(n)).base_url) for n in (0, 1)]
        clients = [AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) for url in urls]
        async with clients[0] as here, clients[1] as there:
            events: list[Event] = []
            reading = asyncio.create_task(read(here, events))
            await until(events, 20)
            reading.cancel()
            name = events[0]["response"]["id"]
            following = asyncio.create_task(follow(there, name, events))
            await until(events, 60)
            team.kill(0)
            await asyncio.wait_for(following, 40)
            stored = await there.responses.retrieve(name)
    assert list(range(len(events))) == [event["sequence_number"] for event in events]
    assert "response.failed" == events[-1]["type"]
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert counted(300).startswith(text)
    assert ("failed", "interrupted") == (
        stored.status,
        stored.error.type if stored.error else None,
    )
    assert text == stored.output_text


async def read(client: AsyncOpenAI, events: list[Event]) -> None:
    create = client.responses.create
    async with await create(model="general", input="?", stream=True, background=True) as stream:
        async for event in stream:
            events.append(event.to_dict())


async def follow(client: AsyncOpenAI, name: str, events: list[Event]) -> None:
    """Come back after the last event until the response has ended."""
    while events[-1]["type"] not in ("response.completed", "response.failed"):
        after = events[-1]["sequence_number"]
        try:
            async with await client.responses.retrieve(
                name, stream=True, starting_after=after
            ) as stream:
                async for event in stream:
                    events.append(event.to_dict())
        except APIError:
            await asyncio.sleep(0.1)


async def until(events: list[Event], count: int) -> None:
    async with asyncio.timeout(30):
        while len(events) < count:  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.01)
