"""A part that fails while the server stops keeps no other part from being closed."""

import asyncio
import os
import signal
from pathlib import Path
from types import FrameType

import pytest
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb

from app.core.access.rates import Rates
from app.core.log.hub import Hub
from app.core.log.journals.memory import MemoryJournal
from app.core.runs.service import Runs
from app.main import create_app
from app.signals import graceful_shutdown
from app.web import Connections
from tests.core.parts import RecordingJournal
from tests.server import Bare


class Closed(Rates):
    """Rates that note that they were closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True
        await super().close()


class Failing(RecordingJournal):
    """A journal that cannot be closed."""

    async def close(self) -> None:
        raise OSError("the disk is gone")


async def test_runs_close_all_their_parts() -> None:
    """If the journal cannot be closed, the error is told and what comes after it is closed."""
    rates = Closed()
    runs = Runs(Hub(Failing()), rates=rates)
    await runs.open()
    with pytest.raises(OSError, match="the disk is gone"):
        await runs.close()
    assert rates.closed
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_lifespan_closes_all_its_parts(tmp_path: Path) -> None:
    """If a store of conversations cannot be closed, the journal is closed and all tasks end."""

    class Stuck(AsyncSqliteDb):
        async def close(self) -> None:
            await super().close()
            raise OSError("the disk is gone")

    db = Stuck(db_file=f"{tmp_path}/own.db")
    app = create_app(Bare(data_dir=tmp_path, model="demo"), agents=[Agent(id="a", db=db)])
    with pytest.raises(OSError, match="the disk is gone"):
        async with app.router.lifespan_context(app):
            assert 0 == app.state.context.runs.live
    assert not app.state.context.runs.accepting
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_signal_ends_a_server_that_cannot_drain() -> None:
    """If the runs cannot be stopped in good order, the web server hears of the signal all the
    same."""

    class Stuck(Runs):
        async def drain(self, grace: float) -> None:
            raise OSError("the disk is gone")

    heard = asyncio.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        heard.set()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with graceful_shutdown(Stuck(Hub(MemoryJournal())), 0, Connections()):
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(10):
                await heard.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
