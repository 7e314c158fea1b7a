"""How long a provider waits for the readers of the answer that it sends.

See docs/decisions/084-a-fast-answer-waits-for-its-readers.md.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from .wheel import wheel


class Pausing(Protocol):
    """A run whose providers may have to wait."""

    def pause(self) -> float:
        """The seconds for which nothing more is to be read from them; 0 if they need not wait."""


class _Never:
    def pause(self) -> float:
        return 0.0


_NEVER = _Never()

#: The run of this context.
RUN: ContextVar[Pausing | None] = ContextVar("run", default=None)


def pausing() -> Pausing:
    """The run of this context; one that never pauses without a run."""
    return RUN.get() or _NEVER


def after(seconds: float, call: Callable[[], None]) -> None:
    """Call a function in so many seconds; at once if there are none."""
    if seconds > 0:
        wheel().call_later(seconds, call)
    else:
        call()
