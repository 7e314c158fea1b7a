"""A local server that plays a model provider: OpenAI's two protocols and Ollama's, on one port.

    with Provider() as provider:
        provider.script(Reply("Hello there", stall_after=1))
        client = AsyncOpenAI(base_url=provider.url, api_key="sk-test", max_retries=0)

It runs in a thread with an event loop of its own, and notices at once that a client has
disconnected, even while it is silent. By hand and for benchmarks:
`python tests/provider.py --tokens 200 --rate 50`.

See docs/decisions/050-tests-use-real-parts.md.
"""

import argparse
import asyncio
import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

if not __package__:  # run as a script, Python looks in tests/ and not beside it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from tests.provider_replies import OllamaWire, OpenAIWire, Reply, numbered, said
from tests.provider_responses import ResponsesWire
from tests.threaded import ThreadedServer

BATCH = 64  # tokens in one write when nothing paces them
Wire = OpenAIWire | OllamaWire | ResponsesWire
WIRES: dict[str, type[Wire]] = {
    "/v1/chat/completions": OpenAIWire,
    "/v1/responses": ResponsesWire,
    "/api/chat": OllamaWire,
}
CONTROL_WORD = re.compile(r"\b(tokens|rate|delay_first|stall_after|cut_after)=([\d.]*\d)")


def controlled(reply: Reply, messages: Sequence[Mapping[str, Any]]) -> Reply:
    """The reply, changed by control words in the last user message: `tokens=100 rate=50`."""
    texts = [str(message.get("content")) for message in messages if message.get("role") == "user"]
    changes = {word: json.loads(n) for word, n in CONTROL_WORD.findall("".join(texts[-1:]))}
    if "tokens" in changes:
        changes["text"] = numbered(changes.pop("tokens"))
    return replace(reply, **changes)


@dataclass(slots=True)
class Request:
    """A client's request, and how its response ended. Times are of `time.monotonic()`."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: Any  # parsed JSON
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None  # the reply was sent to its end, even if that is a fault
    aborted: float | None = None  # the client disconnected before that
    tokens_sent: int = 0

    @property
    def state(self) -> Literal["open", "finished", "aborted"]:
        # A client that has read the end may be gone before its provider has noted it.
        return "finished" if self.finished else "aborted" if self.aborted else "open"


class Provider(ThreadedServer):
    """A context manager. Its attributes and methods may be used, and set, from any thread."""

    def __init__(self, default: Reply | None = None, *, port: int = 0) -> None:
        self.first = default or Reply("Hello from the provider.")
        self.default = self.first  # when nothing is scripted
        super().__init__(port=port)
        self.models = ["gpt-4o-mini", "llama3.2:latest"]
        self.requests: list[Request] = []
        self._replies: deque[Reply] = deque()
        self._replies_of: dict[str, deque[Reply]] = {}
        self._going_on: Future[None] = Future()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"  # for an Ollama client

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"  # for an OpenAI client

    def script(self, *replies: Reply) -> None:
        """Queue replies for the next chat requests, one each; an SDK's retry takes one, too."""
        self._replies.extend(replies)

    def script_model(self, model: str, *replies: Reply) -> None:
        """Replace the queue of the replies for requests that name this model; it comes first."""
        self._replies_of[model] = deque(replies)

    def go_on(self) -> None:
        """End every stall, those to come included."""
        self._going_on.set_result(None)

    def forget(self) -> None:
        """Be as new for the next test; nothing may be on its way any more."""
        self.default = self.first
        self.requests.clear()
        self._replies.clear()
        self._replies_of.clear()
        self._going_on = Future()

    @property
    def opened(self) -> int:
        return len(self.requests)

    @property
    def finished(self) -> int:
        return sum(request.state == "finished" for request in self.requests)

    @property
    def aborted(self) -> int:
        return sum(request.state == "aborted" for request in self.requests)

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await http.content.read() or "null")
        headers = {name.lower(): value for name, value in http.headers.items()}
        self.requests.append(request := Request(http.method, http.path, headers, body))
        try:
            if request.method == "POST" and request.path in WIRES:
                return await self._chat(http, request)
            request.finished = time.monotonic()
            return self._inventory(request.path)
        except (asyncio.CancelledError, ConnectionError) as gone:
            request.aborted = time.monotonic()
            raise asyncio.CancelledError from gone  # aiohttp would log a ConnectionError

    async def _chat(self, http: web.BaseRequest, request: Request) -> web.StreamResponse:
        queue = self._replies_of.get(request.body["model"]) or self._replies
        reply = queue.popleft() if queue else controlled(self.default, said(request.body))
        wire = WIRES[request.path](request.body, reply)
        await asyncio.sleep(reply.delay_headers)
        if reply.status == 200:
            return await _Answer(http, request, reply, wire, self._going_on).play()
        request.finished = time.monotonic()
        headers = {"Content-Type": "application/json", **dict(reply.headers)}
        return web.Response(status=reply.status, body=wire.error_body(), headers=headers)

    def _inventory(self, path: str) -> web.Response:
        if path == "/v1/models":
            model = {"object": "model", "created": 0, "owned_by": "provider"}
            data = [{"id": name, **model} for name in self.models]
            return web.json_response({"object": "list", "data": data})
        if path == "/api/tags":
            tag = {"modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "0" * 64}
            tags = [{"name": name, "model": name, **tag, "details": {}} for name in self.models]
            return web.json_response({"models": tags})
        if path == "/api/version":
            return web.json_response({"version": "0.33.0"})
        return web.Response(status=404, text=f"no route {path}")


class _Answer:
    """Sends one reply. The tokens of an unstreamed answer have no bytes."""

    def __init__(
        self,
        http: web.BaseRequest,
        request: Request,
        reply: Reply,
        wire: Wire,
        going_on: Future[None],
    ) -> None:
        self.http, self.request, self.reply, self.wire = http, request, reply, wire
        self.going_on = going_on  # when done, no reply stalls any more
        headers = {"Content-Type": wire.content_type, "Cache-Control": "no-cache"}
        self.response = web.StreamResponse(headers={**headers, **dict(reply.headers)})

    async def play(self) -> web.StreamResponse:
        reply, wire = self.reply, self.wire
        await self.response.prepare(self.http)
        if reply.delay_first:
            await self.response.write(b"")  # aiohttp keeps the headers back until a write
            await asyncio.sleep(reply.delay_first)
        if reply.empty:
            return await self._end(b"")
        await self.response.write(wire.opening() if wire.streams else b"")
        frames = wire.tokens() if wire.streams else (b"" for _ in wire.tokens())
        for after, fault in reply.faults():
            await self._send(islice(frames, after - self.request.tokens_sent))
            match fault:
                case "stall":
                    await asyncio.wait(
                        [asyncio.wrap_future(self.going_on)], timeout=reply.stall_seconds
                    )
                case "garbage":
                    await self.response.write(reply.garbage)
                case "error_frame":
                    return await self._end(wire.error_frame())
                case "cut" if reply.cut == "clean":
                    return await self._end(b"")
                case "cut":
                    return self._hang_up(next(frames, b"") or b"the rest")
        await self._send(frames)
        return await self._end(wire.closing() if wire.streams else wire.whole())

    async def _send(self, frames: Iterator[bytes]) -> None:
        """Send all frames; with a rate, each takes 1/rate seconds, and all due go at once."""
        rate, began, sent = self.reply.rate, time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()) if rate else 0)
            due = int((time.monotonic() - began) * rate) + 1 - sent if rate else BATCH
            batch = list(islice(frames, max(1, due)))
            if not batch:
                return
            sent += len(batch)
            self.request.tokens_sent += len(batch)
            for data in batch if self.reply.one_write_per_token else [b"".join(batch)]:
                await self.response.write(data)

    async def _end(self, last: bytes) -> web.StreamResponse:
        self.request.finished = time.monotonic()  # first, because the client may continue at once
        await self.response.write_eof(last)
        return self.response

    def _hang_up(self, frame: bytes) -> web.StreamResponse:
        self.request.finished = time.monotonic()
        if self.http.transport is not None:
            self.http.transport.write(f"{len(frame):x}\r\n".encode() + frame[: len(frame) // 2])
            self.http.transport.close()
        return self.response


def main() -> None:
    parser = argparse.ArgumentParser(description="Play a model provider until Ctrl-C.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0, help="tokens a second; 0: no pause")
    parser.add_argument("--one-write", action="store_true", help="one write for each token")
    args = parser.parse_args()
    reply = Reply(numbered(args.tokens), rate=args.rate, one_write_per_token=args.one_write)
    with Provider(reply, port=args.port) as provider, suppress(KeyboardInterrupt):
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
