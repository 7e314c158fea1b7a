"""`agno-stream doctor`: shows the verdicts while they come."""

import argparse
import asyncio
import json
import sys

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from agno_stream.config import Config
from agno_stream.doctor import Finding, Plan, examine, exit_code

MARKS = {
    "ok": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]-[/]",
}
ABOUT = {
    "tokens": "tokens, one by one or in bursts",
    "connections": "several streams at once",
    "ending": "what a browser is told at the end",
    "idle": "whether a silent stream is cut",
}


def doctor(options: argparse.Namespace) -> int:
    """Examine an address; the exit code is that of `exit_code`."""
    known = Config.from_defaults()
    plan = Plan(options.url or known.url, options.api_key or known.api_key, options.timeout)
    if options.json:
        findings = asyncio.run(examine(plan, lambda _: None, lambda _: None))
        code = exit_code(findings)
        report = {"url": plan.url, "exit_code": code, "checks": [one.json() for one in findings]}
        print(json.dumps(report, ensure_ascii=False, indent=1))
        return code
    console = Console(highlight=False, soft_wrap=True)
    status = Status("", console=console)

    def say(name: str) -> None:
        status.update(f"{ABOUT.get(name, name)} …")

    with status:
        findings = asyncio.run(examine(plan, lambda finding: _show(console, finding), say))
    _sum(console, findings)
    return exit_code(findings)


def _show(console: Console, finding: Finding) -> None:
    console.print(f"{MARKS[finding.level]} {finding.name:12} {escape(finding.said)}")
    if finding.mend:
        console.print(f"  {'':12} [bold]→ {escape(finding.mend)}[/]")
    sys.stdout.flush()


def _sum(console: Console, findings: list[Finding]) -> None:
    levels = [finding.level for finding in findings]
    failed, warned = levels.count("failed"), levels.count("warning")
    if not failed and not warned:
        console.print(f"All is well: {len(findings)} checks.")
    else:
        console.print(f"{failed} failed, {warned} warnings, of {len(findings)} checks.")
