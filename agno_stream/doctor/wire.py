"""Requests to the examined server: responses with their times, and streams as they arrive."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx2

from agno_stream.doctor.errors import CheckFailed, UnexpectedStatus
from agno_stream.doctor.findings import Plan
from agno_stream.doctor.proxies import UNKNOWN, Proxy
from agno_stream.doctor.timeline import Timeline
from agno_stream.requests import CHAT, SSE, run_path

POLL_INTERVAL = 0.2  # seconds between two requests for the state of a run

#: Names and values of headers, or of a query.
Fields = Mapping[str, Any]
NO_FIELDS: Fields = MappingProxyType({})


@dataclass(slots=True)
class Reply:
    """A response: `seconds` is the time from the request to the last byte, `at` the Unix time
    midway."""

    status: int
    headers: httpx2.Headers
    body: bytes
    seconds: float
    at: float

    def json(self) -> Any:
        """Return the parsed JSON of the body, None if the body is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(slots=True)
class Run:
    """The state of a run; `number` is that of its latest event, `lasted` its duration in
    seconds."""

    status: str
    number: int
    text: str
    finish_reason: str | None
    error: str | None
    lasted: float | None  # seconds


class Wire:
    """Sends the requests of the checks to the examined server.

    Checks set `proxy` and `model` once they know them.
    """

    def __init__(self, http: httpx2.AsyncClient, plan: Plan) -> None:
        self.http, self.plan = http, plan
        self.base = plan.url.rstrip("/")
        self.proxy: Proxy = UNKNOWN
        self.model: str | None = None
        self._conversations: set[str] = set()

    @property
    def key(self) -> dict[str, str]:
        """A dict with the header `Authorization` for the API key; empty if no key is given."""
        return {"Authorization": f"Bearer {self.plan.api_key}"} if self.plan.api_key else {}

    async def send(self, method: str, path: str, *, key: bool = True, **more: Any) -> Reply:
        """Send a request, and return its response, whatever its status."""
        headers = {**(self.key if key else {}), **more.pop("headers", {})}
        began, at = time.monotonic(), time.time()
        response = await self.http.request(method, self.base + path, headers=headers, **more)
        seconds = time.monotonic() - began
        body = response.content
        return Reply(response.status_code, response.headers, body, seconds, at + seconds / 2)

    async def start_run(self, message: str, *, patience: float = 60, **fields: Any) -> str:
        """Start a run in the background and return its id; raises `UnexpectedStatus`.

        The run ends after at most `patience` seconds.
        """
        body = {
            "message": message,
            "background": True,
            "timeouts": {"total": patience},
            **({"model": self.model} if self.model else {}),
            **fields,
        }
        reply = await self.send("POST", CHAT, json=body)
        started = reply.json()
        if reply.status != 202 or not isinstance(started, dict) or "run_id" not in started:
            raise UnexpectedStatus(reply.status, reply.body, f"POST {CHAT}")
        self._conversations.add(str(started.get("conversation_id")))
        return str(started["run_id"])

    async def tidy(self) -> None:
        """Delete the conversations of all runs that were started, and ignore failures."""

        async def delete(conversation: str) -> None:
            with suppress(httpx2.HTTPError):
                await self.send("DELETE", f"/api/v1/conversations/{conversation}")

        await asyncio.gather(*map(delete, self._conversations))

    async def run(self, run_id: str) -> Run:
        """Return the state of a run; raises `UnexpectedStatus`."""
        reply = await self.send("GET", run_path(run_id))
        state = reply.json()
        if reply.status != 200 or not isinstance(state, dict):
            raise UnexpectedStatus(reply.status, reply.body, f"GET {run_path(run_id)}")
        return _run_from_json(state)

    async def cancel(self, run_id: str) -> Run:
        """Cancel a run and return its final state; raises `UnexpectedStatus`."""
        path = f"{run_path(run_id)}/cancel"
        reply = await self.send("POST", path)
        state = reply.json()
        if reply.status != 200 or not isinstance(state, dict):
            raise UnexpectedStatus(reply.status, reply.body, f"POST {path}")
        return _run_from_json(state)

    async def cancel_all(self, *run_ids: str) -> None:
        """Cancel runs that are no longer needed, and ignore failures."""
        for run_id in run_ids:
            with suppress(httpx2.HTTPError, CheckFailed):
                await self.cancel(run_id)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Fields, query: Fields
    ) -> AsyncIterator[httpx2.Response]:
        """Request a stream and yield its response; raises `UnexpectedStatus` if the status is not
        200."""
        sent = {"Accept": SSE, "Accept-Encoding": "identity", **self.key, **headers}
        # The head of the response may take long if a proxy holds it back together with the body.
        timeout = httpx2.Timeout(None, connect=self.plan.patience)
        async with self.http.stream(
            "GET", self.base + path, headers=sent, params=query, timeout=timeout
        ) as response:
            if response.status_code != 200:
                raise UnexpectedStatus(response.status_code, await response.aread(), f"GET {path}")
            yield response

    async def read(
        self,
        timeline: Timeline,
        path: str,
        *,
        headers: Fields = NO_FIELDS,
        query: Fields = NO_FIELDS,
    ) -> None:
        """Read a stream to its end into `timeline`; a broken connection counts as the end."""
        try:
            async with self.stream(path, headers, query) as response:
                timeline.opened, timeline.response = time.monotonic(), response
                async for data in response.aiter_bytes():
                    timeline.receive(data)
        except (httpx2.ReadError, httpx2.RemoteProtocolError):
            timeline.broke = True
        finally:
            timeline.ended = time.monotonic()

    @asynccontextmanager
    async def reading(
        self, path: str, *, headers: Fields = NO_FIELDS, query: Fields = NO_FIELDS
    ) -> AsyncIterator[Timeline]:
        """Read a stream in a task while the block runs, and yield its timeline; then close the
        stream."""
        timeline = Timeline()
        task = asyncio.create_task(self.read(timeline, path, headers=headers, query=query))
        try:
            yield timeline
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def poll(self, run_id: str, seen: list[tuple[float, int]]) -> None:
        """Append the time and the number of a run's latest event to `seen`, repeatedly until
        cancelled."""
        while True:
            # Perhaps a rate limit; the next request may succeed.
            with suppress(UnexpectedStatus, httpx2.HTTPError):
                number = (await self.run(run_id)).number
                seen.append((time.monotonic(), number))
            await asyncio.sleep(POLL_INTERVAL)


async def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition is true, at most `seconds`; return False if it was not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def events_path(run_id: str) -> str:
    """Return the path of a run's stream of events."""
    return f"{run_path(run_id)}/events"


def _run_from_json(state: dict[str, Any]) -> Run:
    began, ended = state.get("created_at"), state.get("ended_at")
    return Run(
        status=str(state.get("status")),
        number=int(str(state.get("last_event_id") or "0").rpartition(":")[2]),
        text=str(state.get("content") or ""),
        finish_reason=state.get("finish_reason"),
        error=(state.get("error") or {}).get("message"),
        lasted=ended - began if began is not None and ended is not None else None,
    )
