"""`agno-stream serve`: serves agents over HTTP, with stores in the data folder by default."""

import gc

gc.disable()  # what is imported stays: to search it for garbage takes a sixth of the start

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload

from .api.guard import check_address
from .command_line import parser
from .core.errors import ConfigurationError
from .core.log.journal import SharedJournal
from .core.log.journals import open_journal
from .core.runs.identity import new_id
from .core.telemetry.shared_folder import shared_folder
from .environment import load_settings, warn_of_unknown_names
from .logs import configure
from .main import create_app
from .private import keep_files_private, make_private
from .settings import Settings
from .shares import share_of_worker
from .startup import Server, announce, check_port
from .supervised import end_with_parent
from .supervisor import Supervisor
from .web import PROTOCOL

gc.enable()

#: Seconds for which uvicorn waits for open connections after the runs have ended.
CLOSING_TIMEOUT = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a stop signal; the exit code is 2 if a setting is wrong."""
    gc.freeze()  # the modules stay: at the exit Python would search them for garbage, for 0.5 s
    words = sys.argv[1:] if arguments is None else arguments
    flags = vars(parser().parse_args(words))
    flags.pop("command")
    reload: bool = flags.pop("reload")
    configure()
    keep_files_private()
    try:
        settings = load_settings(**flags)
        configure(json=settings.log_format == "json")
        warn_of_unknown_names()
        check_address(
            settings.host,
            open_to_all=settings.allow_anonymous
            or bool(settings.api_keys or settings.api_keys_file or settings.principal_header),
        )
        check_port(settings.host, settings.port, words)
        make_private(settings.data_dir)
        shared = asyncio.run(_try_journal(settings))
        app = _made(settings)
        several = settings.workers > 1
        if several and not shared:
            raise ConfigurationError(
                f"WORKERS: several processes need a journal that they share, and "
                f"{settings.journal_url} is in one process. "
                "Set JOURNAL_URL to sqlite:///... or redis://..."
            )
        if several and reload:
            raise ConfigurationError("WORKERS: with --reload there can be only one process.")
    except ConfigurationError as error:
        print(f"agno-stream: {error.message}", file=sys.stderr)  # noqa: T201  # for the terminal
        return 2
    # At its end uvicorn raises the signal that stopped it again. As a KeyboardInterrupt it is
    # suppressed below, because a stop by a signal is no failure: the exit code is 0.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Workers are new processes: they receive the flags through the environment.
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
        http=PROTOCOL,
        ws="none",
        proxy_headers=False,  # read by `Forwarded`, which has to see the proxy's own address
        timeout_graceful_shutdown=CLOSING_TIMEOUT,  # type: ignore[arg-type]  # waited for as it is
    )
    server = Server(config)
    if several or reload:
        listener = config.bind_socket()
        listener.listen(config.backlog)  # who comes before a worker is ready waits for it
        announce(listener)
        if several:
            with shared_folder(settings.data_dir):
                return Supervisor(config, [listener]).serve()
        with suppress(KeyboardInterrupt):
            ChangeReload(config, target=server.run, sockets=[listener]).run()
        return 0
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else STARTUP_FAILURE


def _made(settings: Settings) -> FastAPI:
    """The app. Making it loads the SDKs of its models, which are not searched for garbage."""
    gc.disable()
    try:
        return create_app(settings)
    finally:
        gc.freeze()
        gc.enable()


async def _try_journal(settings: Settings) -> bool:
    """Open the journal and close it, because the web server would log a failure as a traceback.

    Returns whether several processes can share it.
    """
    journal = open_journal(
        settings.journal_url, retention=settings.retention, data_dir=settings.data_dir
    )
    await journal.open(new_id())
    await journal.close()
    return isinstance(journal, SharedJournal)


def worker() -> FastAPI:
    """The app of one of several workers, with the settings of the environment.

    Exits with 2 if a setting is wrong, as after a change of a module with `--reload`.
    """
    keep_files_private()
    try:
        settings = load_settings()
        configure(json=settings.log_format == "json")
        logging.getLogger("uvicorn.access").propagate = False  # like `access_log=False` in `main`
        end_with_parent()
        return _made(share_of_worker(settings))
    except ConfigurationError as error:
        print(f"agno-stream: {error.message}", file=sys.stderr)  # noqa: T201  # for the terminal
        raise SystemExit(2) from error


if __name__ == "__main__":
    sys.exit(main())
