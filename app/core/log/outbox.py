"""The contract of an outbox: turns that could not be stored in their conversations yet.

A journal has one, so that such a turn outlives its process, and any process can store it. A new run
of the conversation looks into it with the step that creates the run.

See docs/decisions/061-a-turn-is-stored-or-the-reader-is-told.md.
See docs/decisions/079-calls-that-wait-share-a-transaction.md.
"""

import time
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import msgspec

from ..errors import AlreadyAsked

#: Seconds for which a claim holds: other processes leave the turns of that session alone.
CLAIM_SECONDS = 10.0


class TurnsWait(Exception):
    """A run cannot begin before the waiting turns of its session are stored."""


class Created(NamedTuple):
    """What a journal has found with the record of a run: whether the run is new, the active runs of
    other owners before it (see `Membership.runs_before`), None if it has not looked, and how many
    turns of its session wait in the outbox."""

    new: bool
    before: Sequence[str] | None = None
    waiting: int = 0

    def __bool__(self) -> bool:
        return self.new

    def check(self, run_id: str) -> None:
        """Raise `TurnsWait`, or `AlreadyAsked` for a run that is not new."""
        if self.waiting:
            raise TurnsWait
        if not self.new:
            raise AlreadyAsked(f"Run {run_id} has begun before.")


class UnstoredTurn(msgspec.Struct, frozen=True):
    """A turn that waits. `key` is unique; `session` is the session of Agno's, whose turns are
    stored in the order of `created_at`, which is Unix time in seconds; `data` is what to store."""

    key: str
    session: str
    created_at: float
    data: str


class Outbox(Protocol):
    """Keeps turns until they are stored. Every call may raise what the store raises."""

    async def keep(self, turn: UnstoredTurn) -> None:
        """Keep a turn; replaces one of the same key."""

    async def count(self, session: str | None = None) -> int:
        """How many turns wait, in one session or in all."""

    async def claim(self, session: str | None, limit: int) -> list[UnstoredTurn]:
        """Turns of a session, or of all, oldest first, that no other process has claimed.

        Their sessions are claimed for `CLAIM_SECONDS`.
        """

    async def settle(self, keys: Collection[str]) -> None:
        """Remove turns, because they are stored."""

    async def release(self) -> None:
        """Give up all claims of this process."""

    async def drop(self, session: str) -> None:
        """Remove all turns of a session."""


class MemoryOutbox:
    """An outbox that exists as long as its process."""

    def __init__(self) -> None:
        self._turns: dict[str, UnstoredTurn] = {}

    async def keep(self, turn: UnstoredTurn) -> None:
        self._turns[turn.key] = turn

    async def count(self, session: str | None = None) -> int:
        return sum(session in (None, turn.session) for turn in self._turns.values())

    async def claim(self, session: str | None, limit: int) -> list[UnstoredTurn]:
        found = [turn for turn in self._turns.values() if session in (None, turn.session)]
        return sorted(found, key=lambda turn: turn.created_at)[:limit]

    async def settle(self, keys: Collection[str]) -> None:
        for key in keys:
            self._turns.pop(key, None)

    async def release(self) -> None:
        """No other process knows of these turns."""

    async def drop(self, session: str) -> None:
        await self.settle([key for key, turn in self._turns.items() if turn.session == session])


def claimed_until() -> float:
    """When a claim that is made now ends, in Unix time."""
    return time.time() + CLAIM_SECONDS
