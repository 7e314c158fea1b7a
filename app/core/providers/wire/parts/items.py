"""The function calls among the items of a response, while they come and as an SDK reads them."""

from typing import Any

from ..outcome import WrittenCall


def is_call(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "function_call"


class Items:
    """The function calls of one response: the open ones, and in `done` those that are whole.

    `key` is what their events have in common: an index, or an id.
    """

    def __init__(self) -> None:
        self._open: dict[Any, dict[str, Any]] = {}
        self.done: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._open) + len(self.done)

    def add(self, key: Any, piece: str) -> None:
        """Take a piece of a call's arguments."""
        self._open.setdefault(key, {}).setdefault("pieces", []).append(piece)

    def update(self, key: Any, fields: dict[str, Any]) -> None:
        """Take fields of a call; empty ones do not undo earlier ones."""
        held = self._open.setdefault(key, {})
        for name, kept in fields.items():
            if kept not in (None, "") and name != "pieces":
                held[name] = kept

    def pop(self, key: Any) -> dict[str, Any]:
        """Take a call out of the open ones, which is whole."""
        return self._open.pop(key)

    def pop_named(self) -> list[dict[str, Any]]:
        """Take all calls out of the open ones: those with a name."""
        named = [item for item in self._open.values() if item.get("name")]
        self._open.clear()
        return named

    def written(self, calls: list[WrittenCall]) -> list[dict[str, Any]]:
        """Items for the calls that those in `done` have led to."""
        return [
            {
                "type": "function_call",
                "id": item.get("id") or call.id,
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
                "status": "completed",
            }
            for item, call in zip(self.done, calls, strict=True)
        ]
