"""Several processes that serve together: as hosts with an address each, or as workers on one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from tests.command import Command
from tests.provider import Provider
from tests.survival.parts import serving, until


class Team:
    """Processes by number: `at` gives a client of one of them, `kill` kills it.

    A client of a worker has a connection to it, which serves one request after the other; at the
    second one at a time, or after a silence of some seconds, it is anybody's.
    """

    def __init__(self, stack: AsyncExitStack, commands: list[Command], pids: list[int]) -> None:
        self.commands = commands
        self.pids = pids
        self._stack = stack
        self._shared = len(commands) == 1

    def for_clients(self, stack: AsyncExitStack) -> "Team":
        """The same processes, whose clients are closed with another stack."""
        return Team(stack, self.commands, self.pids)

    async def at(self, n: int) -> httpx.AsyncClient:
        url = self.commands[0 if self._shared else n].url
        http = await self._stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        others = [pid for pid in self.pids if self._shared and pid != self.pids[n]]
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            await until(lambda: all(_status(pid) == "T" for pid in others))
            assert 200 == (await http.get("/healthz")).status_code
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
        return http

    def kill(self, n: int) -> None:
        os.kill(self.pids[n], signal.SIGKILL)

    @property
    def output(self) -> str:
        return "".join(command.output for command in self.commands)


@asynccontextmanager
async def hosts(
    folder: Path, provider: Provider, count: int = 2, **settings: str
) -> AsyncIterator[Team]:
    async with AsyncExitStack() as stack:
        starting = [
            stack.enter_async_context(serving(folder, provider, **settings)) for _ in range(count)
        ]
        commands = list(await asyncio.gather(*starting))
        yield Team(stack, commands, [command.process.pid for command in commands])


@asynccontextmanager
async def workers(
    folder: Path, provider: Provider, count: int = 2, **settings: str
) -> AsyncIterator[Team]:
    flags = ("--workers", str(count))
    async with (
        AsyncExitStack() as stack,
        serving(folder, provider, *flags, **settings) as command,
    ):
        yield Team(stack, [command], workers_of(command))


def workers_of(command: Command) -> list[int]:
    """The processes of a server's workers."""
    pid = command.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in _read(child, "cmdline")]


def _status(pid: int) -> str:
    return _read(pid, "stat").rpartition(")")[2].split()[0]


def _read(pid: int | str, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(errors="replace")


TEAMS = {"hosts": hosts, "workers": workers}
