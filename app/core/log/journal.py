"""The contract of a journal: the durable store of the logs of runs; see `journals/`."""

from collections.abc import Collection, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import msgspec

from ...models.chat import StreamingChunk

#: Seconds since the run was created, and the chunk that was appended then.
Entry = tuple[float, StreamingChunk]

#: Seconds for which a `watch` holds.
FOLLOWED_TTL = 10.0


class RunRecord(msgspec.Struct, frozen=True):
    """What is known of a run when it starts. `created_at` is Unix time in seconds.

    `owner` is the process that drives it. `question` is what the conversation must remember if
    the owner dies; None where nothing is to be remembered. `fingerprint` tells whether a question
    that is asked again is the same one; empty where none is to be asked again.
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
    """Entries of one run, in order and without holes; the first of them has the number `first`."""

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
    """How far a run's log goes: the number of its newest entry, and whether that is its end."""

    last: int
    ended: bool


class Journal(Protocol):
    """Keeps the entries of each run in order, numbered from 1.

    Calls may come from any task; those of `append` for the same run come one after another. Any
    of them may raise what the store raises; a call that raised may be made again.
    """

    async def open(self, owner: str) -> None:
        """Make ready for use by the process of that name, which no other one has ever had."""

    async def close(self) -> None: ...

    async def create(self, record: RunRecord) -> bool:
        """Make a run known; whether it was not yet. One that is known already stays as it is."""

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        """Write groups, at most one a run, and make known the runs that are not yet.

        Entries whose numbers are there already are passed over, so a write whose success was not
        heard of can be made again. A group that begins further on than the log has come leaves a
        hole, and all before it is a gap from then on. Returns the ids of the runs that another
        process has taken over, or that have ended before: nothing of their groups was written.
        """

    async def record(self, run_id: str) -> RunRecord | None: ...

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries that follow number `after`; none if there are no more yet.

        Raises `UnknownRun`, and `Gap` for a part that was removed.
        """

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        """How far those of these runs have come that are known."""

    async def sweep(self) -> None:
        """Remove what is older than the retention, and what is over the bounds of bytes."""


@runtime_checkable
class SharedJournal(Journal, Protocol):
    """A journal that several processes keep together, each of which drives its own runs."""

    CANCEL_POLL_SECONDS: ClassVar[float]

    async def send_heartbeat(self) -> None:
        """Say that this process lives; called every second."""

    async def count_peers(self) -> int:
        """How many other processes live."""

    async def adopt_orphans(self) -> list[RunRecord]:
        """Take over the runs that have no end and whose owner is dead; each goes to one caller."""

    async def runs_before(self, record: RunRecord) -> list[str]:
        """The runs of other owners in its conversation, of the same principal, that have not ended
        and were created before this one, in order; all of them if this one has not been created."""

    async def list_active(self, principal: str) -> list[RunRecord]:
        """A principal's runs that have not ended, whoever drives them; oldest first."""

    async def request_cancel(self, run_id: str) -> None:
        """Ask the owner of a run to cancel it."""

    async def take_cancel_requests(self) -> list[str]:
        """The runs of this process whose cancellation was asked for since the last call; called
        every `CANCEL_POLL_SECONDS` seconds while it has any, which is what a look may cost."""

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        """Note that somebody reads these runs elsewhere than with their owner, for `FOLLOWED_TTL`
        seconds."""

    async def is_followed(self, run_id: str) -> bool: ...


def size_of(chunk: StreamingChunk) -> int:
    """About how many bytes of memory a chunk holds: its text, and the objects around it."""
    size = 200 + len(chunk.content)
    if chunk.reasoning is not None:
        size += len(chunk.reasoning)
    if chunk.tool is not None:
        size += 500 + len(chunk.tool.result or "") + len(str(chunk.tool.arguments or ""))
        size += len(chunk.tool.arguments_text or "")
    return size
