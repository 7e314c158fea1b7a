"""Reading journals: whole logs, and the errors that callers of a journal get."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from ...models.sizes import size_of
from ..errors import AgnoStreamError, Gap, JournalUnavailable, UnknownRun
from .journal import Entry

#: Entries that one read of a whole log takes at most.
PAGE = 1000

#: Entries that a follower takes at once, and about their bytes: what a reader that is behind has in
#: memory. A larger one comes alone.
PIECE, PIECE_BYTES = 256, 64 << 10

logger = logging.getLogger(__name__)
T = TypeVar("T")


class JournalReplaced(OSError):
    """The store of a journal was removed or replaced while it was open; it is empty now.

    `append` raises it once. After that the journal takes the logs of active runs from their
    beginning, or from the first entry that is still in memory.
    """


def piece_of(entries: list[Entry]) -> list[Entry]:
    """The first entries, as many as a follower takes at once."""
    if len(entries) < 2:
        return entries
    size = 0
    for count, (_, chunk) in enumerate(entries[:PIECE]):
        size += size_of(chunk)
        if size > PIECE_BYTES:
            return entries[: max(count, 1)]
    return entries[:PIECE]


async def journal_call(call: Coroutine[Any, Any, T]) -> T:
    """Await a call of the journal and return its result; raises `JournalUnavailable` if the store
    fails."""
    try:
        return await call
    except AgnoStreamError:
        raise
    except Exception as error:
        logger.error("journal: cannot be read: %r", error)
        raise unavailable() from error


def unavailable() -> JournalUnavailable:
    return JournalUnavailable("The journal of runs cannot be read at the moment.", retry_after=2)


def unknown_run(run_id: str) -> UnknownRun:
    return UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")


def removed(run_id: str, base: int) -> Gap:
    """Return the `Gap` error for a reader of entries up to number `base` that retention has
    removed."""
    return _gap(f"Events up to {base} of run {run_id} are no longer kept.", run_id, base)


def never_kept(run_id: str, base: int) -> Gap:
    """Return the `Gap` error for a reader of entries up to number `base` that were never stored.

    They were dropped from memory while the journal could not be written.
    """
    return _gap(f"Events up to {base} of run {run_id} could not be kept.", run_id, base)


def _gap(message: str, run_id: str, base: int) -> Gap:
    return Gap(message, first_event_id=f"{run_id}:{base}", base=base)


class WholeLog(NamedTuple):
    """All entries of a run that are kept, the number of the last one, and whether any are
    missing."""

    entries: list[Entry]
    last: int
    truncated: bool


async def read_whole(read: Callable[[int], Awaitable[list[Entry]]]) -> WholeLog:
    """Read the log of a run from its beginning to its newest entry, and skip entries no longer
    kept.

    `read` returns the entries that follow a number, empty if there are no more, and raises `Gap`.
    """
    found = WholeLog([], 0, truncated=False)
    while True:
        try:
            page = await read(found.last)
        except Gap as gap:
            base = int(str(gap.details["base"]))
            found = found._replace(last=base, truncated=True)
            continue
        if not page:
            return found
        found.entries.extend(page)
        found = found._replace(last=found.last + len(page))
        if page[-1][1].done:
            return found
