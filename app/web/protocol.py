"""uvicorn's HTTP/1.1 connection with bounds: on heads, on pipelined requests, on time.

See docs/decisions/057-heads-are-bounded-below-the-framework.md.
See docs/decisions/084-a-fast-answer-waits-for-its-readers.md.
"""

import asyncio
import socket
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from ..core.errors import AddressTooLong, BadRequest, HeadTooLarge, MethodNotAllowed
from .flow import Flow
from .heads import body_length, check_host
from .refusals import LINGER, RefusingProtocol
from .upgrades import plain_head

HEAD_END = b"\r\n\r\n"

#: The least number of bytes of a chunked body that are parsed at once. Its end is found by parsing
#: alone, so that the heads of some pipelined requests may be parsed with it.
CHUNKED_SLICE = 1024

#: Bytes of responses that wait for a client, above which nothing more is written until it has taken
#: most of them: here, and in the system, which otherwise takes megabytes for each connection.
MOST_UNSENT, MOST_UNSENT_BY_SYSTEM = 16 << 10, 32 << 10

#: Requests that may wait for an earlier response on a connection, after they were parsed.
MAX_PARSED = 64


class BoundedProtocol(RefusingProtocol):
    """One connection.

    The bytes are given to the parser in slices that end where a request ends, and no further
    request is parsed until the response to the one before has been sent: until then its bytes are
    held, and reading is paused. An `Upgrade` is ignored, as RFC 9110 (7.8) allows.
    """

    flow: Flow

    __slots__ = ("_body_came", "_complete", "_held", "_remaining")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._held = b""
        self._body_came = False  # in the last slice
        self._complete = True  # the last request that has begun has been received
        self._remaining: int | None = None  # bytes of the body; None for a chunked one

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self.flow = Flow(transport)
        transport.set_write_buffer_limits(MOST_UNSENT)
        _bound_unsent(transport.get_extra_info("socket"))
        allowed = self._shared.opened(self)
        if allowed is None:
            self._closing = True
            transport.abort()
            return
        self._crowded = not allowed
        self._set_deadline(self._bounds.head_seconds, self._head_expired)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        self._hold(b"")
        self._shared.closed(self)
        super().connection_lost(exc)
        if self._running is not None:
            self._running.lost()
            self._running = None

    def close_idle(self) -> None:
        """Close the connection, which has no request in progress, for another one."""
        self._closing = True
        self.transport.close()

    # Bytes

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._unset_keepalive_if_required()
        if self._held:
            self._hold(self._held + data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parse the bytes up to the end of a request whose response has yet to be sent."""
        start = 0
        while start < len(data) and not self._closing:
            if self._complete and self._responding:
                self._hold(data[start:])
                return
            end = self._slice_end(data, start)
            rest = self._parse(data[start:end])  # CPython copies no whole bytes
            if rest:
                data, start = rest + data[end:], 0
            else:
                start = end

    def _slice_end(self, data: bytes, start: int) -> int:
        if self._in_head:
            if self._deadline is None:
                self._set_deadline(self._bounds.head_seconds, self._head_expired)
            found = data.find(HEAD_END, start)
        elif self._remaining is not None:
            return min(len(data), start + max(self._remaining, 1))
        else:
            found = data.find(HEAD_END, start + CHUNKED_SLICE)
        return len(data) if found < 0 else found + len(HEAD_END)

    def _parse(self, piece: bytes) -> bytes:
        """Give a slice to the parser, and return the bytes that it left, if any."""
        begun = self._in_head
        self._body_came = False
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            return self._ignore_upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._refusal or BadRequest("The request is not valid HTTP/1.1."))
            return b""
        ends_body = self._remaining is None and not self._complete and not self._body_came
        if self._in_head if begun else ends_body:  # a field may be incomplete, here or there
            try:
                self._head.feed(len(piece))
            except HeadTooLarge as error:
                self._refuse(error)
        return b""

    def _ignore_upgrade(self, rest: bytes) -> bytes:
        """Begin the request again without the fields that ask for another protocol."""
        if self.parser.get_method() == b"CONNECT":
            self._refuse(MethodNotAllowed("Method Not Allowed: CONNECT"))
            return b""
        head = plain_head(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head + rest

    def _hold(self, data: bytes) -> None:
        """Keep bytes for later, and read no more until then; with no bytes, read again."""
        self._shared.held += len(data) - len(self._held)
        self._held = data
        self.flow.holding = bool(data)
        if data:
            self.flow.pause_reading()
            if self._shared.held > self._bounds.held_bytes:
                self._closing = True
                self.transport.abort()
        elif not self.transport.is_closing():
            self.flow.resume_reading()

    def _release(self) -> None:
        """Parse the held bytes of a client that pipelines, once no response is being sent."""
        if self._held and not self._responding and not self._closing:
            data = self._held
            self._hold(b"")
            self._unset_keepalive_if_required()
            self._feed(data)

    # What the parser found

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head.restart()
        self._in_head, self._complete = True, False

    def on_url(self, url: bytes) -> None:
        try:
            self._head.add_address(len(url))
        except AddressTooLong as error:
            self._stop(error)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        try:
            self._head.add_field(len(name) + len(value) + 4)
        except HeadTooLarge as error:
            self._stop(error)
        if self._in_head:  # fields after a chunked body are ignored: no route knows any
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        try:
            check_host(self.headers, self.url, self.parser.get_http_version())
            self._remaining = body_length(self.headers)
        except BadRequest as error:
            self._stop(error)
        self._unset_deadline()
        self._in_head = False
        self._head.complete()
        if len(self.pipeline) >= MAX_PARSED:
            self._stop(BadRequest("Too many requests wait for a response on this connection."))
        self._shared.busy(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        self._head.complete()
        if self._remaining is not None:
            self._remaining -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._head.restart()
        self._in_head, self._complete = True, True
        if self.cycle.response_complete:
            self._unset_deadline()
        super().on_message_complete()

    # Responses

    def on_response_complete(self) -> None:
        self._running = None
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if not self._complete:  # the app did not want the rest of the request
            self._set_deadline(LINGER, self.transport.close)
        if not self._responding:
            self._shared.idle(self)
            if self._shared.leaving:  # the response had begun before
                self.close_idle()
            elif self._held:
                self.loop.call_soon(self._release)


def _bound_unsent(connection: Any) -> None:
    """Bound what the system holds that has not left yet: what is on its way is not bounded."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Windows has none
    if option and getattr(connection, "family", None) in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, MOST_UNSENT_BY_SYSTEM)
