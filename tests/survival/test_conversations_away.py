"""The store of conversations fails: every turn is stored in the end, and readers know meanwhile."""

import asyncio
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import Command
from tests.link import Link
from tests.provider import Provider
from tests.services import PostgresServer
from tests.streaming.reader import CHAT
from tests.survival.parts import Tab, Watch, client, metric, paced, serving, until


class Outage:
    """A store of conversations with a failure that begins and ends."""

    #: Whether conversations can be read meanwhile.
    readable = False

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.settings: dict[str, str] = {}

    def started(self) -> None:
        """The server has started."""

    def begin(self, server: Command) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class _Postgres(Outage):
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._server = stack.enter_context(PostgresServer())
        self.settings = {"DATABASE_URL": self._server.create()}


class PostgresKilled(_Postgres):
    def begin(self, server: Command) -> None:
        self._server.stop(signal.SIGQUIT)

    def end(self) -> None:
        self._server.start()


class PostgresPaused(_Postgres):
    def begin(self, server: Command) -> None:
        self._server.hang()

    def end(self) -> None:
        self._server.resume()


class PostgresFull(_Postgres):
    """The disk of the database is full, so that its host lets it be read only, as hosts do."""

    readable = True

    def begin(self, server: Command) -> None:
        self._let_write("off")

    def end(self) -> None:
        self._let_write("on")

    def _let_write(self, word: str) -> None:
        opposite = {"on": "off", "off": "on"}[word]
        self._server.sql(f"ALTER SYSTEM SET default_transaction_read_only = {opposite}")
        self._server.sql("SELECT pg_reload_conf()")
        while self._server.sql("SHOW default_transaction_read_only").strip() != opposite:
            time.sleep(0.02)


class PostgresStalled(Outage):
    """PostgreSQL is 300 ms away, and the line to it is dead for a while."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        server = stack.enter_context(PostgresServer())
        self.link = stack.enter_context(Link(server.port, latency=0))
        url = server.create().replace(f":{server.port}/", f":{self.link.port}/")
        self.settings = {"DATABASE_URL": url}

    def started(self) -> None:
        self.link.latency = 0.3  # a start from there takes a quarter of a minute

    def begin(self, server: Command) -> None:
        self.link.stall()

    def end(self) -> None:
        self.link.latency = 0  # the rest of the test has nothing to do with it
        self.link.go_on()


class SqliteLocked(Outage):
    """A backup holds the file."""

    readable = True

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        self._file = folder / "data" / "conversations.db"
        self._stack = stack

    def begin(self, server: Command) -> None:
        self._db = self._stack.enter_context(
            closing(sqlite3.connect(self._file, isolation_level=None, check_same_thread=False))
        )
        self._db.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        self._db.execute("ROLLBACK")


class DiskFull(Outage):
    """The disk of the store is full, that of the journal is not."""

    readable = True

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._disk = folder / "disk"
        self._disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self._disk)]
        self._mounted = not subprocess.run(mount, check=False, capture_output=True).returncode
        if self._mounted:
            stack.callback(subprocess.run, ["umount", "-l", str(self._disk)], check=False)
        self.settings = {"DATABASE_URL": f"sqlite:///{self._disk}/conversations.db"}

    def begin(self, server: Command) -> None:
        if self._mounted:
            free = shutil.disk_usage(self._disk).free
            (self._disk / "filler").write_bytes(b"x" * free)
        else:  # no file may grow, those of the journal neither
            self._pid = server.process.pid
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def end(self) -> None:
        if self._mounted:
            (self._disk / "filler").unlink()
        else:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, unlimited)


OUTAGES = [PostgresKilled, PostgresPaused, SqliteLocked, DiskFull]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


async def conversation(http: httpx.AsyncClient, name: str) -> list[str]:
    reply = await http.get(f"/api/v1/conversations/{name}")
    return [message["content"] for message in reply.json()["messages"]]


async def code(http: httpx.AsyncClient, method: str, path: str, **further: Any) -> tuple[int, str]:
    reply = await http.request(method, path, **further)
    return reply.status_code, reply.json().get("error", {}).get("code", "")


async def status(http: httpx.AsyncClient) -> str:
    found: str = (await http.get("/readyz")).json()["status"]
    return found


async def becomes_ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while await status(http) != "ready":  # noqa: ASYNC110  # a request each time
            await asyncio.sleep(0.05)


UNAVAILABLE = (503, "conversations_unavailable")


async def broken_turn(http: httpx.AsyncClient, outage: Outage, server: Command) -> None:
    """A turn in conversation "c" during which the outage begins; its end does not wait for the
    store."""
    tab = Tab()
    asking = asyncio.create_task(tab.start(http, "Second.", conversation_id="c"))
    await tab.until(50)
    await asyncio.to_thread(outage.begin, server)
    await until(lambda: tab.tokens == 150)
    with Watch("from the last token to the last chunk"):
        await asking
    last = tab.chunks[-1]
    assert ("stop", False) == (last["finish_reason"], last.get("stored"))


@asynccontextmanager
async def after(
    outage: Outage, folder: Path, provider: Provider, server: Command, *, another: bool
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server when the outage is over, or of the next server on the folder."""
    if not another:
        await asyncio.to_thread(outage.end)
        async with client(server) as http:
            yield http
        return
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(outage.end)
    async with (
        serving(folder, provider, **outage.settings) as next_server,
        client(next_server) as http,
    ):
        yield http


@pytest.mark.parametrize(
    ("kind", "another"),
    [(kind, another) for kind in OUTAGES for another in (False, True)]
    + [(PostgresStalled, False), (PostgresFull, False)],
    ids=lambda value: getattr(value, "__name__", "another process" if value else "same process"),
)
async def test_turn_is_lost(
    kind: type[Outage], another: bool, tmp_path: Path, provider: Provider, stack: ExitStack
) -> None:
    """A turn that cannot be stored says so while the store is away, no newer one of its
    conversation begins before it, and it is stored in its place when the store is back."""
    outage = kind(tmp_path, stack)
    provider.default = paced(1.5)
    async with serving(tmp_path, provider, **outage.settings) as server:
        outage.started()
        async with client(server) as http:
            first, other = Tab(), Tab()
            await first.start(http, "First.", conversation_id="c")
            assert "stored" not in first.chunks[-1]
            await broken_turn(http, outage, server)
            sent = len(provider.requests)
            body = {"message": "Third.", "conversation_id": "c"}
            assert UNAVAILABLE == await code(http, "POST", CHAT, json=body)
            if outage.readable:
                assert "degraded" == await status(http)
                assert ["First.", first.text] == await conversation(http, "c")
                await other.start(http, "Other.", conversation_id="d")
                assert other.chunks[-1]["stored"] is False
                assert await metric(http, "unstored_turns") == 2
            else:
                assert "not ready" == await status(http)
                for method, path in (
                    ("GET", "/api/v1/conversations/c"),
                    ("GET", "/api/v1/conversations"),
                    ("DELETE", "/api/v1/conversations/c"),
                ):
                    assert UNAVAILABLE == await code(http, method, path)
                assert UNAVAILABLE == await code(http, "POST", CHAT, json={"message": "New."})
                assert await metric(http, "unstored_turns") == 1
            assert await metric(http, "conversations_failing") == 1
            assert sent + outage.readable == len(provider.requests)
        async with after(outage, tmp_path, provider, server, another=another) as http:
            await becomes_ready(http)
            text = first.text
            assert ["First.", text, "Second.", text] == await conversation(http, "c")
            await Tab().start(http, "Third.", conversation_id="c")
            sent_now = provider.requests[-1].body["messages"]
            assert ["First.", "Second.", "Third."] == [
                m["content"] for m in sent_now if m["role"] == "user"
            ]
            assert ["First.", text, "Second.", text, "Third.", text] == (
                await conversation(http, "c")
            )
            if outage.readable:
                assert ["Other.", other.text] == await conversation(http, "d")
            assert await metric(http, "unstored_turns") == 0


async def test_deleted_file(tmp_path: Path, provider: Provider) -> None:
    """If somebody deletes the file of conversations, the next turns are in a new one."""
    provider.default = paced(0.2)
    async with serving(tmp_path, provider) as server, client(server) as http:
        await Tab().start(http, "First.", conversation_id="c")
        for file in (tmp_path / "data").glob("conversations.db*"):
            file.unlink()
        second = Tab()
        await second.start(http, "Second.", conversation_id="d")
        await becomes_ready(http)
        assert ["Second.", second.text] == await conversation(http, "d")
        assert (404, "unknown_conversation") == await code(http, "GET", "/api/v1/conversations/c")
        third = Tab()
        await third.start(http, "Third.", conversation_id="d")
        assert ["Second.", second.text, "Third.", third.text] == await conversation(http, "d")
        assert "was deleted or replaced" in server.output
