"""What of an answer stands, although a server has died that had sent more of it.

See docs/decisions/066-void-text-is-taken-back-where-the-protocol-can.md.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: What people read when an answer goes on at another server.
RECOVERED = "The server was lost, and another one goes on with this answer."


class Standing(Generic[T]):
    """Items of an answer, each with the number of the event that it came with."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._numbers: list[int] = []

    def add(self, number: int, item: T, recovered: Mapping[str, Any] | None = None) -> None:
        """Add the item of an event; first remove what its `recovered` makes void, if it has any."""
        if recovered is not None:
            self.take_back(recovered["after"])
        self.items.append(item)
        self._numbers.append(number)

    def take_back(self, after: int) -> list[T]:
        """Remove what came after an event, and return it."""
        count = sum(number <= after for number in self._numbers)
        void = self.items[count:]
        del self.items[count:], self._numbers[count:]
        return void
