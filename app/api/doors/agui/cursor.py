"""Positions in a stream of this door: `<run>:<n>`, the id of its n-th event.

See docs/decisions/011-an-interrupted-end-has-an-id-of-its-own.md.
"""

import re
from dataclasses import dataclass

from ....core.errors import BadEventId

FORM = re.compile(r"([^:\s]{1,200}):([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader goes on: behind event `after`. `saw_end` is True if it has got the end of a
    run whose process died; `entries` are those of the log that it does not want to see."""

    after: int = 0
    saw_end: bool = False
    entries: int = 0


#: The beginning of a stream.
START = Cursor()


def parse(value: str) -> tuple[str, Cursor]:
    """Return the run and the position in an event id; raises `BadEventId`."""
    match = FORM.fullmatch(value.strip())
    if match is None:
        raise BadEventId(f"{value[:80]!r} is not an event id. It must be '<run_id>:<number>'.")
    run_id, number = match.groups()
    return run_id, Cursor(int(number), saw_end=number[0] == "0" and number != "0")
