"""`agno-stream serve`: the server with its embedded defaults."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload, Multiprocess

from . import __version__
from .api.guard import check_address
from .core.errors import ConfigurationError
from .core.log.journals import open_journal
from .core.runs.identity import new_id
from .core.telemetry.metrics import shared_folder
from .logs import configure
from .main import create_app
from .settings import Settings, load_settings

#: Seconds that open connections have to end after a stop signal.
SHUTDOWN_GRACE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal; the exit code is 2 for settings that cannot work."""
    flags = vars(_parser().parse_args(arguments))
    flags.pop("command")
    reload: bool = flags.pop("reload")
    configure()
    try:
        settings = load_settings(**flags)
        configure(json=settings.log_format == "json")
        check_address(
            settings.host,
            open_to_all=settings.allow_anonymous
            or bool(settings.api_keys or settings.api_keys_file),
        )
        asyncio.run(_try_journal(settings))
        app = create_app(settings)
        several = settings.workers > 1
        if several and urlsplit(settings.journal_url or "").scheme == "memory":
            raise ConfigurationError("WORKERS: several need a journal to share; memory:// is not.")
        if several and reload:
            raise ConfigurationError("WORKERS: with --reload there can be only one.")
    except ConfigurationError as error:
        print(f"agno-stream: {error.message}", file=sys.stderr)  # noqa: T201  # for the terminal
        return 2
    # When all is done uvicorn raises the signal that stopped it again. As a KeyboardInterrupt it
    # is taken for what it is, an end that was asked for: the exit code is 0.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Workers are fresh processes: what the flags said reaches them by the environment.
    os.environ.update((name.upper(), str(value)) for name, value in flags.items() if value)
    config = uvicorn.Config(
        f"{__package__}.__main__:worker" if several or reload else app,
        factory=several or reload,
        reload=reload,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_GRACE,
    )
    if several:
        with shared_folder(settings.data_dir):
            return Supervisor(config, [config.bind_socket()]).serve()
    server = uvicorn.Server(config)
    if reload:
        with suppress(KeyboardInterrupt):
            ChangeReload(config, target=server.run, sockets=[config.bind_socket()]).run()
        return 0
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else STARTUP_FAILURE


class Supervisor(Multiprocess):
    """Keeps workers alive, and passes on each stop signal: uvicorn's own hears the first alone."""

    def serve(self) -> int:
        self.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)
        return STARTUP_FAILURE if failed else 0

    def handle_int(self) -> None:
        super().handle_int()
        self._pass_on(signal.SIGINT)

    def join_all(self) -> None:
        while any(process.process.is_alive() for process in self.processes):
            while self.signal_queue:
                self._pass_on(self.signal_queue.pop())
            time.sleep(0.05)
        super().join_all()

    def _pass_on(self, number: int) -> None:
        for process in self.processes:
            if process.process.is_alive() and process.pid is not None:
                os.kill(process.pid, number)


async def _try_journal(settings: Settings) -> None:
    """Open the journal, and close it: the web server would tell its failure by a traceback."""
    journal = open_journal(
        settings.journal_url, retention=settings.retention, data_dir=settings.data_dir
    )
    await journal.open(new_id())
    await journal.close()


def worker() -> FastAPI:
    """The app of one of several workers, from the environment."""
    settings = load_settings()
    configure(json=settings.log_format == "json")
    logging.getLogger("uvicorn.access").propagate = False  # as `access_log=False` says
    return create_app(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agno-stream", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve", help="run the server", description="Flags override the environment and .env."
    )
    serve.add_argument("--host", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="the port to listen on (8000)")
    serve.add_argument("--agents", help="your own agents, module:attribute, ...")
    serve.add_argument("--model", help="the default model, as openai:gpt-4o-mini or demo")
    serve.add_argument(
        "--reload", action="store_true", help="start again when a file changes, for development"
    )
    serve.add_argument("--workers", type=int, help="processes that serve together (1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
