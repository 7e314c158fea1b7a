"""CPU per token by the form in which a provider sends its tokens, one server for all of them."""

import json
import sys
from functools import partial
from statistics import median

from benchmarks.load import answer
from benchmarks.measures import Plan, cpu
from benchmarks.peers import OURS, SERVERS, Peer
from benchmarks.processes import Server
from benchmarks.servers.shapes import CHUNKS

SHAPES = (*CHUNKS, "responses", "claude", "ollama")
PLAIN = "plain"  # what the others are compared with
MOST = 1.5  # times its cost, as a goal
ANSWERS = 5
TOKENS = 2000

UPSTREAM = Peer(
    name="shapes",
    note="servers/shapes.py",
    command=lambda port, _: [sys.executable, str(SERVERS / "shapes.py"), str(port)],
    path="",
    marker=b"",
    body=lambda _: b"",
)


def _body(shape: str, message: str) -> bytes:
    return json.dumps({"message": message, "stream": True, "agent": shape}).encode()


def _peer(shape: str) -> Peer:
    return Peer(
        name=shape,
        note="agno-stream with an agent for each shape",
        command=lambda port, upstream: [
            *("env", "AGENTS=benchmarks.servers.shaped:agents", f"UPSTREAM={upstream}"),
            *OURS.command(port, upstream),
        ],
        path=OURS.path,
        marker=OURS.marker,
        body=partial(_body, shape),
    )


def _url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


async def _answers(shape: str, port: int, count: int) -> None:
    for _ in range(count):
        await answer(_peer(shape), port, TOKENS)


async def measure(plan: Plan) -> dict[str, float]:
    """Microseconds of CPU per token, by shape: medians over the rounds, which take turns."""
    found: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    with Server(UPSTREAM) as upstream, Server(_peer(PLAIN), _url(upstream)) as server:
        for number in range(plan.rounds + 1):
            turn = number % len(SHAPES)  # none is always the first
            for shape in (*SHAPES[turn:], *SHAPES[:turn]):
                cost = await cpu(server, partial(_answers, shape, server.port, ANSWERS))
                if number:  # the first round warms up
                    found[shape].append(cost / ANSWERS / TOKENS * 1e6)
    return {shape: median(costs) for shape, costs in found.items()}


def table(costs: dict[str, float]) -> list[list[str]]:
    """Each shape's cost, and its ratio to that of plain chat completions."""
    rows = [
        [shape, f"{cost:.1f}", f"{cost / costs[PLAIN]:.2f}", ""] for shape, cost in costs.items()
    ]
    for row, cost in zip(rows, costs.values(), strict=True):
        row[-1] = "" if cost <= MOST * costs[PLAIN] else f"above {MOST:g}"
    return [["upstream shape", "µs of CPU per token", "times plain chat", ""], *rows]
