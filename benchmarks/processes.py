"""A server in a process of its own, with its CPU and memory from the kernel. Needs Linux."""

import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.peers import KEY, Peer

ROOT = Path(__file__).parents[1]
LONGEST_START = 180  # seconds


class Server:
    """`with Server(peer, upstream) as server:` it serves; the block's end kills it.

    Its folder is a new and empty one, and no setting of the caller's environment reaches it;
    `settings` are environment variables of its own.
    """

    def __init__(
        self, peer: Peer, upstream: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        self.peer, self.upstream, self.port = peer, upstream, free_port()
        self._settings = settings or {}
        self.start_seconds = 0.0  # from exec to the first answer

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self._folder.name,
            "DATA_DIR": "data",
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self.upstream,
            "MODEL": "openai:gpt-4o-mini",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it sends requests when it starts
            **self._settings,
        }
        command = list(self.peer.command(self.port, self.upstream))
        if command[1] == "tests/provider.py":
            command[1] = str(ROOT / command[1])
        self._log = Path(self._folder.name, "log")
        began = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder.name, env=environment, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        try:
            self._await_answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.start_seconds = time.perf_counter() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + LONGEST_START
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", self.peer.health)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass  # not yet
            finally:
                connection.close()
            time.sleep(0.01)
        raise RuntimeError(f"did not start:\n{self.log()}")

    @property
    def folder(self) -> str:
        """Where it runs."""
        return self._folder.name

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def cpu(self) -> float:
        """Seconds of CPU, user and system, of all its threads so far, in nanosecond steps.

        /proc/PID/stat counts in steps of 10 ms, too coarse for one paced stream; this is the
        clock that clock_getcpuclockid(3) gives for a process.
        """
        return time.clock_gettime((~self.pid << 3) | 2)

    def rss(self) -> int:
        """Bytes of memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
