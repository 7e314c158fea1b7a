"""Writes what a run says to its reader from within the append that adds it to the log.

See docs/decisions/077-an-append-writes-to-the-socket.md.
See docs/decisions/082-what-a-token-passes-has-slots.md.
"""

import asyncio
from collections.abc import Callable

from ..core.log.follower import Follower
from ..core.log.journal import Entry
from .connection import Direct
from .heartbeat import Heartbeat

#: Returns the bytes of entries that follow an entry's number; None if the pump has to write them.
Encode = Callable[[int, list[Entry]], bytes | None]

#: Seconds after a write within which the next entries are not written at once, but together, at
#: the end of the event loop's turn: a provider that is this fast sends many in one.
BURST = 0.001


class Live:
    """The short way of entries from the log to the socket, while the follower of a pump waits.

    There is no task and no message on it. It writes for as long as the connection takes what it
    gets, and leaves everything else to the pump, which it wakes: a slow reader, the end of the run,
    an entry for which `encode` returns None, an error of the encoder.
    """

    __slots__ = ("_direct", "_encode", "_follower", "_heartbeat", "_late", "_loop", "error")

    def __init__(
        self, follower: Follower, direct: Direct, heartbeat: Heartbeat, encode: Encode
    ) -> None:
        self._follower = follower
        self._direct = direct
        self._heartbeat = heartbeat
        self._encode = encode
        self._loop = asyncio.get_running_loop()
        self._late = False  # a write at the end of this turn is due
        self.error: Exception | None = None  # of the encoder

    def grown(self) -> None:
        """Write what is new, now or soon, or wake the pump, which has to do it."""
        if self._late:
            return
        now = self._loop.time()
        if now - self._heartbeat.last_write < BURST:
            self._late = True
            self._loop.call_soon(self._end_turn)
        elif not self._write(now):
            self._follower.poke()

    def _end_turn(self) -> None:
        self._late = False
        if not self._write(self._loop.time()):
            self._follower.poke()

    def _write(self, now: float) -> bool:
        follower = self._follower
        waiting = follower.waiting
        if waiting is None or waiting.done() or not self._direct.ready:
            return False
        after = follower.after
        entries = follower.fresh(after)
        if not entries:
            return False
        try:
            body = self._encode(after, entries)
        except Exception as error:
            self.error = error
            return False
        if body is None:
            return False
        follower.after = after + len(entries)
        if body:
            self._direct.write(body)
            self._heartbeat.last_write = now
            follower.traffic.bytes += len(body)
        return True
