"""axe-core, which finds what people with disabilities cannot use."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.page.visit import Visit
from tests.trust import fetching

AXE = "axe-core@4.11.0"
CACHE = Path(__file__).parent / ".cache"
SCRIPT = CACHE / "node_modules" / "axe-core" / "axe.min.js"


class Axe:
    """axe-core, from its source; a page that it is run in must allow foreign scripts."""

    def __init__(self, source: str) -> None:
        self._source = source

    def check(self, visit: Visit) -> None:
        """Assert that the page as it is shown has no violation."""
        visit.page.evaluate(self._source)
        found = visit.run(
            "async () => (await axe.run()).violations.map(v =>"
            " `${v.id}: ${v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary)}`)"
        )
        assert [] == found


def load() -> Axe:
    """axe-core, which npm fetches once."""
    npm = shutil.which("npm")
    if not SCRIPT.exists():
        if npm is None:
            pytest.skip("there is no npm to fetch axe-core with")
        command = [npm, "install", "--prefix", str(CACHE), "--ignore-scripts", "--no-audit", AXE]
        done = subprocess.run(
            command, env=fetching(), capture_output=True, encoding="utf-8", check=False
        )
        if done.returncode:
            pytest.skip(f"npm cannot fetch axe-core: {done.stderr[-300:]}")
    return Axe(SCRIPT.read_text(encoding="utf-8"))
