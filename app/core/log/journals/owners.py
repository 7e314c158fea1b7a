"""Which processes live: each holds a lock that the kernel takes from it when it ends, however.

See docs/decisions/008-owners-hold-locks-in-the-kernel.md.
"""

import os
import sys
import weakref
from pathlib import Path
from urllib.parse import quote

if sys.platform != "win32":
    import fcntl


class Owners:
    """The processes that share a folder of locks, one file each, by names nobody had before.

    A `kill -9` frees a lock at once, so nobody has to wait for a heartbeat that does not come.
    Where there is no `flock` (Windows), this process takes itself for the only one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Path | None = None
        self._held: int | None = None

    def join(self, owner: str) -> None:
        """Show this process to the others until it leaves or ends."""
        if sys.platform == "win32":
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        own = self._file(owner)
        # It gets its name only when it is locked: a named file without a lock is a dead process.
        unnamed = own.with_suffix(".new")
        self._held = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        unnamed.rename(own)
        self._own = own
        # A forked child shares the lock and may outlive this process.
        let_go = weakref.WeakMethod(self._let_go)
        os.register_at_fork(after_in_child=lambda: (call := let_go()) and call())

    def leave(self) -> None:
        if self._own is not None:
            self._own.unlink(missing_ok=True)
            self._own = None
        self._let_go()

    def others(self) -> int:
        """How many other processes live."""
        files = self._folder.glob("*.lock")
        return sum(file != self._own and self._is_held(file) for file in files)

    def lives(self, owner: str) -> bool:
        return self._is_held(self._file(owner))

    def _file(self, owner: str) -> Path:
        return self._folder / f"{quote(owner, safe='')}.lock"

    def _is_held(self, file: Path) -> bool:
        """Whether a process holds that lock; the file of a dead one is removed."""
        if sys.platform == "win32":
            return False
        try:
            probe = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared: two who look at the same time must not take each other for the owner.
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            file.unlink(missing_ok=True)
            return False
        finally:
            os.close(probe)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
