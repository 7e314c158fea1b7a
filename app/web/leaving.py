"""The listeners of a server that stops: what waits to be accepted is accepted before they close.

See docs/decisions/071-a-server-that-stops-answers-what-was-sent.md.
"""

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import uvicorn

logger = logging.getLogger(__name__)

#: Failures of `accept` that concern one connection only: its client has gone.
OF_ONE = (errno.ECONNABORTED, errno.EPROTO)


def server_of(handler: object) -> uvicorn.Server | None:
    """Return the server whose method a handler of signals is; None if it is none of uvicorn's.

    uvicorn's supervisor makes the servers of its workers itself, so the handler that it has
    installed is the one way from an app to its server.
    """
    server = getattr(handler, "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None


async def close_listeners(server: uvicorn.Server) -> None:
    """Accept all connections that wait in the backlog, and then no more.

    The system resets those that wait when the last process closes the listener, and to a client
    they are open: its request may be on the way. Between the last look and the close there are
    microseconds.
    """
    if sys.platform == "win32":
        return  # a socket has no descriptor there that could be duplicated
    loop, config = asyncio.get_running_loop(), server.config
    accepted: list[socket.socket] = []
    for listener in server.servers:
        # The loop's own sockets cannot be accepted from, and are closed with the listener.
        spares = [socket.socket(fileno=os.dup(each.fileno())) for each in listener.sockets]
        listener.close()
        for spare in spares:
            with spare:
                spare.setblocking(False)
                accepted += _waiting(spare)

    def protocol() -> Any:
        made: Any = config.http_protocol_class
        return made(
            config=config, server_state=server.server_state, app_state=server.lifespan.state
        )

    for connection in accepted:
        with suppress(OSError):  # its client has gone
            await loop.connect_accepted_socket(protocol, connection, ssl=config.ssl)


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept connections until none waits."""
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in OF_ONE:
                continue
            logger.warning("connections that wait cannot be accepted: %s", error)
            return
        connection.setblocking(False)
        yield connection
