"""The folder in which the server keeps its data, if no setting names one."""

import os
import sys
from pathlib import Path

#: The name of the folder among those of other programs.
NAME = "agno-stream"


def default_data_dir() -> Path:
    """Return the folder if DATA_DIR is not set: `data` in the clone from which the server is
    started, else the user's folder for data, which is the same from wherever it is started."""
    clone = Path(__file__).resolve().parents[1]
    if (clone / "pyproject.toml").is_file() and clone == Path.cwd():
        return Path("data")
    return _data_of_user() or Path("data")


def _data_of_user() -> Path | None:
    """Return the folder by the convention of the system; None for a user without a home."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / NAME
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / NAME
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else home / ".local" / "share") / NAME
