"""Connections to one provider, kept open between requests."""

import asyncio
import socket
from contextvars import Context

import aiohappyeyeballs
import httpx2

from .connection import Connection
from .heads import Target

#: Seconds for which a connection without a request is kept open, and how many are.
IDLE, MOST_IDLE = 15.0, 100

#: Seconds after which the next address of a host is tried beside the first.
NEXT_ADDRESS = 0.25

#: Seconds of silence after which the kernel looks for the other end, and between its looks.
PROBES = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15))


class Pool:
    """Connections to where requests go, each kept for `idle` seconds without a request. It is used
    by one event loop at a time."""

    def __init__(self, target: Target, idle: float = IDLE) -> None:
        self.target = target
        self._longest = idle
        self._tls = httpx2.create_ssl_context() if target.scheme == "https" else None
        self._idle: list[tuple[Connection, float]] = []  # the one used last is the last
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self) -> Connection | None:
        """An open connection without a request; None if there is none."""
        self._enter()
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.free:
                return connection
        return None

    async def open(self, seconds: float | None) -> Connection:
        """A new connection; raises `httpx2.ConnectError`, or `ConnectTimeout` after `seconds`."""
        self._enter()
        # Its callbacks would keep the variables of the run that it is opened for.
        connecting = asyncio.create_task(self._connect(), context=Context())
        try:
            async with asyncio.timeout(seconds):
                return await connecting
        except BaseException as error:
            connecting.add_done_callback(_drop)
            if isinstance(error, TimeoutError):
                raise httpx2.ConnectTimeout("The provider accepts no connection.") from error
            if isinstance(error, OSError | UnicodeError):
                raise httpx2.ConnectError(str(error)) from error
            raise

    def close(self) -> None:
        """Close the connections that have no request; others are, once they have none."""
        self._closed = True
        self._leave()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        host = self.target.host
        found = await loop.getaddrinfo(host, self.target.port, type=socket.SOCK_STREAM)
        place = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS)
        try:
            _keep_alive(place)
            _, connection = await loop.create_connection(
                lambda: Connection(self._free),
                sock=place,
                ssl=self._tls,
                server_hostname=host.rstrip(".") if self._tls else None,
            )
        except BaseException:
            place.close()
            raise
        return connection

    def _enter(self) -> None:
        if self._loop is not asyncio.get_running_loop():
            self._leave()
            self._loop = asyncio.get_running_loop()

    def _leave(self) -> None:
        """Close what is idle, in the event loop that it belongs to, unless that has ended."""
        idle, self._idle = self._idle, []
        sweeper, self._sweeper = self._sweeper, None
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if loop is _running():
            for connection, _ in idle:
                connection.abort()
            if sweeper is not None:
                sweeper.cancel()
        else:
            for connection, _ in idle:
                loop.call_soon_threadsafe(connection.abort)

    def _free(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        if self._closed or loop is not self._loop or len(self._idle) >= MOST_IDLE:
            connection.abort()
            return
        self._idle.append((connection, loop.time()))
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._longest, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long, and look again when the next is due."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            return
        old = loop.time() - self._longest
        kept = []
        for connection, since in self._idle:
            if not connection.free:
                continue
            if since <= old:
                connection.abort()
            else:
                kept.append((connection, since))
        self._idle = kept
        self._sweeper = loop.call_at(kept[0][1] + self._longest, self._sweep) if kept else None


def _drop(connecting: asyncio.Task[Connection]) -> None:
    """Close a connection that nobody waits for any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _keep_alive(place: socket.socket) -> None:
    place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in PROBES:
        if hasattr(socket, name):
            place.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
