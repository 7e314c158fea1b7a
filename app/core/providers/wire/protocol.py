"""What each protocol has of its own."""

from typing import Any

from ....models.chat import FinishReason
from .outcome import ProviderError
from .parts.body import begins_events
from .parts.framing import Framing


class Protocol:
    """What a reader of one protocol defines: how events are taken, and how they are written."""

    __slots__ = ()

    #: The type of what `feed` returns, whatever came: some SDKs look at it.
    STREAM_TYPE = "text/event-stream"

    #: The end of a stream, if its protocol has one that is not an event.
    _CLOSING = b""

    def _frame(self) -> Framing:
        raise NotImplementedError

    def _is_stream(self, start: bytes) -> bool | None:
        """Whether a body that begins so is a stream of events; None if that is not yet known."""
        return begins_events(start)

    def _take(self, data: bytes, name: bytes | None) -> None:
        """Read one event."""
        raise NotImplementedError

    def _event(self, value: dict[str, Any], name: bytes | None) -> None:
        """Read an event that is not just text."""
        raise NotImplementedError

    def _answer(self, value: dict[str, Any]) -> None:
        """Read a whole answer, as if it had come as events."""
        raise NotImplementedError

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        """A whole answer in the protocol's form, out of what was read."""
        raise NotImplementedError

    def _text_event(self, text: str, thought: str) -> bytes:
        """Text and reasoning as the protocol has them; either may be empty, not both."""
        raise NotImplementedError

    def _error_event(self, error: ProviderError) -> bytes:
        """An event that makes the SDK raise an exception."""
        raise NotImplementedError

    def _final_events(self, reason: FinishReason) -> bytes:
        """What comes behind the text at the end of a complete answer: calls, usage, the end."""
        raise NotImplementedError
