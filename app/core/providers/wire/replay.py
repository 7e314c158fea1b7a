"""What some providers want back with the tool calls of an earlier response."""

from typing import Any

from .outcome import Outcome


class Replay:
    """Keeps what came with the calls of a run, and puts it into the run's further requests.

    DeepSeek and Kimi refuse a request without the `reasoning_content` of its calls, OpenRouter and
    Gemini want `reasoning_details` and `extra_content`; Agno sends none of them.
    """

    def __init__(self) -> None:
        self._messages: dict[str, dict[str, Any]] = {}  # by the id of a call, as the next
        self._calls: dict[str, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._messages or self._calls)

    def keep(self, outcome: Outcome) -> None:
        for call in outcome.calls:
            if outcome.replay:
                self._messages[call.id] = outcome.replay
            if call.extra:
                self._calls[call.id] = call.extra

    def restore(self, request: dict[str, Any]) -> bool:
        """Complete the body of a chat completion; False if it is complete as it is."""
        changed = False
        messages = request.get("messages") if self._messages or self._calls else None
        for message in messages if isinstance(messages, list) else ():
            calls = message.get("tool_calls") if isinstance(message, dict) else None
            for call in calls or ():
                changed |= _complete(message, self._messages.get(call.get("id"), {}))
                changed |= _complete(call, self._calls.get(call.get("id"), {}))
        return changed


def _complete(target: dict[str, Any], kept: dict[str, Any]) -> bool:
    missing = {key: value for key, value in kept.items() if target.get(key) is None}
    target.update(missing)
    return bool(missing)
