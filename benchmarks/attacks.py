"""`make bench ARGS=--attacks`: what others notice of a client that means harm.

Twenty paced streams go on, first in quiet, then under one attack, each on a server of its own. The
attacker is a process of its own, but it shares the machine's cores with the server.
"""
# ruff: noqa: T201 - it talks to its terminal

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from benchmarks.attackers import ATTACKED_MODEL
from benchmarks.load import Stream, close, open_paced
from benchmarks.measures import quantile
from benchmarks.peers import DIRECT, OURS
from benchmarks.processes import ROOT, Server
from benchmarks.report import Table
from tests.web.attacks import memory

STREAMS, RATE = 20, 20  # tokens a second of each
SECONDS = 8.0  # of quiet, and of the attack
CONVERSATIONS = 10_000  # that there are to list
MOST_MEMORY, MOST_TIME = 1.2, 2.0  # times the quiet values, as goals

Found = dict[str, dict[str, float]]


async def measure(names: Iterable[str]) -> Found:
    """The figures under each of these attacks, by its name."""
    found = {}
    with Server(DIRECT) as upstream, Server(DIRECT) as other:
        # A model of its own for the attacker: what its answers cost their provider is no concern of
        # the streams that are measured.
        settings = {"OLLAMA_HOST": f"http://127.0.0.1:{other.port}", "MODELS": ATTACKED_MODEL}
        for name in names:
            with Server(OURS, f"http://127.0.0.1:{upstream.port}/v1", settings) as server:
                found[name] = await _under(name, server)
            print(_line(name, found[name]), flush=True)
    return found


async def _under(name: str, server: Server) -> dict[str, float]:
    fill(Path(server.folder) / "data" / "conversations.db")
    tokens = round((4 * SECONDS + 20) * RATE)
    streams = await open_paced(OURS, server.port, STREAMS, tokens, RATE)
    await asyncio.sleep(2)
    memory(server.pid, reset=True)
    quiet = await _gaps(streams, SECONDS)
    before = memory(server.pid, reset=True)
    words = ("-m", "benchmarks.attackers", name, str(server.port), str(SECONDS))
    attacker = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        attacked = await _gaps(streams, SECONDS + 1)
        most = memory(server.pid)
        open_still = sum(not stream.ended.done() for stream in streams)
    finally:
        with suppress(ProcessLookupError):  # it has ended
            attacker.kill()
        await attacker.wait()
        close(streams)
    return {
        "memory_quiet": before / 1e6,
        "memory": most / 1e6,
        "p99_quiet": quiet * 1e3,
        "p99": attacked * 1e3,
        "streams": open_still,
    }


async def _gaps(streams: list[Stream], seconds: float) -> float:
    """The time between two tokens that one in a hundred exceeds, in seconds."""
    for stream in streams:
        stream.gaps.clear()
        stream.timing = True
    await asyncio.sleep(seconds)
    gaps = sorted(gap for stream in streams for gap in stream.gaps)
    return quantile(gaps, 0.99)


def fill(file: Path) -> None:
    """Add conversations of `anonymous` to the database of a server that has started."""
    rows = [
        (f"c{n:05}", json.dumps({"session_name": f"Question {n}"}), n) for n in range(CONVERSATIONS)
    ]
    with closing(sqlite3.connect(file, timeout=20)) as database:
        database.executemany(
            "INSERT INTO agno_sessions (session_id, session_type, agent_id, user_id, session_data,"
            " created_at, updated_at) VALUES (?, 'agent', 'general', 'anonymous', ?, 1, ?)",
            rows,
        )
        database.commit()


def missed(found: Found) -> list[str]:
    """The attacks under which a goal was not reached."""
    return [
        name
        for name, one in found.items()
        if one["memory"] > MOST_MEMORY * one["memory_quiet"]
        or one["p99"] > MOST_TIME * one["p99_quiet"]
        or one["streams"] < STREAMS
    ]


def table(found: Found) -> Table:
    """A row for each attack."""
    heads = ["attack", "memory, MB", "times quiet", "p99 between tokens, ms", "times quiet", ""]
    late = missed(found)
    return [
        heads,
        *[
            [*_cells(name, one), "not reached" if name in late else "reached"]
            for name, one in found.items()
        ],
    ]


def _cells(name: str, one: dict[str, float]) -> list[str]:
    return [
        *(name, f"{one['memory']:.0f}", f"{one['memory'] / one['memory_quiet']:.2f}"),
        *(f"{one['p99']:.0f}", f"{one['p99'] / one['p99_quiet']:.2f}"),
    ]


def _line(name: str, one: dict[str, float]) -> str:
    _, size, grown, time, longer = _cells(name, one)
    return (
        f"{name:26} {size:>5} MB ({grown} times quiet)  {time:>5} ms ({longer} times quiet)"
        f"  {one['streams']:.0f} of {STREAMS} streams"
    )


def result(found: Found) -> dict[str, Any]:
    """The results, ready for JSON."""
    return {"streams": STREAMS, "rate": RATE, "attacks": found, "missed": missed(found)}
