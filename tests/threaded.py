"""Serves HTTP from a thread with an event loop of its own, for the tests' upstreams."""

import asyncio
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

from aiohttp import web


class ThreadedServer(ABC):
    """A context manager: it answers by `_handle` on the loopback address, at `port`.

    At the end it closes the connections that are open, so that their clients see a cut.
    """

    requests: list[Any]

    def __init__(self, *, port: int = 0) -> None:
        self.port = port

    @abstractmethod
    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""

    def wait_for(self, predicate: Callable[[], object], timeout: float = 20) -> None:
        """Block until the predicate holds; raises TimeoutError. Coroutines should await `until`."""
        deadline = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout} s; requests: {self.requests}")
            time.sleep(0.002)

    async def until(self, predicate: Callable[[], object], timeout: float = 20) -> None:  # noqa: ASYNC109 - the thread keeps to it
        """`wait_for` that leaves the event loop free."""
        await asyncio.to_thread(self.wait_for, predicate, timeout)

    def __enter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        self._leave: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener)))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set_result(None)
        self._thread.join()

    async def _serve(self, listener: socket.socket) -> None:
        # Without handler_cancellation a handler notices a disconnect only at its next write.
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await runner.setup()
        await web.SockSite(runner, listener, backlog=1024).start()
        await asyncio.wrap_future(self._leave)
        for connection in server.connections:
            connection.force_close()
        await runner.cleanup()
