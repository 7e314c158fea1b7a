"""One HTTP/1.1 connection to a provider: a request at a time, its response by callbacks.

See docs/decisions/081-a-request-is-posted-below-its-sdk.md.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools
import httpx2

#: Bytes of the head of a response, at most.
LARGEST_HEAD = 256 * 1024

#: Responses that announce another one: 100 Continue, 103 Early Hints.
_INTERIM = range(100, 200)

#: What is wrong in a head, but clear, as for the SDK's client: a connection has one request at a
#: time, so that nothing can be smuggled in.
_LENIENT = {
    "lenient_headers": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}

Headers = list[tuple[bytes, bytes]]


class Receiver(Protocol):
    """Who takes a response. After `end` or `broke`, it gets no further calls."""

    def head(self, status: int, headers: Headers) -> None: ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def broke(self, error: Exception) -> None: ...


class Connection(asyncio.Protocol):
    """A connection, which is `free` between two exchanges, and `lost` for good at its end.

    `on_free` is called when a response has ended and another request may be sent. `reused` is True
    from the second request on; `silent` as long as nothing has come of the latest response.
    A receiver gets httpx2's errors.
    """

    __slots__ = (
        *("_on_free", "_receiver", "_parser", "_transport", "_headers", "_parts", "_in_head"),
        *("_framed", "_ended", "_paused", "_reusable", "_requests", "lost", "silent"),
    )

    def __init__(self, on_free: Callable[["Connection"], None]) -> None:
        self._on_free = on_free
        self._receiver: Receiver | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self._transport: asyncio.Transport | None = None
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._in_head = 0  # bytes since the head began; -1 behind it
        self._framed = False  # the end of the body shows in its bytes
        self._ended = True  # the body of the latest response has come whole
        self._paused = False
        self._reusable = False
        self._requests = 0
        self.lost = False
        self.silent = True

    @property
    def reused(self) -> bool:
        return self._requests > 1

    @property
    def free(self) -> bool:
        return self._ended and self._transport is not None and not self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes of the request that the kernel has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def send(self, request: bytes, receiver: Receiver) -> None:
        """Send a request; raises `httpx2.WriteError` unless the connection is free."""
        self._requests += 1
        if not self.free:
            raise httpx2.WriteError("The provider has closed the connection.")
        self._receiver = receiver
        self._headers = []
        self._in_head = 0
        self._ended = self._framed = False
        self.silent = True
        cast(asyncio.Transport, self._transport).write(request)

    def let_go(self, seconds: float) -> None:
        """Let the receiver of a response get no more of it: its end may come for `seconds`."""
        self._receiver = None
        self.resume()
        if not self._ended:
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._give_up, self._requests)

    def _give_up(self, request: int) -> None:
        if request == self._requests and not self._ended:
            self._ended = True
            self.abort()

    def abort(self) -> None:
        self.lost = True
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        if not self._paused and not self.lost and not self._transport_closes():
            self._paused = True
            cast(asyncio.Transport, self._transport).pause_reading()

    def resume(self) -> None:
        if self._paused and not self.lost and not self._transport_closes():
            cast(asyncio.Transport, self._transport).resume_reading()
        self._paused = False

    def _transport_closes(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    # ---- asyncio's callbacks ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.lost:
            return
        self.silent = False
        if self._ended:  # no request is under way: perhaps a 408 before the end
            self.abort()
            return
        failure: Exception | None = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            failure = error
        if parts := self._parts:  # all that came with one read goes to the receiver at once
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            if self._receiver is not None:
                self._receiver.body(body)
        if failure is not None:
            if self._ended:  # what is wrong came behind the response
                self._finish(reusable=False)
            else:
                self._break(httpx2.RemoteProtocolError(f"The provider's HTTP is wrong: {failure}"))
            return
        if self._ended:
            self._finish(reusable=self._reusable)
        elif self._in_head >= 0:
            self._in_head += len(data)
            if self._in_head > LARGEST_HEAD:
                self._break(httpx2.RemoteProtocolError("The head of the response has no end."))

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._transport = None
        self._parser = None  # it holds this object
        if self._ended:
            return
        if error is None and self._in_head < 0 and not self._framed:
            self._finish(reusable=False)
        else:
            self._break(httpx2.ReadError(f"The provider closed the connection. {error or ''}"))

    # ---- the parser's callbacks ----

    def on_message_begin(self) -> None:
        if self._ended:  # bytes of another response, which was not asked for
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head >= 0:  # else of a trailer
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status in _INTERIM or self._ended:
            return
        self._in_head = -1
        names = {name for name, _ in self._headers}
        self._framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))
        if self._receiver is not None:
            self._receiver.head(status, self._headers)

    def on_body(self, data: bytes) -> None:
        if not self._ended:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        if self._ended:
            return
        if self._in_head < 0:
            self._ended = True
            self._reusable = self._parser.should_keep_alive()
        else:  # an interim response
            self._headers = []

    # ---- ends ----

    def _finish(self, *, reusable: bool) -> None:
        self._ended = True
        receiver, self._receiver = self._receiver, None
        self.resume()
        if receiver is not None:
            receiver.end()
        if reusable and self.free and not self.unsent:  # else it was answered before it was read
            self._on_free(self)
        else:
            self.abort()

    def _break(self, error: Exception) -> None:
        receiver, self._receiver = self._receiver, None
        self._ended = True
        self.abort()
        if receiver is not None:
            receiver.broke(error)
