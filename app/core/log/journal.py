"""The contract of a journal, the durable store of the logs of runs; see `journals/`.

A store for one process implements `Log`. A store that several processes share implements all three
parts: `Log`, `Membership` and `Mailbox`.

See docs/decisions/005-a-gap-is-reported-never-skipped.md.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import msgspec

from ...models.chat import StreamingChunk

#: Seconds since the run was created, and the chunk that was appended then.
Entry = tuple[float, StreamingChunk]

#: Seconds for which `Mailbox.mark_followed` is valid.
FOLLOWED_TTL = 10.0

MEBIBYTE = 1 << 20


class RunRecord(msgspec.Struct, frozen=True):
    """The facts about a run that are known when it starts. `created_at` is Unix time in seconds.

    `owner` is the process that drives the run. `question` is the text that the conversation must
    keep if the owner dies; None if the conversation is not stored. `fingerprint` is a hash of the
    request, which detects another request with the same idempotency key; empty if the request has
    no key.
    """

    run_id: str
    conversation_id: str
    principal: str
    agent: str
    model: str
    created_at: float
    owner: str = ""
    question: str | None = None
    fingerprint: str = ""


class Group(NamedTuple):
    """Consecutive entries of one run that are written together; `first` is the number of the
    first."""

    record: RunRecord
    first: int
    entries: Sequence[Entry]

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    @property
    def ended(self) -> bool:
        return bool(self.entries) and self.entries[-1][1].done


class Reach(NamedTuple):
    """How far a log goes: the number of its newest entry, and whether the run ends with that
    entry."""

    last: int
    ended: bool


class Log(Protocol):
    """The store of the entries of all runs, in order and numbered from 1. Every journal implements
    this.

    Any task may call it, but appends to one run come one after another. Every call may raise the
    errors of the underlying store, and may then be repeated.
    """

    async def open(self, owner: str) -> None:
        """Connect to the store; `owner` is the name of this process, which no other process has
        ever had.

        Raises `ConfigurationError` if the store cannot be used.
        """

    async def close(self) -> None: ...

    async def create(self, record: RunRecord) -> bool:
        """Store the record of a run and return True; if the run is known, change nothing and return
        False."""

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        """Write groups of entries, at most one group for each run, and the records of new runs.

        Returns the ids of runs that have ended before, or that another process has taken over:
        nothing of their groups is written. Entries whose numbers exist are skipped, so that a write
        whose outcome is unknown can be repeated. If a group begins after the next number, there is
        a gap: all entries before the group count as no longer kept.
        """

    async def record(self, run_id: str) -> RunRecord | None:
        """Return the record of a run; None if the run is unknown or no longer kept."""

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        """Return at most `limit` entries that follow entry `after`; empty if there are none yet.

        Raises `UnknownRun`, and `Gap` if the entries were removed.
        """

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        """Return how far the logs of these runs go, by run id; unknown runs are left out."""

    async def sweep(self) -> None:
        """Remove runs that ended longer ago than the retention, and entries that exceed the bounds
        in bytes."""


class Membership(Protocol):
    """Which processes share a store, which of them are alive, and which runs each of them owns.

    The runs of a process that has died are taken over, so that they do not stay without an end.
    """

    async def send_heartbeat(self) -> None:
        """Show the other processes that this one is alive; must be called every second."""

    async def count_peers(self) -> int:
        """Return the number of other processes that are alive."""

    async def adopt_orphans(self) -> list[RunRecord]:
        """Make this process the owner of all runs that have not ended and whose owner is dead.

        Returns the records of these runs, which the caller must end. If several processes call at
        once, each run goes to one of them.
        """

    async def runs_before(self, record: RunRecord) -> list[str]:
        """Return the ids of active runs of other processes that come before a run in its
        conversation.

        They have the same principal and were created earlier, and are returned in their order. If
        the run itself is not created yet, all active runs of the conversation come before it.
        """

    async def list_active(self, principal: str) -> list[RunRecord]:
        """Return the records of a principal's runs that have not ended, in all processes, oldest
        first."""


class Mailbox(Protocol):
    """What other processes request of the owner of a run (to cancel it), and report (readers of
    it)."""

    #: How often the owner of a run polls for cancel requests, which is what a poll may cost.
    CANCEL_POLL_SECONDS: ClassVar[float]

    async def request_cancel(self, run_id: str) -> None:
        """Request that the owner of a run cancels the run; has no effect if the run is not
        active."""

    async def take_cancel_requests(self) -> list[str]:
        """Return the ids of runs of this process that others want cancelled; each request is
        returned once."""

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        """Note, for `FOLLOWED_TTL` seconds, that these runs have readers at another process than
        the owner."""

    async def is_followed(self, run_id: str) -> bool:
        """Return True if `mark_followed` has been called for a run within the last `FOLLOWED_TTL`
        seconds."""


@runtime_checkable
class SharedJournal(Log, Membership, Mailbox, Protocol):
    """A journal that several processes share; each of them drives its own runs."""


def size_of(chunk: StreamingChunk) -> int:
    """Estimate the bytes of memory that a chunk takes: its text, and the objects around it."""
    size = 200 + len(chunk.content)
    if chunk.reasoning is not None:
        size += len(chunk.reasoning)
    if chunk.tool is not None:
        size += 500 + len(chunk.tool.result or "") + len(str(chunk.tool.arguments or ""))
        size += len(chunk.tool.arguments_text or "")
    return size
