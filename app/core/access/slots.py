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
    """Limits the number of concurrent runs: `total` of all principals, `each` of one; None is no
    limit.

    At most `queue` runs wait for a slot, each for at most `queue_timeout` seconds, and at most
    `each` of one principal. Runs get slots in the order of their arrival; a principal at its own
    limit does not delay the others.
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
        """The number of slots in use."""
        return self._taken.total()

    @property
    def full(self) -> bool:
        """True if all slots are in use."""
        return self._total is not None and self.taken >= self._total

    async def acquire(self, principal: str) -> None:
        """Take a slot for a run, or wait for one; the caller must `release` the slot.

        Raises `TooManyRuns` at the principal's limit, and `Overloaded` at the limit of all.
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

    def take(self, principal: str) -> None:
        """Take a slot for a run that another process had admitted, also beyond the limits."""
        self._taken[principal] += 1

    def release(self, principal: str) -> None:
        """Give a principal's slot back; the run that has waited longest gets the slot."""
        self._taken[principal] -= 1
        if not self._taken[principal]:
            del self._taken[principal]
        for waiting in list(self._waiting):
            if self.full:
                return
            if self._free(waiting.principal) and not waiting.admitted.done():
                self._waiting.remove(waiting)
                self._taken[waiting.principal] += 1
                waiting.admitted.set_result(None)

    def _free(self, principal: str) -> bool:
        return not self.full and not self._at_own_bound(principal)

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
