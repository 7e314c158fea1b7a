"""The client: raw sockets that count tokens, so cheap that the client does not limit figures."""

import asyncio
import time
from typing import cast

from benchmarks.peers import Peer

FIRST = b'"0 "'  # the first token of every answer of tests/provider.py, in anyone's JSON
PATIENCE = 12  # seconds to the first token


class Stream(asyncio.Protocol):
    """One request and its answer. Times are of `time.perf_counter()`, in seconds."""

    def __init__(self, request: bytes, marker: bytes) -> None:
        self._request, self._marker = request, marker
        self._keep = len(marker) - 1  # bytes of the last read, in case a marker is split
        self._tail = b""
        self._head = b""  # all that came before the first token
        self._last = 0.0
        self.began = 0.0
        self.tokens = 0
        self.timing = False
        self.gaps: list[float] = []  # between tokens, while `timing`
        self.arrivals: list[tuple[int, float]] = []  # number and time of tokens, while `timing`
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[float] = loop.create_future()  # seconds to the first token
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has no common base
        self.began = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.first.done():
            self._head += data
            if FIRST in self._head:
                self.first.set_result(now - self.began)
        data = self._tail + data
        found = data.count(self._marker)
        self._tail = data[-self._keep :]
        self.tokens += found
        if found and self.timing:
            self.gaps.append(now - self._last)
            self.gaps.extend([0.0] * (found - 1))
            self.arrivals += [(self.tokens - back, now) for back in range(found)]
        if found:
            self._last = now

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.first.done():
            received = self._head[:600].decode(errors="replace")
            self.first.set_exception(RuntimeError(f"no token came, but {received!r}"))
            self.first.exception()  # marked as retrieved, if nobody awaits it
        self.ended.set_result(None)

    @property
    def whole(self) -> bool:
        """Whether the response ended with the last chunk of HTTP's chunked encoding."""
        return self._tail.endswith(b"0\r\n\r\n")

    def check(self, tokens: int) -> None:
        """Raise RuntimeError if the answer of `tokens` tokens lost some, or did not end."""
        # A relay may cut a marker in two with the frame of an HTTP chunk, once in 64 KiB.
        if not self.whole or not 0.99 * tokens - 2 <= self.tokens <= tokens + 2:
            raise RuntimeError(f"{self.tokens} of {tokens} tokens, whole={self.whole}")


async def ask(peer: Peer, port: int, message: str) -> Stream:
    """Send a request for a stream; the connection is open, the request may still be on its way."""
    request, marker = peer.request(message), peer.marker
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(lambda: Stream(request, marker), "127.0.0.1", port)
    return stream


async def answer(peer: Peer, port: int, tokens: int) -> None:
    """Read one unpaced answer of `tokens` tokens; raises RuntimeError if tokens are lost."""
    stream = await ask(peer, port, f"tokens={tokens}")
    async with asyncio.timeout(900):
        await stream.first
        await stream.ended
    stream.check(tokens)


async def open_paced(peer: Peer, port: int, count: int, tokens: int, rate: int) -> list[Stream]:
    """Open `count` streams, paced by the upstream, 10 ms apart; returns those that have begun."""
    streams = []
    for _ in range(count):
        streams.append(await ask(peer, port, f"tokens={tokens} rate={rate}"))
        await asyncio.sleep(0.01)
    return await begun(streams)


async def open_silent(peer: Peer, port: int, count: int) -> list[Stream]:
    """Open `count` streams, 25 at a time, whose upstream sends one token and then is silent."""
    streams: list[Stream] = []
    for place in range(0, count, 25):
        size = min(25, count - place)
        opening = [ask(peer, port, "tokens=2 stall_after=1") for _ in range(size)]
        streams += await begun(await asyncio.gather(*opening))
    return streams


async def begun(streams: list[Stream]) -> list[Stream]:
    """The streams whose first token comes within `PATIENCE` seconds; the others are closed."""
    if streams:
        await asyncio.wait([stream.first for stream in streams], timeout=PATIENCE)
    late = [s for s in streams if not s.first.done() or s.first.exception()]
    for stream in late:
        stream.transport.abort()
    return [stream for stream in streams if stream not in late]


def close(streams: list[Stream]) -> None:
    for stream in streams:
        stream.transport.abort()
