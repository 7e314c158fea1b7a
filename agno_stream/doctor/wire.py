"""Asking the examined server: answers with their times, and streams as they arrive."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx2

from agno_stream.doctor.findings import Plan
from agno_stream.doctor.proxies import UNKNOWN, Proxy
from agno_stream.requests import CHAT, SSE, run_path
from agno_stream.sse import SSEDecoder

BEAT = re.compile(rb"(?:^|\n):\r?\n")
POLL = 0.2  # seconds between two looks at a run


#: Names and their values, of headers or of a query.
Words = Mapping[str, Any]
NONE: Words = MappingProxyType({})


class Trouble(Exception):
    """What keeps a check from its answer, as a sentence."""


class Refused(Trouble):
    """An answer with a status that was not wanted."""

    def __init__(self, status: int, body: bytes, what: str) -> None:
        told = ""
        with suppress(ValueError, LookupError, TypeError):
            error = json.loads(body)["error"]
            said = error["message"] if isinstance(error, dict) else error
            told = f": {str(said).rstrip('.')}"
        super().__init__(f"{what} is answered {status}{told[:300]}")
        self.status = status


@dataclass(slots=True)
class Reply:
    """A whole answer; `seconds` from the request to its last byte, `at` the Unix time midway."""

    status: int
    headers: httpx2.Headers
    body: bytes
    seconds: float
    at: float

    def json(self) -> Any:
        """Its JSON, or None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(slots=True)
class Run:
    """A run as it stands; `number` is that of its last event."""

    status: str
    number: int
    text: str
    finish_reason: str | None
    error: str | None
    lasted: float | None  # seconds


@dataclass(slots=True)
class Timeline:
    """What came of a stream and when, in seconds of `time.monotonic()`."""

    asked: float = field(default_factory=time.monotonic)
    opened: float | None = None
    response: httpx2.Response | None = None
    reads: list[tuple[float, int]] = field(default_factory=list)  # when, bytes
    events: list[tuple[float, int]] = field(default_factory=list)  # when, its number
    beats: list[float] = field(default_factory=list)
    text: str = ""
    last: dict[str, Any] = field(default_factory=dict)  # the last chunk
    ended: float | None = None
    broke: bool = False  # it ended by a failure of the connection
    _decoder: SSEDecoder = field(default_factory=SSEDecoder)

    @property
    def done(self) -> bool:
        return bool(self.last.get("done"))

    @property
    def number(self) -> int:
        return self.events[-1][1] if self.events else 0

    def take(self, data: bytes) -> None:
        now = time.monotonic()
        self.reads.append((now, len(data)))
        if BEAT.search(data):
            self.beats.append(now)
        for event in self._decoder.feed(data):
            try:
                self.last = json.loads(event.data)
                number = int(event.id.rpartition(":")[2])
                self.text += self.last["content"]
            except (ValueError, LookupError, TypeError) as error:
                raise Trouble("What came is no stream of this server") from error
            self.events.append((now, number))


class Wire:
    """The way to the server. `proxy` and `model` are set by the checks that find them out."""

    def __init__(self, http: httpx2.AsyncClient, plan: Plan) -> None:
        self.http, self.plan = http, plan
        self.base = plan.url.rstrip("/")
        self.proxy: Proxy = UNKNOWN
        self.model: str | None = None

    @property
    def key(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.plan.api_key}"} if self.plan.api_key else {}

    async def ask(self, method: str, path: str, *, key: bool = True, **more: Any) -> Reply:
        """One request and its whole answer, whatever its status."""
        headers = {**(self.key if key else {}), **more.pop("headers", {})}
        began, at = time.monotonic(), time.time()
        response = await self.http.request(method, self.base + path, headers=headers, **more)
        seconds = time.monotonic() - began
        body = response.content
        return Reply(response.status_code, response.headers, body, seconds, at + seconds / 2)

    async def begin(self, message: str, *, patience: float = 60, **fields: Any) -> str:
        """Start a run in the background and return its id; it ends by itself after `patience`."""
        body = {
            "message": message,
            "background": True,
            "timeouts": {"total": patience},
            **({"model": self.model} if self.model else {}),
            **fields,
        }
        reply = await self.ask("POST", CHAT, json=body)
        started = reply.json()
        if reply.status != 202 or not isinstance(started, dict) or "run_id" not in started:
            raise Refused(reply.status, reply.body, f"POST {CHAT}")
        return str(started["run_id"])

    async def run(self, run_id: str) -> Run:
        reply = await self.ask("GET", run_path(run_id))
        state = reply.json()
        if reply.status != 200 or not isinstance(state, dict):
            raise Refused(reply.status, reply.body, f"GET {run_path(run_id)}")
        return _run(state)

    async def cancel(self, run_id: str) -> Run:
        path = f"{run_path(run_id)}/cancel"
        reply = await self.ask("POST", path)
        state = reply.json()
        if reply.status != 200 or not isinstance(state, dict):
            raise Refused(reply.status, reply.body, f"POST {path}")
        return _run(state)

    async def give_up(self, *run_ids: str) -> None:
        """Cancel runs that nobody needs any more, where that can be done."""
        for run_id in run_ids:
            with suppress(httpx2.HTTPError, Trouble):
                await self.cancel(run_id)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Words, query: Words
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a request for a stream; raises `Refused` unless its status is 200."""
        sent = {"Accept": SSE, "Accept-Encoding": "identity", **self.key, **headers}
        # Words may take long, where a proxy holds them back with the rest.
        timeout = httpx2.Timeout(None, connect=self.plan.patience)
        async with self.http.stream(
            "GET", self.base + path, headers=sent, params=query, timeout=timeout
        ) as response:
            if response.status_code != 200:
                raise Refused(response.status_code, await response.aread(), f"GET {path}")
            yield response

    async def read(
        self, line: Timeline, path: str, *, headers: Words = NONE, query: Words = NONE
    ) -> None:
        """Read a stream to its end, into `line`; a broken connection is an end, too."""
        try:
            async with self.stream(path, headers, query) as response:
                line.opened, line.response = time.monotonic(), response
                async for data in response.aiter_bytes():
                    line.take(data)
        except (httpx2.ReadError, httpx2.RemoteProtocolError):
            line.broke = True
        finally:
            line.ended = time.monotonic()

    @asynccontextmanager
    async def reading(
        self, path: str, *, headers: Words = NONE, query: Words = NONE
    ) -> AsyncIterator[Timeline]:
        """A stream that is being read beside what the block does; the block's end cuts it."""
        line = Timeline()
        task = asyncio.create_task(self.read(line, path, headers=headers, query=query))
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def polls(self, run_id: str, seen: list[tuple[float, int]]) -> None:
        """Note how far a run is on the server, and when it said so, until this is cancelled."""
        while True:
            # A limit of requests, perhaps; there is another look.
            with suppress(Refused, httpx2.HTTPError):
                number = (await self.run(run_id)).number
                seen.append((time.monotonic(), number))
            await asyncio.sleep(POLL)


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def events(run_id: str) -> str:
    """The address of a run's stream."""
    return f"{run_path(run_id)}/events"


def _run(state: dict[str, Any]) -> Run:
    began, ended = state.get("created_at"), state.get("ended_at")
    return Run(
        status=str(state.get("status")),
        number=int(str(state.get("last_event_id") or "0").rpartition(":")[2]),
        text=str(state.get("content") or ""),
        finish_reason=state.get("finish_reason"),
        error=(state.get("error") or {}).get("message"),
        lasted=ended - began if began is not None and ended is not None else None,
    )
