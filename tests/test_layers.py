"""The house can be walked: imports point down, as pyproject.toml says, and rooms stay small."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "agno_stream")
CORE = ROOT / "app" / "core"

#: Lines of a module, modules of a folder of the core, and lines of the page on the architecture.
LONGEST_MODULE, FULLEST_FOLDER, LONGEST_PAGE = 250, 12, 100

#: Code of other projects, as it was published, and tables with a phrase in each line.
VENDORED, TABLES = "vendor", "languages"

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


def modules(suffix: str) -> list[Path]:
    """Our own files of the packages with this suffix."""
    found = (file for package in PACKAGES for file in (ROOT / package).rglob(f"*{suffix}"))
    return sorted(file for file in found if not {VENDORED, TABLES}.intersection(file.parts))


def lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("suffix", [".py", ".js", ".lua"])
def test_module_that_is_too_long(suffix: str) -> None:
    """A module has at most 250 lines: a longer one holds two nouns, and is split between them."""
    found = modules(suffix)
    assert found
    assert {} == {
        str(file.relative_to(ROOT)): count
        for file in found
        if (count := lines(file)) > LONGEST_MODULE
    }


def test_folder_of_the_core_that_is_too_full() -> None:
    """A folder of the core has at most 12 modules: more of them get a folder of their own."""
    folders = {CORE, *(file.parent for file in CORE.rglob("*.py"))}
    counts = {
        str(folder.relative_to(ROOT)): len([*folder.glob("*.py")]) - 1 for folder in folders
    }  # its `__init__.py` is the folder itself
    assert {} == {name: count for name, count in counts.items() if count > FULLEST_FOLDER}


def test_page_on_the_architecture_that_is_too_long() -> None:
    """ARCHITECTURE.md is one page: what explains a decision stands in docs/decisions."""
    assert lines(ROOT / "ARCHITECTURE.md") <= LONGEST_PAGE
