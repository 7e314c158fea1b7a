"""What some providers want back with the tool calls of an earlier response."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .outcome import Outcome

#: Where it is kept in Agno's `provider_data` of a message, which is stored with the message.
KEY = "agno_stream"


class Past(NamedTuple):
    """A message of a history that calls functions of these names, and what was kept of it."""

    names: list[Any]
    kept: dict[str, Any] | None


def kept(
    message: dict[str, Any], calls: Sequence[dict[str, Any]], host: str | None = None
) -> dict[str, Any] | None:
    """What to keep of a message and, in their order, of its calls; None if there is nothing.

    It goes back to the same `host` only; to any if that is None.
    """
    if not calls or not (message or any(calls)):
        return None
    return {"host": host, "message": message, "calls": [*calls]}


def kept_of(outcome: Outcome, host: str) -> dict[str, Any] | None:
    """What to keep of a response."""
    return kept(outcome.replay, [call.extra for call in outcome.calls], host)


class Replay:
    """Completes a request with what came with the calls of its history.

    DeepSeek and Kimi refuse a request without the `reasoning_content` of its calls, OpenRouter and
    Gemini want `reasoning_details` and `extra_content`; Agno sends none of them. Messages are
    matched by their order and the names that they call, because Agno gives other ids to calls whose
    ids do not look like OpenAI's.
    """

    def __init__(self, history: Sequence[Past] = ()) -> None:
        self._history = history

    def __bool__(self) -> bool:
        return any(past.kept for past in self._history)

    def restore(self, request: dict[str, Any], host: str) -> bool:
        """Complete the body of a chat completion; False if it is complete as it is."""
        changed = False
        messages = request.get("messages")
        called = [
            message
            for message in (messages if isinstance(messages, list) else ())
            if isinstance(message, dict) and message.get("tool_calls")
        ]
        for message, past in zip(reversed(called), reversed(self._history), strict=False):
            calls = message["tool_calls"]
            found = past.kept
            if not found or [_name(call) for call in calls] != past.names:
                continue
            if found["host"] in (None, host):
                changed |= _complete(message, found["message"])
                for call, extra in zip(calls, found["calls"], strict=False):
                    changed |= _complete(call, extra)
        return changed


def _name(call: Any) -> Any:
    return (call.get("function") or {}).get("name")


def _complete(target: dict[str, Any], kept: dict[str, Any]) -> bool:
    missing = {key: value for key, value in kept.items() if target.get(key) is None}
    target.update(missing)
    return bool(missing)
