"""The readers of this process, who go on elsewhere when it stops or has lost their run.

A provider that sends faster than anybody reads waits for those who have stopped reading.

See docs/decisions/031-draining-sends-readers-elsewhere.md.
See docs/decisions/084-a-fast-answer-waits-for-its-readers.md.
"""

import weakref
from collections.abc import Sequence

from ..log.follower import Follower

#: Entries by which readers of a run are behind for whom its provider waits, and the seconds that it
#: waits before each part of some KiB: its answer goes on, but no faster than models speak.
FAR_BEHIND, PAUSE_SECONDS = 100, 1.0


def pause_for(readers: Sequence[Follower], last: int) -> float:
    """The seconds for which a run is to read nothing from its provider, because none of its readers
    takes what it is sent; 0 if one does, or if there are none. `last` is its newest entry."""
    for reader in readers:
        if not reader.stalled or last - reader.after < FAR_BEHIND:
            return 0.0
    return PAUSE_SECONDS if readers else 0.0


class Readers:
    """The followers that are open here."""

    def __init__(self) -> None:
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._left = False

    def add(self, follower: Follower) -> Follower:
        """Note a new reader, who gets only what is there if all have been sent away; returns it."""
        self._followers.add(follower)
        if self._left:
            follower.redirect()
        return follower

    def redirect(self, run_id: str | None = None) -> None:
        """Send the readers of a run, of all runs if that is None, to another process."""
        for follower in list(self._followers):
            if run_id in (None, follower.record.run_id):
                follower.redirect()

    def send_away(self) -> None:
        """Send all readers away, and those who come from now on, because this process ends."""
        self._left = True
        self.redirect()
