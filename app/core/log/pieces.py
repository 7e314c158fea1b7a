"""Pieces of logs, as they are written to the journal: what is new of one run, or a part of it."""

from typing import NamedTuple, Self

from .journal import Entry, Group, size_of
from .run_log import RunLog

#: Bytes that a chunk takes at least, by `size_of`.
SMALLEST = 200


class Piece(NamedTuple):
    """Entries of a log that one call writes, and the log's `grown` after the last of them."""

    log: RunLog
    group: Group
    grown: int

    @classmethod
    def rest(cls, log: RunLog) -> Self:
        """Everything that the journal does not have yet."""
        return cls(log, Group(log.record, log.flushed + 1, log.since(log.flushed)), log.grown)

    @classmethod
    def next(cls, log: RunLog, limit: int) -> Self:
        """The oldest entries that the journal does not have: at least one, about `limit` bytes."""
        before, size, entries = log.grown - log.pending, 0, list[Entry]()
        for entry in log.since(log.flushed, limit=max(1, limit // SMALLEST)):
            more = size_of(entry[1])
            if entries and size + more > limit:
                break
            size += more
            entries.append(entry)
        group = Group(log.record, log.flushed + 1, entries)
        return cls(log, group, log.grown if group.last == log.last else before + size)
