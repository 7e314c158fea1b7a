"""A real server for tests: uvicorn in a thread, its own data folder, any settings.

See docs/decisions/050-tests-use-real-parts.md.
"""

import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from app.main import create_app
from app.settings import Settings
from app.web import PROTOCOL
from tests import tables


class Bare(Settings):
    """Settings by their names alone; neither the environment nor a `.env` is read."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: Any, init_settings: Any, *others: Any, **sources: Any
    ) -> tuple[Any, ...]:
        return (init_settings,)


class Served:
    """`with Served(app) as server:` serves an application at `server.url` until the block ends."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            http=PROTOCOL,
            ws="none",
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            **options,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.005)
        return self

    def buffer_little(self) -> None:
        """Let the kernel take some tens of KiB at most for clients that do not read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=20)
        self._socket.close()


class Server(Served):
    """`with Server(data_dir=...) as server:` serves at `server.url` until the block ends.

    `settings` are those of the product, by their names, so that a test sees the same server
    everywhere.
    """

    def __init__(
        self, data_dir: Path, *, agents: Iterable[Any] | None = None, **settings: Any
    ) -> None:
        settings = {"model": "demo", **settings}
        self.app = create_app(Bare(data_dir=data_dir, **settings), agents=agents)
        file = data_dir / "conversations.db"
        if file.exists() and not file.stat().st_size:
            file.write_bytes(tables.sqlite())
        super().__init__(self.app)
