"""How many runs go on at once, in all and for each principal, and who waits for one to end.

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
    """At most `total` runs at once, and `each` of one principal; `queue` may wait for a slot, for
    `patience` seconds. They get it in the order they came, but nobody waits behind a principal
    that is at its own bound. Of one principal no more wait than may run.
    """

    def __init__(
        self,
        total: int | None = None,
        each: int | None = None,
        *,
        queue: int = 100,
        patience: float = 5.0,
    ) -> None:
        self._total = total
        self._each = each
        self._queue = queue
        self._patience = patience
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @property
    def taken(self) -> int:
        return self._taken.total()

    async def take(self, principal: str) -> None:
        """Take a slot, which is to be given back. Raises `TooManyRuns` where the principal has its
        own bound to thank for it, and `Overloaded` else."""
        if self._free(principal):
            self._taken[principal] += 1
            return
        mine = sum(waiting.principal == principal for waiting in self._waiting)
        if len(self._waiting) >= self._queue or (self._each is not None and mine >= self._each):
            raise self._refusal(principal)
        waiting = _Waiting(principal, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._patience):
                await waiting.admitted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.admitted.done() and not waiting.admitted.cancelled():
                self.give(principal)  # it came at the same moment
            if isinstance(error, TimeoutError):
                raise self._refusal(principal) from None
            raise

    def give(self, principal: str) -> None:
        """Give a slot back; whoever waits for it longest gets it."""
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
                f"You have {self._each} runs at once, which is as many as you may.",
                retry_after=self._patience,
            )
        return Overloaded("The server has as many runs as it takes.", retry_after=self._patience)
