"""What some providers want back with the tool calls of an earlier response."""

from typing import Any

from .outcome import Outcome


class Replay:
    """Keeps what came with the calls of a run, and puts it into the run's further requests.

    DeepSeek and Kimi refuse a request without the `reasoning_content` of its calls, OpenRouter and
    Gemini want `reasoning_details` and `extra_content`; Agno sends none of them. The calls of a run
    are the last ones of a request. They are matched by their order and their names, because Agno
    gives other ids to calls whose ids do not look like OpenAI's.
    """

    def __init__(self) -> None:
        self._rounds: list[Outcome] = []

    def __bool__(self) -> bool:
        return any(kept.replay or any(call.extra for call in kept.calls) for kept in self._rounds)

    def keep(self, outcome: Outcome) -> None:
        if outcome.calls:
            self._rounds.append(outcome)

    def restore(self, request: dict[str, Any]) -> bool:
        """Complete the body of a chat completion; False if it is complete as it is."""
        changed = False
        messages = request.get("messages") if self else None
        called = [
            message
            for message in (messages if isinstance(messages, list) else ())
            if isinstance(message, dict) and message.get("tool_calls")
        ]
        for message, kept in zip(reversed(called), reversed(self._rounds), strict=False):
            calls = message["tool_calls"]
            if [_name(call) for call in calls] != [call.name for call in kept.calls]:
                break
            changed |= _complete(message, kept.replay)
            for call, written in zip(calls, kept.calls, strict=True):
                changed |= _complete(call, written.extra)
        return changed


def _name(call: Any) -> Any:
    return (call.get("function") or {}).get("name")


def _complete(target: dict[str, Any], kept: dict[str, Any]) -> bool:
    missing = {key: value for key, value in kept.items() if target.get(key) is None}
    target.update(missing)
    return bool(missing)
