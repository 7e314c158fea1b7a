"""Writes docs/performance.md from the results of a run."""

from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES
from benchmarks.report import Table, markdown, ratios, standing, values

TEMPLATE = Path(__file__).with_name("performance.template.md")


SOAK = "## A soak\n"


def write(result: dict[str, Any], file: Path, command: str) -> None:
    """Write the page, but keep its part on the soak; `command` is the command that was run."""
    machine = result["machine"] | result["versions"]
    peers = [f"- **{name}**: {note}." for name, note in result["peers"].items()]
    meanings = [
        f"- **{figure.label}**{figure.unit and f' ({figure.unit})'}: {figure.meaning}"
        for figure in FIGURES
    ]
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
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page + _soaked(file))


def write_soak(words: str, table: Table, file: Path, command: str) -> None:
    """Replace the page's last part, on the soak, and leave the rest of it."""
    page = file.read_text().partition(f"\n{SOAK}")[0]
    file.write_text(
        f"{page}\n{SOAK}\nWritten by `{command}`. Each stream is started again as soon as it has "
        f"ended, on a new connection and in a new conversation, and every answer is compared with "
        f"what the upstream sent.\n\n{words}\n\n{markdown(table)}\n"
    )


def _soaked(file: Path) -> str:
    """The page's last part, on the soak; empty if the page or the part does not exist."""
    _, head, rest = (file.read_text() if file.exists() else "").partition(f"\n{SOAK}")
    return head + rest
