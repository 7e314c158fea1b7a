"""The states of a run, and the table of transitions between them."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """The state of a run: QUEUED, then RUNNING, perhaps STOPPING, and at last ENDED."""

    QUEUED = "queued"  # it waits for its turn in the conversation
    RUNNING = "running"  # its agent works
    STOPPING = "stopping"  # its end has a reason, and what it was doing is being cancelled
    ENDED = "ended"  # its last chunk is in the log


#: The states that may follow each state. Another state, and how it is entered and left, is a row.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.STOPPING, State.ENDED}),
    State.RUNNING: frozenset({State.STOPPING, State.ENDED}),
    State.STOPPING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


class Life:
    """The states that a run has gone through so far, which `TRANSITIONS` allows; begins with
    QUEUED."""

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
