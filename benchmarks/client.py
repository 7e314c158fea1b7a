"""CPU per chunk in a client: ours and OpenAI's, reading the same text.

CPU of this process alone. The servers replay recorded streams, one write and one HTTP chunk for
each token, so that neither client gains by what a server does.
"""
# ruff: noqa: T201 - it talks to its terminal

import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from agno_stream import AsyncClient, Client
from benchmarks.processes import free_port

REPLAY = Path(__file__).parent / "servers" / "replay.py"
TOKENS = 20_000


def main(rounds: int = 5) -> None:
    """Print microseconds of CPU per chunk, the median of `rounds` rounds."""
    with replayed("native") as native, replayed("openai") as foreign:
        client = openai.OpenAI(base_url=foreign, api_key="none", max_retries=0)
        readers: dict[str, Callable[[], int]] = {
            "agno_stream.Client": lambda: read(native),
            "agno_stream.AsyncClient": lambda: asyncio.run(aread(native)),
            "openai.OpenAI": lambda: oread(client),
        }
        figures: dict[str, list[float]] = {name: [] for name in readers}
        for number in range(rounds + 1):
            for name, reader in readers.items():
                began = time.process_time()
                tokens = reader()
                spent = time.process_time() - began
                if tokens != TOKENS:
                    raise RuntimeError(f"{name}: {tokens} tokens came, of {TOKENS}")
                if number:  # the first round warms up
                    figures[name].append(spent / TOKENS * 1e6)
    for name, values in figures.items():
        span = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:24} {statistics.median(values):6.1f} µs a chunk ({span})")


def read(url: str) -> int:
    with Client(url=url) as client:
        return sum(bool(chunk.text) for chunk in client.generate_stream("x"))


async def aread(url: str) -> int:
    async with AsyncClient(url=url) as client:
        return sum([bool(chunk.text) async for chunk in client.generate_stream("x")])


def oread(client: openai.OpenAI) -> int:
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True
    )
    return sum(bool(chunk.choices[0].delta.content) for chunk in stream)


@contextmanager
def replayed(form: str) -> Iterator[str]:
    """A server that replays a stream of this form; its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(REPLAY), str(port), form, str(TOKENS)])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
