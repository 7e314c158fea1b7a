"""The connection of a request, if the web server gives access to it, as uvicorn does.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

import socket
from collections.abc import Callable
from typing import Any, Protocol, Self

from starlette.types import Receive, Scope, Send

#: Seconds that one write may take by default.
WRITE_TIMEOUT = 30.0

#: The key of the connection in the scope.
KEY = "agno_stream.connection"


class Direct(Protocol):
    """The way of one response to its socket without ASGI's messages, as `app.web` has it.

    `write` sends a part of the body at once; it may be called only while `ready` is True. `clogged`
    is True while the client does not take what was sent; `drained` waits for the end of that, or of
    the connection. `watch` calls a function when the connection is lost; it returns False if that
    has happened, or if the request's body is not complete, so that `receive` is needed.
    """

    @property
    def ready(self) -> bool: ...

    @property
    def clogged(self) -> bool: ...

    def write(self, body: bytes) -> None: ...

    async def drained(self) -> None: ...

    def watch(self, on_lost: Callable[[], None] | None) -> bool: ...


class Connection:
    """Aborts the TCP connection of a request whose client has stopped reading.

    `write_timeout` is the longest duration of one write in seconds. The transport is aborted, not
    closed, because `close` waits until the client has read the buffer. On Linux the kernel aborts a
    connection that was closed after its last write in the same way, by TCP_USER_TIMEOUT.

    `direct` is None if the web server has no such way, or if `send` and `receive` are not its own
    functions: something between it and the app may want to see each message.
    """

    def __init__(self, receive: Receive, send: Send, write_timeout: float) -> None:
        self.write_timeout = write_timeout
        own = getattr(send, "__self__", None)
        direct = own is getattr(receive, "__self__", None) and hasattr(own, "watch")
        self.direct: Direct | None = own if direct else None
        self._transport: Any = getattr(own, "transport", None)
        found = self._transport and self._transport.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            option = getattr(socket, "TCP_USER_TIMEOUT", None)
            if option is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, round(write_timeout * 1000))

    def send_messages_only(self) -> None:
        """Use no `direct` way, because something reads or changes the messages of the response."""
        self.direct = None

    def abort(self) -> None:
        """Close the connection at once and drop the bytes that are still buffered."""
        if self._transport is not None:
            self._transport.abort()

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> Self:
        """Return the `Connection` that `Secured` has put into the ASGI scope, or else make a new
        one."""
        found: Self | None = scope.get(KEY)
        return found or cls(receive, send, WRITE_TIMEOUT)
