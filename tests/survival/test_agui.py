"""A run of the AG-UI door whose process is killed: its stream goes on, and ends, at another one."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from httpx_sse import EventSource

from tests.api.doors.agui.oracles import Event, body, check, text_of
from tests.provider import Provider
from tests.survival.parts import JOURNALS, counted, paced
from tests.survival.teams import TEAMS


async def test_a_run_outlives_its_process(
    request: pytest.FixtureRequest, tmp_path: Path, provider: Provider
) -> None:
    """The same request, sent to another process with the last event's id, gets the next event,
    while the first process lives and after; the end is one error, with a 0 in its id."""
    provider.default = paced(12)
    seen: list[tuple[str, Event]] = []
    async with TEAMS["hosts"](tmp_path, provider, 2, **JOURNALS["redis"](request)) as team:
        here, there = await team.at(0), await team.at(1)
        await read(here, seen, 20)
        await read(there, seen, 40)
        following = asyncio.create_task(follow(there, seen))
        async with asyncio.timeout(40):
            while len(seen) < 60:  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.01)
            team.kill(0)
            await following
        names, events = [name for name, _ in seen], [event for _, event in seen]
        rest = await there.get("/agui", headers={"Last-Event-ID": names[-1]})
    run_id = names[0].partition(":")[0]
    last = names.pop()
    assert [f"{run_id}:{number}" for number in range(1, len(names) + 1)] == names
    assert f"{run_id}:0{len(names) + 1}" == last
    check(events)
    assert ("RUN_ERROR", "interrupted") == (events[-1]["type"], events[-1]["code"])
    assert counted(300).startswith(text_of(events))
    assert 204 == rest.status_code


async def read(http: httpx.AsyncClient, seen: list[tuple[str, Event]], count: int) -> None:
    """Send the request, with the last id that was seen, and read until there are `count` events."""
    headers = {"Last-Event-ID": seen[-1][0]} if seen else {}
    async with http.stream("POST", "/agui", json=body("?"), headers=headers) as response:
        async for frame in EventSource(response).aiter_sse():
            seen.append((frame.id, json.loads(frame.data)))
            if len(seen) == count:
                return


async def follow(http: httpx.AsyncClient, seen: list[tuple[str, Event]]) -> None:
    """Come back after the last event until the run has ended."""
    while not seen[-1][1]["type"].startswith("RUN_E"):
        try:
            await read(http, seen, 0)
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
