"""agno-stream on its other journals, beside the default one in SQLite."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.peers import OURS, Peer
from benchmarks.processes import free_port


@contextmanager
def peers() -> Iterator[list[Peer]]:
    """agno-stream without a durable journal and, where `redis-server` is there, on Redis."""
    redis = shutil.which("redis-server")
    if redis is None:
        print("Redis: left out, there is no redis-server")  # noqa: T201 - for the terminal
        yield [_on("memory", "memory://")]
        return
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = subprocess.Popen(
            [redis, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            yield [_on("memory", "memory://"), _on("redis", f"redis://127.0.0.1:{port}")]
        finally:
            server.kill()
            server.wait()


def _on(name: str, url: str) -> Peer:
    return replace(
        OURS,
        name=f"on {name}",
        note=f"agno-stream with `JOURNAL_URL={name}://`; the journal's own process is not counted",
        command=lambda port, upstream: [
            "env",
            f"JOURNAL_URL={url}",
            *OURS.command(port, upstream),
        ],
    )
