"""agno-stream with its other journals, to compare with the default one in SQLite."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.peers import OURS, Peer
from benchmarks.processes import free_port


@contextmanager
def peers() -> Iterator[list[Peer]]:
    """agno-stream without a durable journal and, if `redis-server` is installed, on Redis."""
    redis = shutil.which("redis-server")
    if redis is None:
        print("Redis: left out, redis-server is not installed")  # noqa: T201 - for the terminal
        yield [_on("memory", "memory://")]
        return
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = subprocess.Popen(
            [redis, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            on_redis = _on("redis", f"redis://127.0.0.1:{port}", lambda: _flush(port))
            yield [_on("memory", "memory://"), on_redis]
        finally:
            server.kill()
            server.wait()


def _on(name: str, url: str, prepare: Callable[[], None] = lambda: None) -> Peer:
    def command(port: int, upstream: str) -> Sequence[str]:
        prepare()
        return ["env", f"JOURNAL_URL={url}", *OURS.command(port, upstream)]

    note = f"agno-stream with `JOURNAL_URL={name}://`; the journal's own process is not counted"
    return replace(OURS, name=f"on {name}", note=note, command=command)


def _flush(port: int) -> None:
    """Delete the runs of a killed server, because the next one would adopt and end them while it is
    measured."""
    with socket.create_connection(("127.0.0.1", port)) as redis:
        redis.sendall(b"FLUSHALL\r\n")
        redis.recv(64)
