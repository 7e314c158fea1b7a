"""The connection of a request, if the web server gives access to it, as uvicorn does.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

import socket
from typing import Any, Self

from starlette.types import Scope, Send

#: Seconds that one write may take by default.
WRITE_TIMEOUT = 30.0

#: The key of the connection in the scope.
KEY = "agno_stream.connection"


class Connection:
    """Aborts the TCP connection of a request whose client has stopped reading.

    `write_timeout` is the longest duration of one write in seconds. The transport is aborted, not
    closed, because `close` waits until the client has read the buffer. On Linux the kernel aborts a
    connection that was closed after its last write in the same way, by TCP_USER_TIMEOUT.
    """

    def __init__(self, send: Send, write_timeout: float) -> None:
        self.write_timeout = write_timeout
        self._transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
        found = self._transport and self._transport.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            option = getattr(socket, "TCP_USER_TIMEOUT", None)
            if option is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, round(write_timeout * 1000))

    def abort(self) -> None:
        """Close the connection at once and drop the bytes that are still buffered."""
        if self._transport is not None:
            self._transport.abort()

    @classmethod
    def of(cls, scope: Scope, send: Send) -> Self:
        """Return the `Connection` that `Secured` has put into the ASGI scope, or else make a new
        one."""
        found: Self | None = scope.get(KEY)
        return found or cls(send, WRITE_TIMEOUT)
