"""The layers: imports point down, as pyproject.toml says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_imports_point_down() -> None:
    """No module imports what its layer must not know."""
    ended = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert " kept, 0 broken." in ended.stdout
