"""`agno-stream doctor`: shows the findings as the checks end."""

import argparse
import asyncio
import json
import sys

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from agno_stream.config import Config
from agno_stream.doctor import Finding, Plan, examine, exit_code

#: The mark of each level.
MARKS = {
    "ok": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]-[/]",
}
#: The descriptions of checks whose names do not suffice.
CHECKS = {
    "tokens": "tokens, one by one or in bursts",
    "connections": "several streams at once",
    "ending": "whether browsers stop at the end",
    "idle": "whether a silent stream is cut",
}


def doctor(options: argparse.Namespace) -> int:
    """Examine the server at an address, print the findings, and return the exit code."""
    defaults = Config.from_defaults()
    plan = Plan(
        options.url or defaults.url,
        options.api_key or defaults.api_key,
        options.timeout,
        dict(options.header or ()),
    )
    if options.json:
        findings = asyncio.run(examine(plan, lambda _: None, lambda _: None))
        code = exit_code(findings)
        report = {"url": plan.url, "exit_code": code, "checks": [one.json() for one in findings]}
        print(json.dumps(report, ensure_ascii=False, indent=1))
        return code
    console = Console(highlight=False, soft_wrap=True)
    status = Status("", console=console)

    def show_progress(name: str) -> None:
        status.update(f"{CHECKS.get(name, name)} …")

    with status:
        findings = asyncio.run(
            examine(plan, lambda finding: _show_finding(console, finding), show_progress)
        )
    _show_summary(console, findings)
    return exit_code(findings)


def _show_finding(console: Console, finding: Finding) -> None:
    console.print(f"{MARKS[finding.level]} {finding.name:12} {escape(finding.message)}")
    if finding.mend:
        console.print(f"  {'':12} [bold]→ {escape(finding.mend)}[/]")
    sys.stdout.flush()


def _show_summary(console: Console, findings: list[Finding]) -> None:
    levels = [finding.level for finding in findings]
    failed, warned = levels.count("failed"), levels.count("warning")
    if not failed and not warned:
        console.print(f"No problems found in {len(findings)} checks.")
    else:
        console.print(f"{failed} failed, {warned} warnings, of {len(findings)} checks.")
