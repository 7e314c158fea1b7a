"""The states of a run, and the table of transitions between them.

docs/protocol.md shows the same table (tests/test_protocol_document.py).
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """The state of a run: QUEUED, then RUNNING, perhaps STOPPING, and at last ENDED or PAUSED.

    A run whose process has died is RECOVERED by another process, which drives or ends it.
    """

    QUEUED = "queued"  # it waits for its turn in the conversation
    RUNNING = "running"  # its agent works
    STOPPING = "stopping"  # its end has a reason, and what it was doing is being cancelled
    PAUSED = "paused"  # its last chunk is in the log, and has what it waits for
    RECOVERED = "recovered"  # its process has died, and another one has taken it over
    ENDED = "ended"  # its last chunk is in the log, or another run continues it


#: The states that may follow each state. Another state, and how it is entered and left, is a row.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.STOPPING, State.RECOVERED, State.ENDED}),
    State.RUNNING: frozenset({State.STOPPING, State.PAUSED, State.RECOVERED, State.ENDED}),
    State.STOPPING: frozenset({State.PAUSED, State.RECOVERED, State.ENDED}),
    State.RECOVERED: frozenset({State.RUNNING, State.STOPPING, State.ENDED}),
    State.PAUSED: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}

#: The states in which the log of a run has its last chunk, so that its stream closes.
CLOSED: frozenset[State] = frozenset({State.PAUSED, State.ENDED})


def closing(finish_reason: str | None) -> State:
    """The state that a run enters with its last chunk."""
    return State.PAUSED if finish_reason == "paused" else State.ENDED


class Life:
    """The states that a run has gone through so far, which `TRANSITIONS` allows; begins with
    QUEUED."""

    __slots__ = ("path",)

    def __init__(self) -> None:
        self.path = [State.QUEUED]

    @property
    def state(self) -> State:
        return self.path[-1]

    @property
    def began(self) -> bool:
        """True if the run has left its queue, also after the run has ended."""
        return State.RUNNING in self.path

    def may(self, state: State) -> bool:
        """Return True if the table allows the run to enter a state now."""
        return state in TRANSITIONS[self.state]

    def enter(self, state: State) -> None:
        """Change to a state; raises `RuntimeError` if the table does not allow it."""
        if not self.may(state):
            raise RuntimeError(f"a run that is {self.state} cannot become {state}")
        self.path.append(state)
