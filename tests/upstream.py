"""A local server that plays any provider: it answers with the bytes that it is given.

    with ByteServer() as upstream:
        upstream.script(Answer(b'data: {"choices": …}\n\n', then="cut"))

Unlike `tests.provider`, which writes correct streams of two protocols, it knows of no protocol.
It runs in a thread with an event loop of its own.

See docs/decisions/050-tests-use-real-parts.md.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.threaded import ThreadedServer


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `then` is what happens behind its bytes: the body ends, breaks off inside an
    HTTP chunk, or stays open in silence or with a ping each `every` seconds."""

    body: bytes
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Literal["end", "cut", "silence", "pings"] = "end"
    ping: bytes = b": ping\n\n"
    every: float = 0.05


@dataclass(slots=True)
class Asked:
    """A request as it came. `aborted` is True if the client closed before the response's end."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: Any
    peer: Any = None  # the address of its connection
    aborted: bool = False


class ByteServer(ThreadedServer):
    """A context manager; `script` and `default` may be used from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.default: Answer | None = None  # when nothing is scripted
        self.requests: list[Asked] = []
        self._answers: deque[Answer] = deque()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, *answers: Answer) -> None:
        """Replace the answers to the next requests, and forget the requests so far."""
        self.requests.clear()
        self._answers = deque(answers)

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await http.content.read() or b"null")
        headers = {name.lower(): value for name, value in http.headers.items()}
        peer = http.transport.get_extra_info("peername") if http.transport else None
        self.requests.append(asked := Asked(http.path, headers, body, peer))
        answer = self._answers.popleft() if self._answers else self.default
        if answer is None:
            return web.json_response({"error": {"message": "nothing is scripted"}}, status=418)
        response = web.StreamResponse(
            status=answer.status, headers={"Content-Type": answer.content_type, **answer.headers}
        )
        try:
            await self._send(http, response, answer)
        except (asyncio.CancelledError, ConnectionError) as gone:
            asked.aborted = True
            raise asyncio.CancelledError from gone  # aiohttp would log a ConnectionError
        return response

    async def _send(
        self, http: web.BaseRequest, response: web.StreamResponse, answer: Answer
    ) -> None:
        await response.prepare(http)
        await response.write(answer.body)
        if answer.then == "end":
            await response.write_eof()
        elif answer.then == "cut":
            if http.transport is not None:
                http.transport.write(b"40\r\ndata: ")
                http.transport.close()
        else:
            while True:
                await asyncio.sleep(answer.every)
                if answer.then == "pings":
                    await response.write(answer.ping)
