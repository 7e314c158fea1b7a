"""The contract of a journal, the durable store of the logs of runs; see `journals/`.

A store for one process implements `Log`. A store that several processes share implements all four
parts: `Log`, `Membership`, `Checkpoints` and `Mailbox`.

See docs/decisions/005-a-gap-is-reported-never-skipped.md.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from ...models.numbers import Entry as Entry
from ...models.numbers import Recovery
from .outbox import Created, Outbox

#: Runs of dead processes that are taken over at once.
ADOPTION_BATCH = 50

#: Seconds for which `Mailbox.mark_followed` is valid.
FOLLOWED_TTL = 10.0

#: Seconds for which `Mailbox.saw_no_cancels` is true after a write, and between two looks else.
LOOK_SECONDS = 0.2

MEBIBYTE = 1 << 20

#: Seconds for which a paused run waits for a person, unless `PAUSE_RETENTION` says otherwise.
PAUSE_RETENTION = 30 * 86400.0


class RunRecord(msgspec.Struct, frozen=True):
    """The facts about a run that are known when it starts. `created_at` is Unix time in seconds.

    `owner` is the process that drives it. `question` is what the conversation must remember if
    the owner dies; None if it keeps nothing. `fingerprint` identifies the request, to compare it
    with one that is sent again under the same key; empty if the request has no key. `user` is the
    end user, if the principal has several. `request` is what a door whose protocol shows requests
    again needs of this one, in a form of its own; None for all other doors. `continues` is the
    paused run that this one continues, and `origin` the first run of such a chain, whose id is
    Agno's. `settings` are the fields of the question that hold in a continuation, too, as JSON.
    `replaces` is the turn in whose place the run's own stands. `recipe` and `policy` are all that
    another process needs to go on with the run if its owner dies, as JSON; empty if none may.
    `recoveries` are those that there have been. The `first` run of its conversation is one whose
    conversation got its id with it, so that nothing can be there before it.
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
    user: str | None = None
    request: str | None = None
    continues: str | None = None
    origin: str | None = None
    settings: str = ""
    replaces: str | None = None
    recipe: str = ""
    policy: str = ""
    recoveries: tuple[Recovery, ...] = ()
    first: bool = False

    @property
    def turn_id(self) -> str:
        """Agno's id of the run, the same in all runs that continue one another."""
        return self.origin or self.run_id


class Group(NamedTuple):
    """Consecutive entries of one run; the first of them has the number `first`."""

    record: RunRecord
    first: int
    entries: Sequence[Entry]

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    @property
    def ended(self) -> bool:
        return bool(self.entries) and self.entries[-1][1].done

    @property
    def recovers(self) -> bool:
        """True if the run is recovered with this group, so that its record has changed."""
        found = self.record.recoveries
        return bool(found) and self.first <= found[-1].number <= self.last

    @property
    def paused(self) -> bool:
        """True if the run ends with this group, and waits for a person."""
        return self.ended and self.entries[-1][1].finish_reason == "paused"


class Reach(NamedTuple):
    """How far a log goes: the number of its newest entry, and whether it is the end of the run."""

    last: int
    ended: bool


class Log(Protocol):
    """Keeps the entries of each run in order, numbered from 1. Every store implements this.

    Any task may call it, but appends to one run come one after another. Calls run on the event
    loop, so slow I/O goes to a thread. Every call may raise what the store raises, and may then be
    repeated. When the server starts, the store is opened and closed once on trial.
    """

    @property
    def outbox(self) -> Outbox:
        """The turns that could not be stored in their conversations yet."""

    async def open(self, owner: str) -> None:
        """Connect as the process of that name, which no other process has ever had.

        Raises `ConfigurationError` if the store cannot be used.
        """

    async def close(self) -> None: ...

    async def create(self, record: RunRecord, session: str | None = None) -> Created:
        """Store the record of a run, and say what there is before it. A known run is left as it is.

        Nothing is stored while turns of `session` wait in the outbox. A record that `continues` a
        run is stored only if that run is paused, and no other run continues it; both in one step,
        so that of two processes only one gets it.
        """

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        """Write groups, at most one for each run, and store the records of runs that are new.

        Entries whose numbers exist are skipped, so a write whose outcome is unknown can be
        repeated. A group that begins behind the next number leaves a gap: everything before it is
        no longer kept. With a group that `recovers` a run, its record replaces the stored one.
        Returns the ids of runs that another process has taken over, or that have ended before:
        nothing of their groups is written. A group may be empty, to learn that.
        """

    async def record(self, run_id: str) -> RunRecord | None:
        """The record of a run; None if the run is unknown or no longer kept."""

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries that follow number `after`, fewer if they are large; empty if
        there are none yet.

        Raises `UnknownRun`, and `Gap` for entries that were removed.
        """

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        """How far the logs of these runs go; runs that are unknown are left out."""

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        """Remove the ended and the paused runs of a conversation, with their records."""

    async def delete(self, run_id: str) -> None:
        """Remove a run that has ended, with its entries; no effect if it is unknown or active."""

    async def list_paused(self, principal: str | None) -> list[RunRecord]:
        """The paused runs that no run continues, of a principal or of all (None), oldest first."""

    async def continued_by(self, run_id: str) -> str | None:
        """The run that continues a paused one; None if there is none, or it is not known."""

    async def sweep(self) -> None:
        """Remove what is older than the retention or exceeds the bounds in bytes.

        A paused run is kept longer, for the retention of paused runs, until a run continues it.
        """


class Membership(Protocol):
    """Which processes share a store, which of them are alive, and which runs they own."""

    async def send_heartbeat(self) -> None:
        """Show the other processes that this one is alive; to be called every second."""

    async def mark_leaving(self) -> None:
        """Show the other processes that this one is about to end: it takes no readers, no runs."""

    async def count_peers(self) -> int:
        """How many other processes are alive, and not about to end."""

    async def adopt_orphans(self, limit: int = ADOPTION_BATCH) -> list[RunRecord]:
        """Take over at most `limit` runs without an end whose owner is dead.

        Each run goes to one caller; a host that died with thousands of runs leaves most of them to
        the next calls, of this process or of another one. If a call raises, the next one returns
        what it may have taken over.
        """

    async def runs_before(self, record: RunRecord) -> list[str]:
        """The ids of the active runs of other owners before this run in its conversation, in order.

        They have the same principal and were created before it. Of a run that is not in the store
        yet, these are all active runs of other owners in the conversation.
        """

    async def list_active(self, principal: str) -> list[RunRecord]:
        """The runs of a principal that have not ended, of all owners, oldest first."""


class Checkpoints(Protocol):
    """The latest state of each active run from which another process can go on with it."""

    async def keep_checkpoint(self, record: RunRecord, data: str) -> bool:
        """Replace the checkpoint of a run; returns False, and does nothing, if the run has ended or
        another process has taken it over. An empty one removes it, as the end of the run does."""

    async def checkpoint(self, run_id: str) -> str:
        """The checkpoint of a run; empty if there is none."""


class Mailbox(Protocol):
    """What processes that share a store request of the owner of a run, and report to it."""

    async def request_cancel(self, run_id: str) -> None:
        """Request that the owner of a run cancels it; no effect if the run is not active."""

    @property
    def saw_no_cancels(self) -> bool:
        """True if a write has just found no such request: who writes need not look for them."""

    async def take_cancel_requests(self) -> list[str]:
        """The runs of this process that are to be cancelled; each request is returned once."""

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        """Note for `FOLLOWED_TTL` seconds that these runs have readers at another process."""

    async def is_followed(self, run_id: str) -> bool:
        """Whether such a note on a run is valid."""


@runtime_checkable
class SharedJournal(Log, Membership, Checkpoints, Mailbox, Protocol):
    """A journal that several processes share, each of which drives its own runs."""


def belongs(record: RunRecord, principal: str, conversation_id: str, user: str | None) -> bool:
    """Whether a run is in this conversation."""
    whose = (record.principal, record.conversation_id, record.user)
    return whose == (principal, conversation_id, user)
