"""Files that only the user who runs the server can read."""

import logging
import os
import stat
from pathlib import Path

from .core.errors import ConfigurationError

logger = logging.getLogger(__name__)

#: What the server creates is for its user alone.
UMASK = 0o077


def keep_files_private() -> None:
    """Let all files that this process creates be readable by its user only."""
    os.umask(UMASK)


def make_private(folder: Path) -> None:
    """Create a folder for its owner only, if it does not exist; raises `ConfigurationError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {folder} cannot be made: {error.strerror}") from None


def warn_of_readers(file: Path, setting: str) -> None:
    """Log a warning if all users of the machine can read a file with secrets."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return  # whoever reads it reports that
    if os.name == "posix" and mode & stat.S_IROTH:
        logger.warning("%s: all users of this machine can read %s; chmod 600 it", setting, file)
