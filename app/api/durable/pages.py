"""A page: the entries that one read of a stream returns, and where the reader then is."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from ...core.log.follower import Follower
from ...core.log.journal import Entry
from ...core.waiting.flag import Flag
from ..encoding import line_encoder
from .offsets import Offset


class Page(NamedTuple):
    """The entries that follow an offset, and the offset behind them.

    `up_to_date` is True if the log had no more when they were read; `closed` if the run has ended,
    and nothing follows.
    """

    entries: list[Entry]
    offset: Offset
    up_to_date: bool
    closed: bool

    @property
    def body(self) -> bytes:
        """The entries as one JSON array of chunks, in one line."""
        return encode_array(self.entries)

    @classmethod
    async def behind(cls, offset: Offset, follower: Follower, entries: list[Entry]) -> "Page":
        """Return the page of the entries that the follower has just read; raises `Gap` and
        `JournalUnavailable`."""
        offset, closed = offset.behind(follower, entries), follower.done
        up_to_date = closed or not entries or (await follower.newest()).number <= follower.after
        return cls(entries, offset, up_to_date, closed)


def encode_array(entries: Iterable[Entry]) -> bytes:
    """Return the chunks of the entries as a JSON array without a line end."""
    line = line_encoder()
    return b"[%b]" % b",".join(line(chunk) for _, chunk in entries)


async def read(follower: Follower) -> list[Entry]:
    """Return the entries that follow now, without waiting for new ones; raises `Gap`."""
    follower.poke()
    return await follower.batch()


async def wait(follower: Follower, gone: Flag, seconds: float) -> list[Entry]:
    """Return the next entries as soon as there are any; empty after so many seconds.

    It is empty sooner if the run has ended, if the client disconnects (`gone`), and if this process
    shuts down, so that the client continues at another one. Raises `Gap`.
    """
    entries: list[Entry] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not (entries or follower.done or follower.redirected or gone.is_set()):
                entries = await follower.batch()
    return entries
