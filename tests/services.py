"""Real servers for tests, each on a free port, with its data in a folder of its own.

A test is skipped if the binary of its server is not installed.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest


def free_port() -> int:
    """A free port to start a server on, below the kernel's ephemeral ports, because a connection
    could take one of those before the server does."""
    while True:
        port = random.randint(15_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def find(name: str, *folders: Path) -> str:
    """A binary on the path or in one of the folders; skips if there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    if found := shutil.which(name, path=path):
        return found
    pytest.skip(f"{name} is not installed")


class Service:
    """A server process that can be stopped, started again, and made to hang."""

    def __init__(self, command: Sequence[str], folder: Path, user: str | None = None) -> None:
        self._command = command
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        output = self._folder / "output.txt"
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 30
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"{self._command[0]} did not start:\n{output.read_text()}")
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send the signal, and kill the process if it does not end within 10 s."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(number)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            for child in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
                for pid in child.read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), number)


class RedisServer:
    """`with RedisServer(folder) as server:` has started Redis at `server.url`.

    Its data survive `stop` and `start`. `address` is the URL of one of its 16 databases.
    """

    def __init__(self, folder: Path, *, password: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._password = password
        command = [find("redis-server"), "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always"]
        command += ["--requirepass", password] if password else []
        self._service = Service(command, folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def start(self) -> None:
        self._service.start(self._answers)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._service.stop(number)

    def hang(self) -> None:
        """Stop answering: the kernel still accepts connections and bytes."""
        self._service.hang()

    def resume(self) -> None:
        self._service.resume()

    def empty(self) -> str:
        """Delete all data, and return the URL."""
        self.command("FLUSHALL")
        return self.url

    def command(self, line: str) -> bytes:
        """The first bytes of the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            if self._password:
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                connection.recv(100)
            connection.sendall(f"{line}\r\n".encode())
            return connection.recv(65536)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")  # not while it loads its data
        except OSError:
            return False


class PostgresServer:
    """`with PostgresServer() as server:` has started PostgreSQL; `create` makes a database.

    Every user is trusted, except `GUARDED`, who needs `PASSWORD` and owns nothing.
    """

    OWNER, GUARDED, PASSWORD = "owner", "guarded", "s3cret-of-the-suite"

    def __init__(self) -> None:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._binaries = {
            name: find(name, *folders) for name in ("initdb", "postgres", "pg_isready", "psql")
        }
        self.port = free_port()
        # PostgreSQL does not run as root, and its own user cannot enter the folders of pytest.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        command = [self._binaries["postgres"], "-D", "data", "-p", str(self.port), "-k", "."]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self._service = Service(command, self._folder, self._user)

    def __enter__(self) -> Self:
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        new = ["-D", "data", "-U", self.OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(
            [self._binaries["initdb"], *new],
            cwd=self._folder,
            user=self._user,
            check=True,
            capture_output=True,
        )
        rules = self._folder / "data" / "pg_hba.conf"
        rule = f"host all {self.GUARDED} 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(rule + rules.read_text())
        self.start()
        self.sql(f"CREATE ROLE {self.GUARDED} LOGIN PASSWORD '{self.PASSWORD}'")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def start(self) -> None:
        self._service.start(self._answers)

    def stop(self, number: int = signal.SIGINT) -> None:
        """The default disconnects its clients."""
        self._service.stop(number)

    def hang(self) -> None:
        """Stop answering: the kernel still accepts connections and bytes."""
        self._service.hang()

    def resume(self) -> None:
        self._service.resume()

    def create(self, template: str = "template1") -> str:
        """Create a database, which is empty unless a template is named, and return its URL."""
        name = f"test_{uuid4().hex}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.address(name)

    def address(self, name: str, user: str = OWNER, password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, name: str = "postgres") -> str:
        """The output of a statement, without headings."""
        return subprocess.run(
            [self._binaries["psql"], "-XAtq", "-c", statement, self.address(name)],
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout

    def _answers(self) -> bool:
        command = [self._binaries["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0
