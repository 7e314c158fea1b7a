"""The folder in which the workers of a server share their metrics, as `prometheus_client` does."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..log.journals.owners import Owners

#: The variable in which `prometheus_client` finds the folder.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_folder(data_dir: Path) -> Iterator[None]:
    """Create the folder in which the workers of this server share their metrics, and remove it on
    exit.

    The folder is named in PROMETHEUS_MULTIPROC_DIR. Folders of servers that no longer run are
    removed.
    """
    folder = data_dir.resolve() / "metrics"
    servers = Owners(folder)
    servers.join(own := str(os.getpid()))
    for old in folder.iterdir():
        if old.is_dir() and (old.name == own or not servers.lives(old.name)):
            shutil.rmtree(old, ignore_errors=True)
    os.environ[FOLDER] = str(folder / own)
    try:
        yield
    finally:
        shutil.rmtree(folder / own, ignore_errors=True)
        servers.leave()
