"""How long a provider waits for the readers of the answer that it sends.

See docs/decisions/084-a-fast-answer-waits-for-its-readers.md.
"""

from collections.abc import Callable
from contextvars import ContextVar

from .wheel import wheel


def _none() -> float:
    return 0.0


#: Returns the seconds for which nothing more is to be read from the providers of this context's
#: run; 0 if it need not wait.
PAUSE: ContextVar[Callable[[], float]] = ContextVar("pause", default=_none)


def after(seconds: float, call: Callable[[], None]) -> None:
    """Call a function in so many seconds; at once if there are none."""
    if seconds > 0:
        wheel().call_later(seconds, call)
    else:
        call()
