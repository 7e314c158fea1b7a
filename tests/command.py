"""The real command as a process of its own, for tests."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SERVE = ("-m", "app", "serve", "--port", "0")


def environment(**settings: str) -> dict[str, str]:
    """Our environment with these settings and no others."""
    names = {name.upper() for name in Settings.model_fields}
    ours = {name: value for name, value in os.environ.items() if name.upper() not in names}
    return ours | {"PYTHONPATH": str(ROOT), "MODEL": "demo", "DATA_DIR": "data"} | settings


class Command:
    """`with Command(folder, MODEL="demo") as command:` has started a server at `command.url`.

    It runs in `folder`; what it prints is in `command.output`. At the end of the block it is ended.
    """

    def __init__(self, folder: Path, arguments: Sequence[str] = SERVE, **settings: str) -> None:
        self._file = folder / f"output-{time.monotonic_ns()}.txt"
        with self._file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = ""

    @property
    def output(self) -> str:
        return self._file.read_text(encoding="utf-8")

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"running on (http://[\d.]+:\d+)", self.output)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"the server did not start:\n{self.output}")
            time.sleep(0.02)
        self.url = found[1]
        return self

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the output has a text so many times; raises `RuntimeError` after 60 seconds.

        Workers write "Application startup complete." some time after the address.
        """
        deadline = time.monotonic() + 60
        while self.output.count(text) < count:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not print {text!r}:\n{self.output}")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once by SIGKILL, and its workers, even those that it has left behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, *, within: float = 20) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=within)


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command to its end, with these settings."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
