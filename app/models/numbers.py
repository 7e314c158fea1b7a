"""The numbers of a run's events, and which of its entries are void after a recovery.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .chat import StreamingChunk

#: What each recovery of a run adds to the numbers of the events after it.
STRIDE = 10**9

#: Seconds since the run was created, and the chunk that was appended then.
Entry = tuple[float, StreamingChunk]


class Recovery(NamedTuple):
    """The number of the entry by which a run was recovered, and of the last one before it that
    stands."""

    number: int
    after: int


def event_number(number: int, recoveries: Sequence[Recovery]) -> int:
    """Return the number of the event of an entry.

    If a process is killed, its readers may have received entries that the journal lacks, and that
    the log of the recovered run has with other contents. So the events after a recovery have
    numbers that none before it has.
    """
    if not recoveries:
        return number
    return number + STRIDE * sum(recovery.number <= number for recovery in recoveries)


def entry_number(event: int, recoveries: Sequence[Recovery]) -> int | None:
    """Return the number of the entry after which a reader continues that has read up to an event.

    A reader that was ahead when the run was recovered continues with the recovery. None if the run
    has not been recovered that often.
    """
    times, number = divmod(event, STRIDE)
    if times > len(recoveries):
        return None
    if times < len(recoveries) and number >= recoveries[times].number:
        return recoveries[times].number - 1
    return number


def number_in_id(number: int, chunk: StreamingChunk, recoveries: Sequence[Recovery] = ()) -> str:
    """Return an entry's number as its event id has it, with a leading 0 for the finish
    `interrupted`.

    If a process is killed, its readers may have received entries that the journal lacks. The final
    entry that another process adds then has a number that such readers have received with a text.
    The 0 shows whether a reader that resumes has received the final entry.
    """
    event = event_number(number, recoveries) if recoveries else number
    return f"0{event}" if chunk.finish_reason == "interrupted" else str(event)


def standing(entries: Sequence[Entry], last: int) -> list[Entry]:
    """Return entries without those that recoveries among them have made void; `last` is the number
    of the last one."""
    kept: list[tuple[int, Entry]] = []
    for number, entry in enumerate(entries, start=last - len(entries) + 1):
        if (recovered := entry[1].recovered) is not None:
            after = recovered.after % STRIDE
            while kept and kept[-1][0] > after:
                kept.pop()
        kept.append((number, entry))
    return [entry for _, entry in kept]
