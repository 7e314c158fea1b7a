"""A run as data, and as tables for a terminal or in Markdown."""

import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES, Figure, Medians, goals, medians, ratio
from benchmarks.measures import Run
from benchmarks.peers import AGENTOS, OURS, RELAY, Peer

PACKAGES = ("agno", "openai", "fastapi", "uvicorn", "uvloop", "aiohttp", "msgspec", "sse-starlette")
NOTHING = "–"  # noqa: RUF001 - a figure that was not taken

Table = list[list[str]]


def summary(
    run: Run, peers: list[Peer], versions: dict[str, str], *, quick: bool
) -> dict[str, Any]:
    """The results of a run, ready for JSON."""
    return {
        "date": f"{datetime.now(UTC):%F}",
        "quick": quick,
        "rounds": run.plan.rounds,
        "machine": machine(),
        "versions": packages() | versions,
        "peers": {peer.name: peer.note for peer in peers},
        "remarks": list(dict.fromkeys(run.remarks)),
        "medians": medians(run.figures),
        "figures": run.figures,
    }


def packages() -> dict[str, str]:
    """The versions of the packages that are compared."""
    return {name: version(name) for name in PACKAGES}


def machine() -> dict[str, str]:
    """The machine's hardware and system, without anything that identifies it."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") / 2**30
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def values(result: dict[str, Any]) -> Table:
    """Each figure of each peer, and agno-stream's ratios to AgentOS and to the floor."""
    peers, table = list(result["peers"]), result["medians"]
    rows = [["", *peers, "AgentOS ÷ ours", "ours ÷ floor"]]
    for figure in FIGURES:
        cells = [_number(table.get(figure.name, {}).get(peer), figure.digits) for peer in peers]
        if figure.compared:
            pairs = ((AGENTOS, OURS), (OURS, RELAY))
            cells += [_times(table, figure, one.name, other.name) for one, other in pairs]
        else:
            cells += ["", ""]
        unit = f" ({figure.unit})" if figure.unit else ""
        rows.append([f"{figure.label}{unit}", *cells])
    return rows


def ratios(result: dict[str, Any]) -> Table:
    """Each figure of each peer divided by AgentOS' figure, and by the floor's."""
    peers, table = list(result["peers"]), result["medians"]
    rows = [["to AgentOS · to the floor", *peers]]
    for figure in FIGURES:
        if figure.compared:
            cells = [_both(table, figure, peer) for peer in peers]
            rows.append([figure.label, *cells])
    return rows


def standing(result: dict[str, Any]) -> Table:
    """The goals, and whether they are reached."""
    words = {True: "reached", False: "not reached", None: "not measured"}
    rows = [[goal.text, goal.found, words[goal.reached]] for goal in goals(result["medians"])]
    return [["goal", "found", ""], *rows]


def terminal(result: dict[str, Any]) -> str:
    tables = [values(result), ratios(result)]
    if {OURS.name, AGENTOS.name} <= result["peers"].keys():
        tables.append(standing(result))
    return "\n\n".join([*map(aligned, tables), *result["remarks"]])


def markdown(table: Table) -> str:
    ruler = ["---", *["---:"] * (len(table[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [table[0], ruler, *table[1:]])


def aligned(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]

    def line(row: Sequence[str]) -> str:
        pad: Callable[[str, int], str] = str.rjust
        cells = [pad(cell, width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()

    first, *rest = [line(row) for row in table]
    return "\n".join([first, "-" * max(map(len, [first, *rest])), *rest])


def _both(table: Medians, figure: Figure, peer: str) -> str:
    return " · ".join(_times(table, figure, peer, other.name) for other in (AGENTOS, RELAY))


def _times(table: Medians, figure: Figure, peer: str, other: str) -> str:
    found = ratio(table, figure.name, peer, other)
    if found is None:
        return NOTHING
    digits = 0 if found >= 10 else 1 if found >= 1 else 2 if found >= 0.1 else 3
    return f"{found:,.{digits}f}×"  # noqa: RUF001 - it means "times"


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"
