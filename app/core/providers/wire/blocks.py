"""The blocks of a message of Anthropic's, as its SDK is to see them."""

from typing import Any

from .parts.documents import sse

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

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "index": self.count - 1, **fields}, kind)
