"""The journal's file is locked or its disk is full: streams go on, and all is there afterwards."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.command import run
from tests.provider import Provider
from tests.survival.parts import (
    DEGRADED,
    READY,
    Tab,
    becomes,
    client,
    counted,
    kept,
    paced,
    readiness,
    serving,
)

#: Longer than a call waits for the file.
LOCKED = 3.0


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """A foreign program writes to the journal's file, and does not come to an end."""
    with closing(sqlite3.connect(folder / "data" / "runs.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


async def test_streams_outlast_a_locked_file(tmp_path: Path, provider: Provider) -> None:
    """While a foreign program holds the file, a stream goes on, a new run begins, the log and
    `readyz` say so; afterwards the journal has all of it once."""
    provider.default = paced(6)
    one, two = Tab(), Tab()
    async with serving(tmp_path, provider) as command:
        async with client(command) as http:
            asking = asyncio.create_task(one.start(http))
            await one.until(50)
            async with locked(tmp_path):
                before = one.tokens
                beginning = asyncio.create_task(two.start(http))
                await asyncio.sleep(LOCKED)
                assert DEGRADED == await readiness(http)
                assert one.tokens > before + 100
                assert two.tokens > 10
            await becomes(http, READY)
            await asyncio.gather(asking, beginning)
            for tab in (one, two):
                assert counted(600) == tab.text
        assert 0 == await asyncio.to_thread(command.stop)
    assert 1 == command.output.count("journal: cannot be written; streams go on from memory")
    assert 1 == command.output.count("journal: is written again, after")
    async with serving(tmp_path, provider) as command, client(command) as http:
        await kept(http, one)
        await kept(http, two)


async def test_streams_outlast_a_full_disk(tmp_path: Path, provider: Provider) -> None:
    """While the journal's disk is full, streams go on to their ends, the log and `readyz` say so;
    with room again the journal has all of it once."""
    provider.default = paced(3)
    one, two = Tab(), Tab()
    async with serving(tmp_path, provider) as command:
        pid = command.process.pid
        async with client(command) as http:
            asking = asyncio.create_task(one.start(http))
            await one.until(50)
            # A file may not grow any more: as a full disk, but for the number of the error.
            size = max(file.stat().st_size for file in (tmp_path / "data").glob("runs.db*"))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            await becomes(http, DEGRADED)
            await two.start(http)
            await asking
            assert DEGRADED == await readiness(http)
            resource.prlimit(
                pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            await becomes(http, READY)
            for tab in (one, two):
                assert counted(300) == tab.text
                await kept(http, tab)
        assert 0 == await asyncio.to_thread(command.stop)
    assert 1 == command.output.count("journal: cannot be written; streams go on from memory")
    assert 1 == command.output.count("journal: is written again, after")


async def test_locked_file_at_start(tmp_path: Path, provider: Provider) -> None:
    """A server that starts on a locked file says what is wrong in one line, with exit code 2."""
    async with serving(tmp_path, provider):
        pass
    async with locked(tmp_path):
        failed = await asyncio.to_thread(run, tmp_path, "-m", "app", "serve", "--port", "0")
    assert (2, 1) == (failed.returncode, len(failed.stderr.splitlines()))
    assert failed.stderr.startswith("agno-stream: JOURNAL_URL: ")
    assert "locked" in failed.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_journal_that_is_no_database(tmp_path: Path, workers: str) -> None:
    """A journal that is no database is one line of error, with exit code 2."""
    (tmp_path / "runs.db").write_text("Dear diary, " * 100)
    failed = run(
        tmp_path, "-m", "app", "serve", "--workers", workers, JOURNAL_URL="sqlite:///runs.db"
    )
    assert (2, "") == (failed.returncode, failed.stdout)
    assert ["agno-stream: JOURNAL_URL: runs.db cannot be used: file is not a database"] == (
        failed.stderr.splitlines()
    )
