"""An agent whose tools leave a line in a file each time that they run."""

import asyncio
import os
from collections import Counter
from pathlib import Path

from agno.agent import Agent
from agno.tools import tool


def _write(line: str) -> None:
    with Path(os.environ["LEDGER"]).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


async def note(number: int) -> str:
    """Write a number down."""
    _write(f"note {number}")
    return f"noted {number}"


async def slow(number: int) -> str:
    """Write a number down, and take long."""
    _write(f"slow {number}")
    await asyncio.sleep(60)
    return f"slowly noted {number}"


@tool(annotations={"idempotentHint": True})
async def look(number: int) -> str:
    """Look a number up, and take long the first time that it is 0."""
    _write(f"look {number}")
    if number == 0 and counts(Path(os.environ["LEDGER"]))["look 0"] == 1:
        await asyncio.sleep(60)
    return f"found {number}"


clerk = Agent(id="clerk", tools=[note, slow, look])


def counts(ledger: Path) -> Counter[str]:
    """How often each line stands in a ledger."""
    return Counter(ledger.read_text(encoding="utf-8").split("\n")[:-1] if ledger.exists() else [])
