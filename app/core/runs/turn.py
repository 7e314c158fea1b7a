"""What a run needs of what answers: a plan that can be checked, and the turn that it prepares."""

from collections.abc import Callable
from typing import Protocol

from ...models.chat import StreamingChunk, Usage
from ..log.journal import RunRecord
from ..recovering import Guard
from ..run_failures import RunFailed


class Turn(Protocol):
    """The work of one run: a question to an agent, prepared with copies of agent and model."""

    model: str
    stored_question: str | None  # None if the conversation keeps nothing of this turn
    logged_question: str  # the last message of the request, stored or not
    settled: bool  # set before `run` if no earlier turn of its conversation waits to be stored

    def protect(self, guard: Guard) -> None:
        """Called before `run` if another process may go on with the run: nothing that must not be
        done twice begins before the guard has confirmed the chunk that says so."""

    async def run(
        self, emit: Callable[[StreamingChunk], None], on_alive: Callable[[], None]
    ) -> StreamingChunk:
        """Emit text, reasoning and tool calls as they come, and return the last chunk; raises
        `RunFailed`. `on_alive` is called for what the model sends that makes no chunk."""

    def estimate_usage(self, pieces: int) -> Usage:
        """Return the tokens of a run without a usage from the provider: counted ones plus an
        estimate of those in `pieces`, the number of its chunks with text or reasoning."""

    async def remember(self, text: str, failure: RunFailed, usage: Usage | None = None) -> bool:
        """Store the question and the partial answer of a run that failed or was stopped, with the
        usage that its readers are told; an estimate if it is None.

        Returns False if that is not possible yet, and what must be stored is kept for later.
        """


class Plan(Protocol):
    """A question whose agent and model are chosen and checked, but not yet copied for a run."""

    agent: str
    model: str
    stored_question: str | None
    settings: str  # what of the question holds in a continuation of the run, as JSON

    @property
    def recipe(self) -> str:
        """What another process needs to go on with the run, as JSON; empty if none can."""

    async def check(self, record: RunRecord) -> str | None:
        """Raise an error for what would prevent this run now, before it begins.

        Returns the session whose waiting turns have to be stored first, None if there can be none.
        """

    async def settle(self, record: RunRecord) -> None:
        """Store the turns of the session that wait; raises an error if that is not possible now."""

    def prepare(self, record: RunRecord) -> Turn:
        """Return the `Turn` of a run, with copies of the agent and the model for this run alone."""
