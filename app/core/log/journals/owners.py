"""Which processes are alive: each holds a file lock that the kernel frees when the process ends.

See docs/decisions/008-owners-hold-locks-in-the-kernel.md.
"""

import os
import sys
import weakref
from pathlib import Path
from urllib.parse import quote, unquote

if sys.platform != "win32":
    import fcntl

#: What the file of a process contains that is about to end.
LEAVING = b"leaving"


class Owners:
    """The processes that share a journal, each with a locked file in a folder; names are never
    reused.

    The kernel frees the lock when a process ends, so that other processes know at once, without
    waiting for a heartbeat, that they must take over its runs. On Windows, which has no `flock`,
    this process assumes that it is the only one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Path | None = None
        self._held: int | None = None
        self._leaving = False

    def join(self, owner: str) -> None:
        """Lock a file under this process's name, which shows the others that the process is
        alive."""
        if sys.platform == "win32":
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        own = self._file(owner)
        # Renamed only when it is locked: a named file without a lock means a dead process.
        unnamed = own.with_suffix(".new")
        self._held = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        unnamed.rename(own)
        self._own = own
        # A forked child shares the lock and may outlive this process.
        release = weakref.WeakMethod(self._release)
        os.register_at_fork(after_in_child=lambda: (call := release()) and call())

    def rejoin(self) -> None:
        """Make and lock the file again if it was removed, as with the whole folder."""
        if self._own is not None and not self._own.exists():
            own = self._own
            self._release()
            self.join(unquote(own.stem))
            if self._leaving:
                self.mark_leaving()

    def mark_leaving(self) -> None:
        """Show the others that this process is about to end; it is alive until then."""
        self._leaving = True
        if self._held is not None:
            os.pwrite(self._held, LEAVING, 0)

    def leave(self) -> None:
        """Remove this process's file and lock, as if the process had ended."""
        if self._own is not None:
            self._own.unlink(missing_ok=True)
            self._own = None
        self._release()

    def others(self) -> int:
        """Return the number of other processes that are alive, and not about to end."""
        files = self._folder.glob("*.lock")
        return sum(file != self._own and self._is_held(file, staying=True) for file in files)

    def lives(self, owner: str) -> bool:
        """Return True if the process with this name is alive; if it is dead, another may adopt its
        runs."""
        return self._is_held(self._file(owner))

    def _file(self, owner: str) -> Path:
        return self._folder / f"{quote(owner, safe='')}.lock"

    def _is_held(self, file: Path, *, staying: bool = False) -> bool:
        """Return True if a process holds the lock of a file, one that is `staying` if only such a
        one counts; remove the file of a dead process."""
        if sys.platform == "win32":
            return False
        try:
            probe = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared: two processes that probe at once must not take each other for the owner.
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return not (staying and os.read(probe, len(LEAVING)))
        else:
            file.unlink(missing_ok=True)
            return False
        finally:
            os.close(probe)

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
