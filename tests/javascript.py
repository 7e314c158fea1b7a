"""Node, with the packages that `tests/js/package.json` names."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.trust import fetching

JS = Path(__file__).with_name("js")


def install() -> str:
    """Return the path of Node, after the packages were installed in an ignored folder."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    named = json.loads((JS / "package.json").read_text())["dependencies"]
    wanted = {name: version.rpartition("@")[2] for name, version in named.items()}  # npm:ai@6.0.326
    with (JS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several files of tests may run at once
        if wanted != {name: _installed(name) for name in wanted}:
            command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=JS, env=fetching(), check=True, timeout=100)
    return node


def _installed(name: str) -> str | None:
    file = JS / "node_modules" / name / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else None
