"""SIGKILL with ON_CRASH=continue, as readers of each door see it at another process."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import EventSource

from tests.streaming.reader import ended
from tests.survival.jobs import StallingJob, whole
from tests.survival.parts import until
from tests.survival.teams import hosts
from tests.survival.test_recovery import settings

#: Where a run is read, with its id, and in which format.
DOORS = {
    "sse": ("/api/v1/runs/{}/events", "text/event-stream"),
    "ndjson": ("/api/v1/runs/{}/events", "application/x-ndjson"),
    "durable": ("/api/v1/runs/{}/stream?offset=-1&live=sse", "*/*"),
    "text": ("/api/v1/runs/{}/events", "text/plain"),
    "ag-ui": ("/agui?runId={}", "text/event-stream"),
    "responses": ("/v1/responses/resp_{}?stream=true", "text/event-stream"),
}

#: Those that take back what is void.
TAKE_BACK = ("sse", "ndjson", "durable")


class Reading:
    """What a reader of one door has: its text, how often that was cut, and how it ended."""

    def __init__(self) -> None:
        self.text = ""
        self.cuts = 0
        self.end = ""

    async def read(self, http: httpx.AsyncClient, door: str, run_id: str) -> "Reading":
        path, accept = DOORS[door]
        request = http.stream("GET", path.format(run_id), headers={"Accept": accept})
        async with request as response:
            assert 200 == response.status_code, (door, await response.aread())
            try:
                async for item in _items(response, door):
                    self._take(item)
            except httpx.RemoteProtocolError:  # that is how plain text reports a failure
                self.end = "broken off"
        return self

    def _take(self, item: Any) -> None:
        if isinstance(item, str):
            self.text += item
        elif isinstance(item, list):
            for chunk in item:
                self._take(chunk)
        elif "done" in item:
            if "recovered" in item:
                self.text, self.cuts = self.text[: item["recovered"]["length"]], self.cuts + 1
            self.text += item["content"]
            self.end = item.get("finish_reason", "")
        elif item.get("type") in ("TEXT_MESSAGE_CONTENT", "response.output_text.delta"):
            self.text += item["delta"]
        elif item.get("type") in ("RUN_FINISHED", "response.completed"):
            self.end = "stop"
        elif item.get("type") == "RUN_ERROR":
            self.end = item["code"]
        elif item.get("type") == "response.failed":
            self.end = item["response"]["error"]["code"]


async def _items(response: httpx.Response, door: str) -> AsyncIterator[Any]:
    """The chunks, events or texts of a stream."""
    if door == "text":
        async for text in response.aiter_text():
            yield text
    elif door == "ndjson":
        async for line in response.aiter_lines():
            yield json.loads(line)
    else:
        async for event in EventSource(response).aiter_sse():
            if event.data != "[DONE]" and event.event != "control":
                yield json.loads(event.data)


async def test_readers_of_each_door(tmp_path: Path) -> None:
    """A reader that has got void text takes it back where its protocol can, and ends up with the
    answer; else it gets the end of an interrupted run. Who comes later gets the answer alone."""
    provider = StallingJob(steps=0, at=0, runs=2)
    with provider:
        async with hosts(tmp_path, provider, 2, **settings(tmp_path, {})) as team:
            here, there = await team.at(0), await team.at(1)
            body = {"message": "Work.", "background": True}
            run_id = (await here.post("/api/v1/chat", json=body)).json()["run_id"]
            asked = {"model": "clerk", "input": "Work.", "background": True}
            other = (await here.post("/v1/responses", json=asked)).json()["id"]
            ids = dict.fromkeys(DOORS, run_id) | {"responses": other.removeprefix("resp_")}
            seen = {door: Reading() for door in DOORS}
            reading = [
                asyncio.create_task(seen[door].read(there, door, ids[door])) for door in DOORS
            ]
            await until(lambda: all(found.text for found in seen.values()))
            assert not any(found.end for found in seen.values())
            team.kill(0)
            await asyncio.gather(*reading)
            late = {door: await Reading().read(there, door, ids[door]) for door in DOORS}
            states = [await ended(there, name) for name in set(ids.values())]
    assert [(whole(0), "stop")] * 2 == [(s["content"], s["finish_reason"]) for s in states]
    for door in DOORS:
        found = seen[door]
        if door in TAKE_BACK:
            assert (whole(0), 1, "stop") == (found.text, found.cuts, found.end), door
        else:
            assert found.end in ("interrupted", "server_error", "broken off"), door
            assert whole(0).startswith(found.text), door
        assert whole(0) == late[door].text, door
        assert late[door].end == ("" if door == "text" else "stop"), door
