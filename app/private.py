"""Files that only the user who runs the server can read."""

import logging
import os
import stat
import tempfile
from pathlib import Path

from .core.errors import ConfigurationError

logger = logging.getLogger(__name__)

#: What the server creates is for its user alone.
UMASK = 0o077

#: Bytes that must fit into a folder, as a file of a new database has them.
PROBE = b"\0" * 65536


def keep_files_private() -> None:
    """Let all files that this process creates be readable by its user only."""
    os.umask(UMASK)


def make_private(folder: Path, setting: str = "DATA_DIR") -> None:
    """Create a folder for its owner only, if it does not exist, and see whether it can be used.

    Raises `ConfigurationError`, which names the setting, and says why if it cannot.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigurationError(f"{setting}: {folder} is a file, not a folder") from None
    except OSError as error:
        raise ConfigurationError(f"{setting}: {folder} cannot be made: {error.strerror}") from None
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(PROBE)
    except OSError as error:
        raise ConfigurationError(
            f"{setting}: nothing can be written in {folder}: {error.strerror}. Choose another "
            "folder, or make room in it"
        ) from None


def warn_of_readers(file: Path, setting: str) -> None:
    """Log a warning if all users of the machine can read a file with secrets."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return  # whoever reads it reports that
    if os.name == "posix" and mode & stat.S_IROTH:
        logger.warning("%s: all users of this machine can read %s; chmod 600 it", setting, file)
