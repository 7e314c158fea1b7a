"""Connections of toolkits: opened once at the start, opened again if they die, closed at the end.

Agno would connect a toolkit in each run and close it after it, also under the calls of other runs.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from agno.agent import Agent

from ..run_failures import ToolsUnavailable
from .components.late import Team
from .components.tree import walk

logger = logging.getLogger(__name__)

#: Seconds to open a connection, and for a sign that it still works.
CONNECT_TIMEOUT, PING_TIMEOUT = 30.0, 5.0


class Connection:
    """The connection of one toolkit, in a task of its own: what a task opens, it must close.

    `trouble` is the reason why it is not open; None if it is.
    """

    def __init__(self, toolkit: Any) -> None:
        self.toolkit = toolkit
        self.name = str(getattr(toolkit, "name", None) or type(toolkit).__name__)
        self.trouble: str | None = "not connected yet"
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._runs_connect = bool(getattr(toolkit, "requires_connect", False))

    async def open(self) -> None:
        """Open it, or open it again if it has died; `trouble` is None if that worked."""
        async with self._lock:
            if self.trouble is None and await self._alive():
                return
            await self._end()
            opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._leave = asyncio.Event()
            self._task = asyncio.create_task(self._hold(opened), name=f"connection-{self.name}")
            await opened

    async def close(self) -> None:
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        self._leave.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CONNECT_TIMEOUT)
            self._task = None

    async def _hold(self, opened: "asyncio.Future[None]") -> None:
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._connect()
                self.trouble = None
            except Exception as error:  # of the toolkit, which may raise anything
                self.trouble = f"{type(error).__name__}: {error}"
                logger.warning("tools: %s cannot be connected: %s", self.name, self.trouble)
        finally:
            if not opened.done():
                opened.set_result(None)
        if self.trouble is not None:
            return
        await self._leave.wait()
        self.trouble = "closed"
        try:
            await _call(self.toolkit.close)
        except Exception as error:  # it may have died before
            logger.info("tools: %s could not be closed: %s", self.name, error)
        if self._runs_connect:
            self.toolkit._requires_connect = True

    async def _connect(self) -> None:
        if getattr(self.toolkit, "initialized", None) is False and self.trouble != (
            "not connected yet"
        ):
            await _call(self.toolkit.connect, force=True)
        else:
            await _call(self.toolkit.connect)
        # Agno's own toolkits log their errors, and are then not initialized.
        if getattr(self.toolkit, "initialized", True) is False:
            raise ConnectionError("the server did not answer as expected; see the log")
        if self._runs_connect:
            self.toolkit._requires_connect = False  # or each run would connect and close it

    async def _alive(self) -> bool:
        if getattr(self.toolkit, "initialized", True) is False:
            return False
        if not hasattr(self.toolkit, "is_alive"):
            return True
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                return bool(await _call(self.toolkit.is_alive))
        except Exception as error:  # of the toolkit, which may raise anything
            logger.info("tools: %s is not alive: %s", self.name, error)
            return False


class Connections:
    """The connections of the toolkits of all components that the server serves."""

    def __init__(self, components: Iterable[Any]) -> None:
        self._of: dict[int, list[Connection]] = {}
        self._all: dict[int, Connection] = {}
        for component in components:
            toolkits = [tool for part in walk(component) for tool in _toolkits(part)]
            self._of[id(component)] = [self._add(toolkit) for toolkit in toolkits]

    def _add(self, toolkit: Any) -> Connection:
        return self._all.setdefault(id(toolkit), Connection(toolkit))

    @property
    def trouble(self) -> list[str]:
        """The toolkits that are not connected, with the reason."""
        return [f"{c.name} ({c.trouble})" for c in self._all.values() if c.trouble is not None]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open all connections; the server also starts without those that cannot be opened."""
        try:
            await asyncio.gather(*(connection.open() for connection in self._all.values()))
            yield
        finally:
            await asyncio.gather(*(connection.close() for connection in self._all.values()))

    async def ensure(self, component: Any) -> None:
        """Open again what has died of a component's connections.

        Raises `ToolsUnavailable`: an answer without the tools that it needs would be none.
        """
        for connection in self._of.get(id(component), ()):
            await connection.open()
            if connection.trouble is not None:
                raise ToolsUnavailable(
                    f"The tools of {connection.name} cannot be reached: {connection.trouble}"
                )


def _toolkits(component: Any) -> list[Any]:
    """The toolkits of an agent or team that have a connection: MCP, and those that declare one."""
    tools = component.tools if isinstance(component, Agent | Team) else None
    if not isinstance(tools, list):
        return []
    return [tool for tool in tools if _connects(tool)]


def _connects(tool: Any) -> bool:
    names = {base.__name__ for base in type(tool).__mro__}
    connects = bool(names & {"MCPTools", "MultiMCPTools"}) or getattr(
        tool, "requires_connect", False
    )
    return bool(connects) and hasattr(tool, "connect")


async def _call(method: Any, **kwargs: Any) -> Any:
    """Call a toolkit's method; one that is not a coroutine function runs in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(**kwargs)
    result = await asyncio.to_thread(method, **kwargs)
    return await result if inspect.isawaitable(result) else result
