"""What a person learns at the start: where the server is, what answers, why it cannot start."""

import errno
import logging
import os
import shlex
import socket
from collections.abc import Iterable, Sequence
from itertools import pairwise

import uvicorn

from .core.errors import ConfigurationError
from .core.providers import ModelCatalog
from .settings import Settings

logger = logging.getLogger(__name__)

#: The variable with which `make run` says that it starts the server.
BY_MAKE = "STARTED_BY_MAKE"

#: Ports that are tried for a suggestion, after the one that is taken.
FURTHER_PORTS = 20


class Server(uvicorn.Server):
    """uvicorn's server, which says where the page is as soon as it can be opened."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets is None:
            for server in self.servers[:1]:
                for listener in server.sockets[:1]:
                    announce(listener)


def announce(listener: socket.socket) -> None:
    """Log the addresses of the page and of the reference of a server that listens."""
    host, port = listener.getsockname()[:2]
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    logger.info("the chat page: %s/ (in a browser); the reference of the API: %s/docs", url, url)


def report(models: ModelCatalog, settings: Settings, agents: Iterable[str]) -> None:
    """Log which model and agents answer, and where data lie.

    An application that mounts the server may have no log for it: then the line is in uvicorn's.
    """
    own = logger.isEnabledFor(logging.INFO) and logger.hasHandlers()
    (logger if own else logging.getLogger("uvicorn.error")).info(
        "%smodel: %s; agents: %s; data: %s",
        "" if own else "agno-stream: ",
        describe(models, settings),
        ", ".join(agents),
        settings.data_dir.absolute(),
    )


def describe(models: ModelCatalog, settings: Settings) -> str:
    """Return the name of the default model, and why it is that one."""
    spec = models.default.spec
    if spec == "demo":
        return (
            "demo (a demonstration; set OPENAI_API_KEY, OLLAMA_HOST or MODEL for a real one. It "
            "runs the tools of your agents for real, with arguments that it makes up)"
        )
    if settings.model:
        return f"{spec} (MODEL)"
    if settings.openai_api_key or settings.openai_base_url:
        reason = "OPENAI_API_KEY" if settings.openai_api_key else "OPENAI_BASE_URL"
        return f"{spec} ({reason} is set, and no MODEL)"
    return f"{spec} (an Ollama answers at {settings.ollama_host or '127.0.0.1:11434'})"


def check_port(host: str, port: int, arguments: Sequence[str]) -> None:
    """Raise `ConfigurationError` with a command for a free port if another program has this one;
    `arguments` are those of this command."""
    if port == 0 or _is_free(host, port):
        return
    free = next((p for p in range(port + 1, port + FURTHER_PORTS) if _is_free(host, p)), 0)
    command = command_for(free, arguments, by_make=BY_MAKE in os.environ)
    raise ConfigurationError(
        f"PORT: {port} of {host}: address already in use. Another program has it, perhaps an "
        f"agno-stream that still runs: stop that, or type: {command}"
    )


def command_for(port: int, arguments: Sequence[str], *, by_make: bool) -> str:
    """The command with which a person starts the server as this time, at another port."""
    others = [
        word
        for before, word in pairwise(["", *arguments])
        if before != "--port" and not word.startswith("--port")
    ]
    if by_make:
        flags = shlex.join(others[1:])
        return f"PORT={port} make run" + (f" ARGS={shlex.quote(flags)}" if flags else "")
    return shlex.join(["agno-stream", *others, "--port", str(port)])


def _is_free(host: str, port: int) -> bool:
    """Whether nobody listens at an address; True if that cannot be found out."""
    if port > 65535:
        return False
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True
