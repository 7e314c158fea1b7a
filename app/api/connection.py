"""The socket behind a request, where the web server lets us at it, as uvicorn does.

See docs/decisions/027-the-guard-stands-around-everything.md.
"""

import socket
from typing import Any, Self

from starlette.types import Scope, Send

#: Seconds that one write may take where no setting says it.
PATIENCE = 30.0

#: Its place in the scope.
KEY = "agno_stream.connection"


class Connection:
    """Ends connections whose other end has stopped reading.

    `patience` is the seconds that a write may take. A transport that is closed waits until its
    buffer is empty, which it never is then: it is to be aborted. Where the kernel can (Linux), it
    does the same to what we have written and closed, as answers in one piece.
    """

    def __init__(self, send: Send, patience: float) -> None:
        self.patience = patience
        self._transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
        found = self._transport and self._transport.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            option = getattr(socket, "TCP_USER_TIMEOUT", None)
            if option is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, round(patience * 1000))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @classmethod
    def of(cls, scope: Scope, send: Send) -> Self:
        """That of a request; where no `Secured` has seen it, one that may do nothing."""
        found: Self | None = scope.get(KEY)
        return found or cls(send, PATIENCE)
