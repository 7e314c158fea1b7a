"""The readers of this process, who go on elsewhere when it stops or has lost their run.

See docs/decisions/031-draining-sends-readers-elsewhere.md.
"""

import weakref

from ..log.follower import Follower


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
