"""Writes docs/performance.md from the results of a run."""

import re
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES
from benchmarks.report import Table, markdown, ratios, standing, values

TEMPLATE = Path(__file__).with_name("performance.template.md")

SHAPES = "The forms of a token"
SOAK = "A soak"
ATTACKS = "Under attack"

#: Parts at the end of the page that have runs of their own, in their order.
PARTS = (SHAPES, SOAK, ATTACKS)


def write(result: dict[str, Any], file: Path, command: str) -> None:
    """Write the page, but keep its last parts; `command` is the command that was run."""
    machine = result["machine"] | result["versions"]
    peers = [f"- **{name}**: {note}." for name, note in result["peers"].items()]
    meanings = [f"- **{figure.label}** ({figure.unit}): {figure.meaning}" for figure in FIGURES]
    rounds = result["rounds"]
    page = TEMPLATE.read_text().format(
        command=command,
        date=result["date"],
        machine="\n".join(f"| {name} | {what} |" for name, what in machine.items()),
        peers="\n".join(peers),
        values=markdown(values(result)),
        ratios=markdown(ratios(result)),
        remarks="\n".join(f"- {remark}." for remark in result["remarks"]) or "None.",
        goals=markdown(standing(result)),
        meanings="\n".join(meanings),
        rounds="once" if rounds == 1 else f"{rounds} times",
    )
    _write(file, page, _parts(file))


def write_soak(words: str, table: Table, file: Path, command: str) -> None:
    """Replace the part of the page on the soak, and leave the rest of it."""
    _replace(
        file,
        SOAK,
        f"Written by `{command}`. Each stream is started again as soon as it has ended, on a new "
        "connection and in a new conversation, and every answer is compared with what the upstream "
        f"sent.\n\n{words}\n\n{markdown(table)}\n",
    )


def write_shapes(table: Table, file: Path, command: str) -> None:
    """Replace the part of the page on the forms of tokens, and leave the rest of it."""
    _replace(
        file,
        SHAPES,
        f"Written by `{command}`: CPU of one server per token, flat out, by the form in which a "
        "provider sends its tokens (`benchmarks/servers/shapes.py`). The first ones are chat "
        "completions with the fields that each provider adds to a chunk. The goal is 1.5 times the "
        f"plain form at most.\n\n{markdown(table)}\n",
    )


def write_attacks(table: Table, file: Path, command: str) -> None:
    """Replace the part of the page on attacks, and leave the rest of it."""
    _replace(
        file,
        ATTACKS,
        f"Written by `{command}`. Twenty paced streams go on while another client, a process of "
        "its own without a key, does harm as fast as it can (`benchmarks/attackers.py`). The "
        "goals are 1.2 times the memory and twice the time between tokens of the same server "
        "in quiet. The attacker, the upstream and the server share the machine's cores.\n\n"
        f"{markdown(table)}\n",
    )


def _replace(file: Path, title: str, text: str) -> None:
    page = file.read_text()
    parts = _parts(file)
    for name, part in parts.items():
        page = page.replace(f"\n## {name}\n\n{part}", "")
    _write(file, page, parts | {title: text})


def _write(file: Path, page: str, parts: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    last = (f"\n## {title}\n\n{parts[title]}" for title in PARTS if title in parts)
    file.write_text(page.rstrip("\n") + "\n" + "".join(last))


def _parts(file: Path) -> dict[str, str]:
    """The last parts that a page has, by their titles."""
    text = file.read_text() if file.exists() else ""
    found = re.findall(rf"\n## ({'|'.join(PARTS)})\n\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
    return dict(found)
