"""A connection that refuses requests without calling the app, at once or when their time is over.

See docs/decisions/057-heads-are-bounded-below-the-framework.md.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ..core.errors import AgnoStreamError, HeadTimeout, Overloaded
from ..core.waiting.flag import Flag
from ..core.waiting.wheel import Timer, wheel
from .connections import KEY, Connections
from .cycle import DirectCycle
from .heads import HeadMeter
from .responses import refusing, response_bytes, until_close

#: Seconds for which the rest of a request is read and dropped after its response, because a client
#: that is still sending would otherwise not see the response.
LINGER = 5.0

#: Seconds for which a server that stops waits for the request of a connection that is new, and of
#: one that has had a response, where a request may be on its way.
FIRST_REQUEST = 0.4
NEXT_REQUEST = 0.1


class Pipeline(list[Any]):
    """The requests that wait on a connection, of which there are hardly ever any; a deque, as
    uvicorn has it, takes a kilobyte when it is empty."""

    def appendleft(self, request: Any) -> None:
        self.insert(0, request)


def _flag(event: asyncio.Event) -> Flag:
    flag = Flag()
    if event.is_set():
        flag.set()
    return flag


class RefusingProtocol(HttpToolsProtocol):
    """uvicorn's connection with one deadline at a time, and errors that it sends itself.

    Its own attributes are slots: with those of uvicorn they would be too many for the small form of
    an object, and each connection takes it.
    """

    __slots__ = (
        *("_bounds", "_closing", "_crowded", "_deadline", "_head", "_in_head", "_leaving"),
        *("_refusal", "_running", "_shared"),
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.pipeline = Pipeline()  # type: ignore[assignment]
        if KEY not in app_state:  # an app of somebody else
            app_state[KEY] = Connections()
        self._shared: Connections = app_state[KEY]
        self._bounds = self._shared.bounds
        self._refusal: AgnoStreamError | None = None
        self._running: DirectCycle | None = None  # the request that the app answers
        self._crowded = False  # there are too many connections: each request is refused
        self._leaving = False  # the server stops: the next response closes the connection
        self._closing = False  # the last response has been sent or chosen; drop all further bytes
        self._in_head = True  # the next byte belongs to a head
        self._head = HeadMeter(self._bounds)
        self._deadline: Timer | None = None

    @property
    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def shutdown(self) -> None:
        """Answer what has been sent, or is on its way, and close then; uvicorn closes at once."""
        if self._closing:
            return
        self._leaving = True
        if self._responding:
            self.cycle.keep_alive = False
        else:
            unknown = self.cycle is None or self._head.begun
            self._set_deadline(FIRST_REQUEST if unknown else NEXT_REQUEST, self.transport.close)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._crowded or self._leaving or self._shared.leaving:
            cycle.keep_alive = False
        if self._crowded:
            busy = Overloaded("The server has too many connections.", retry_after=1)
            app = refusing(self._shared.refuse, busy)
        if cycle.scope["http_version"] == "1.0":
            app = until_close(app, cycle)
        cycle.__class__ = DirectCycle  # uvicorn makes its cycles itself
        cycle.message_event = _flag(cycle.message_event)  # type: ignore[assignment]
        self._running = cast(DirectCycle, cycle)
        super()._start_asgi_task(cycle, app)

    def _stop(self, error: AgnoStreamError) -> None:
        """Stop the parser: it reports the exception of a callback as an error of its own."""
        self._refusal = error
        raise error

    def _refuse(self, error: AgnoStreamError) -> None:
        """Send an error without calling the app, after which the connection closes."""
        self._closing = True
        self._unset_deadline()
        if self._responding and (self._in_head or self.cycle.response_started):
            self.cycle.keep_alive = False  # a response that must not be disturbed
            return
        if self._responding:  # the app waits for a body that cannot be read
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        elif not self._in_head and self.cycle is not None:  # the request has had its response
            self.transport.close()
            return
        path = self.url.partition(b"?")[0].decode("latin-1") if self._head.begun else "/"
        response = self._shared.refuse(path, error, {"Connection": "close"})
        self.transport.write(response_bytes(response, self.server_state.default_headers))
        # Closed now, the connection would be reset, and the client might not see the response.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._set_deadline(LINGER, self.transport.close)

    def _head_expired(self) -> None:
        self._deadline = None
        if self._responding:  # a request before this one is still being answered
            self._set_deadline(self._bounds.head_seconds, self._head_expired)
        elif self._head.begun:
            seconds = self._bounds.head_seconds
            self._refuse(HeadTimeout(f"The header fields did not arrive within {seconds:g} s."))
        else:
            self.transport.close()

    def _set_deadline(self, seconds: float, expired: Callable[[], object]) -> None:
        self._unset_deadline()
        self._deadline = wheel().call_later(seconds, expired)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
