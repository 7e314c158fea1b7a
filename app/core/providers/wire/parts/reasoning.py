"""Reasoning in chat completions, under any of its names."""

from typing import Any

from .documents import texts

#: Details of reasoning that are kept before those that belong together are joined.
_MANY = 256

#: Details of one response that are kept, at most.
_MOST = 4096


def thought_of(delta: dict[str, Any]) -> str:
    """The reasoning of a delta, under the first name that has any."""
    for key in ("reasoning_content", "reasoning", "thinking"):
        value = delta.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict | list) and (found := "".join(texts(value))):
            return found
    details = delta.get("reasoning_details")
    parts = details if isinstance(details, list) else ()
    pieces = [d.get("text") or d.get("summary") for d in parts if isinstance(d, dict)]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def thought_key(like: Any) -> str:
    """The field in which a chunk has its reasoning, if it is one that goes back with calls."""
    choices = like.get("choices") if isinstance(like, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    delta = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
    fields = delta if isinstance(delta, dict) else {}
    return next((key for key in ("reasoning_content", "reasoning") if fields.get(key)), "")


class Details:
    """The `reasoning_details` of a stream, the pieces of each joined as they were before."""

    __slots__ = ("_details", "_full")

    def __init__(self) -> None:
        self._details: list[Any] = []
        self._full = _MANY

    def add(self, details: list[Any]) -> None:
        self._details += details[: _MOST + self._full - len(self._details)]
        if len(self._details) > self._full:
            self._details = self.joined()[:_MOST]
            self._full = max(2 * len(self._details), _MANY)

    def joined(self) -> list[Any]:
        whole: list[Any] = []
        pieces: list[str] = []
        grown = ""  # the field of the last detail that the pieces are of
        for detail in self._details:
            key = _grows(detail)
            if whole and key and key == grown and _follows(detail, whole[-1]):
                pieces.append(detail[key])
                others = {name: value for name, value in detail.items() if value is not None}
                whole[-1].update({**others, key: ""})
                continue
            if grown:
                whole[-1][grown] = "".join(pieces)
            grown, pieces = key, [detail[key]] if key else []
            whole.append(dict(detail) if key else detail)
        if grown:
            whole[-1][grown] = "".join(pieces)
        return whole


def _grows(detail: Any) -> str:
    """The field of a detail that comes in pieces."""
    fields = detail if isinstance(detail, dict) else {}
    return next((key for key in ("text", "summary") if isinstance(fields.get(key), str)), "")


def _follows(detail: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether a detail is a further piece of the one before it. A signature is the last."""
    same = all(before.get(key) == detail.get(key) for key in ("type", "index"))
    return same and not (
        before.get("signature") and any(detail.get(k) for k in ("text", "summary"))
    )
