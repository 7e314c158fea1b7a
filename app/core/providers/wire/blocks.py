"""The events of a message of Anthropic's, and its blocks, as its SDK reads them."""

from typing import Any

from .outcome import WrittenCall
from .parts.documents import parse, sse
from .parts.usage import message_counts

#: Blocks of text, as they begin.
TEXTS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


class Blocks:
    """Writes blocks one behind the other, numbered from 0: the SDK takes a number for a place."""

    def __init__(self) -> None:
        self.count = 0
        self.open = ""  # the type of the block that is open

    def opened(self, kind: str) -> bytes:
        """What opens a block of text or thinking, if the open one is of another type."""
        if self.open == kind:
            return b""
        return self.closed() + self.started(kind, TEXTS[kind])

    def started(self, kind: str, block: dict[str, Any]) -> bytes:
        self.open = kind
        self.count += 1
        return self._event("content_block_start", content_block=block)

    def delta(self, delta: dict[str, Any]) -> bytes:
        return self._event("content_block_delta", delta=delta)

    def closed(self) -> bytes:
        """What closes the open block, if there is one."""
        if not self.open:
            return b""
        self.open = ""
        return self._event("content_block_stop")

    def text(self, text: str, thought: str) -> bytes:
        """Reasoning, and text behind it, each in a block of its kind."""
        out = b""
        if thought:
            delta = {"type": "thinking_delta", "thinking": thought}
            out += self.opened("thinking") + self.delta(delta)
        if text:
            out += self.opened("text") + self.delta({"type": "text_delta", "text": text})
        return out

    def call(self, call: WrittenCall) -> bytes:
        """A tool call, whole."""
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": call.arguments}
        return self.started("tool_use", block) + self.delta(delta) + self.closed()

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "index": self.count - 1, **fields}, kind)


def start(message: dict[str, Any], usage: dict[str, Any]) -> bytes:
    """The beginning of a message, without its content."""
    begun = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "",
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0, **message_counts(usage)},
    }
    return sse({"type": "message_start", "message": begun}, "message_start")


def end(stop_reason: str, stop_sequence: Any, usage: dict[str, Any]) -> bytes:
    """The end of a message."""
    delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    counts = {"output_tokens": 0, **message_counts(usage)}
    event = {"type": "message_delta", "delta": delta, "usage": counts}
    return sse(event, "message_delta") + sse({"type": "message_stop"}, "message_stop")


def input_of(arguments: str) -> tuple[dict[str, Any], bool]:
    """The arguments of a call as the object that they must be here, and whether they are one."""
    value = parse(arguments.encode("utf-8", "surrogatepass"))
    return (value, True) if isinstance(value, dict) else ({}, False)
