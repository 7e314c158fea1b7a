"""Offsets: the positions in a stream, as its clients send them back.

See docs/decisions/063-durable-streams-is-a-resource-of-a-run.md.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ...core.errors import BadEventId
from ...core.log.follower import Follower
from ...core.log.journal import Entry

#: The offsets with a name: before the first entry, and after the newest one.
START, NOW = "-1", "now"

_OFFSET = re.compile(r"(0[0-9]{15})(i?)")  # 15 digits fit into the integers of every journal


class Offset(NamedTuple):
    """A position after entry `number`; `saw_end` is True after the end of an interrupted run.

    As text it has 16 digits, and `i` if it `saw_end`, so that later offsets sort after earlier
    ones. Readers of a killed process may have received a text with the number of the end.
    """

    number: int
    saw_end: bool = False

    def __str__(self) -> str:
        return f"{self.number:016d}{'i' if self.saw_end else ''}"

    def behind(self, follower: Follower, entries: Sequence[Entry]) -> "Offset":
        """Return the offset behind the entries that the follower has just read from this one on.

        It is never before this one: a reader may be ahead of the log of a killed process.
        """
        if not entries:
            return self
        if entries[-1][1].finish_reason == "interrupted":
            return Offset(max(self.number, follower.event), saw_end=True)
        return Offset(follower.event)


def parse_offset(text: str) -> Offset:
    """Return the offset that a client sends; raises `BadEventId`.

    `now` is none of them: only the log knows where it is.
    """
    if text == START:
        return Offset(0)
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise BadEventId(
            f"{text[:80]!r} is not an offset. It must be '{START}', '{NOW}' or the value of a "
            "'Stream-Next-Offset'."
        )
    return Offset(int(found[1]), saw_end=bool(found[2]))
