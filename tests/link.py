"""A long way to a service: a TCP proxy that delays every byte, and that can stall."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Link:
    """`with Link(port) as link:` leads from `link.port` to a port of this machine.

    What is sent arrives after half of `latency` seconds, in either direction; it may change. While
    it is stalled nothing arrives; connections stay open, and new ones are accepted.
    """

    def __init__(self, port: int, latency: float = 0.3) -> None:
        self.port = 0
        self._target = port
        self.latency = latency
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stall(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def go_on(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._carry(near, forth), self._carry(far, back))
        except (OSError, asyncio.CancelledError):  # asyncio would log that it was cancelled
            back.close()
        finally:
            self._tasks.discard(task)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Pass on what comes, each piece when it is due."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

        async def arrive() -> None:
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(due - self._loop.time())
                await self._flowing.wait()
                if not data:
                    break
                target.write(data)
                await target.drain()

        arriving = asyncio.create_task(arrive())
        try:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    await on_the_way.put((self._loop.time() + self.latency / 2, data))
            await on_the_way.put((self._loop.time() + self.latency / 2, b""))
            with suppress(ConnectionError):
                await arriving
        finally:
            arriving.cancel()
            target.close()
