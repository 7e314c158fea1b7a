"""The bounds on concurrent runs, of all principals and of each, and the queue for a slot.

See docs/decisions/003-slots-are-taken-before-a-run-is-created.md.
"""

import asyncio
from collections import Counter, deque
from typing import NamedTuple

from ..errors import Overloaded, TooManyRuns


class _Waiting(NamedTuple):
    principal: str
    admitted: asyncio.Future[None]


class Slots:
    """At most `total` concurrent runs, and `each` of one principal; None is no bound.

    At most `queue` runs wait for a slot, for `queue_timeout` seconds each, and of one principal no
    more than may run. They get it in the order of their arrival, but no run waits for a principal
    that is at its own bound.
    """

    def __init__(
        self,
        total: int | None = None,
        each: int | None = None,
        *,
        queue: int = 100,
        queue_timeout: float = 5.0,
    ) -> None:
        self._total = total
        self._each = each
        self._queue = queue
        self._queue_timeout = queue_timeout
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @property
    def taken(self) -> int:
        """How many slots are in use."""
        return self._taken.total()

    async def acquire(self, principal: str) -> None:
        """Take a slot, which the caller releases.

        Raises `TooManyRuns` at the bound of the principal, and `Overloaded` at the bound of all.
        """
        if self._free(principal):
            self._taken[principal] += 1
            return
        mine = sum(waiting.principal == principal for waiting in self._waiting)
        if len(self._waiting) >= self._queue or (self._each is not None and mine >= self._each):
            raise self._refusal(principal)
        waiting = _Waiting(principal, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._queue_timeout):
                await waiting.admitted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.admitted.done() and not waiting.admitted.cancelled():
                self.release(principal)  # it was granted at the same moment
            if isinstance(error, TimeoutError):
                raise self._refusal(principal) from None
            raise

    def release(self, principal: str) -> None:
        """Return a slot; the run that has waited longest gets it."""
        self._taken[principal] -= 1
        if not self._taken[principal]:
            del self._taken[principal]
        for waiting in list(self._waiting):
            if self._full:
                return
            if self._free(waiting.principal) and not waiting.admitted.done():
                self._waiting.remove(waiting)
                self._taken[waiting.principal] += 1
                waiting.admitted.set_result(None)

    @property
    def _full(self) -> bool:
        return self._total is not None and self.taken >= self._total

    def _free(self, principal: str) -> bool:
        return not self._full and not self._at_own_bound(principal)

    def _at_own_bound(self, principal: str) -> bool:
        return self._each is not None and self._taken[principal] >= self._each

    def _refusal(self, principal: str) -> TooManyRuns | Overloaded:
        if self._at_own_bound(principal):
            return TooManyRuns(
                f"You are at your limit of {self._each} concurrent runs. Wait for one to end.",
                retry_after=self._queue_timeout,
            )
        return Overloaded(
            "The server is at its limit of concurrent runs.", retry_after=self._queue_timeout
        )
