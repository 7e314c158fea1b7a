"""What the readers of all protocols have in common."""

from typing import Any

from ....models.chat import COMPLETE, FinishReason
from ...text import Sink
from .parts.body import Body, begins_events
from .parts.documents import MOST_IN_BODY, documents, dump, parse
from .parts.errors import page_error
from .parts.finish_reasons import failure_message, finish_reason
from .parts.framing import LARGEST, Framing
from .outcome import Outcome, ProviderError
from .parts.think_tags import ThinkTags
from .parts.tool_calls import ToolCalls, TooManyCalls
from .parts.usage import usage_of

#: What gateways send as data, or as the name of an event, to keep a connection open.
_NOISE = frozenset({b"ping", b"pong", b"heartbeat", b"keepalive", b"keep-alive", b"keep_alive"})
_EMPTY = frozenset({b"null", b"{}", b"[]", b'""', b"true", b"ok"})

_CUT = "The provider's answer ended before it was complete."
_DEEP = "The provider sent an event that is nested too deeply."


class Reader:
    """Reads the body of one response, and writes what the provider's SDK is to read instead.

    Text and reasoning go to `sink` as their bytes come. The SDK gets the first piece at once, for
    the clock of its user, and the rest as one event before the next event of another kind and at
    the end. What it gets is valid in its protocol, in ASCII; tool calls are whole, and come at the
    end. A body that ends without a finish reason, or fails, ends in an error for the SDK, so that
    no half of a call is run.
    """

    #: The type of what `feed` returns, whatever came: some SDKs look at it.
    STREAM_TYPE = "text/event-stream"

    #: The end of a stream, if its protocol has one that is not an event.
    _CLOSING = b""

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        content_type: str = "",
        think_tags: bool = False,
    ) -> None:
        self.outcome = Outcome()
        self.complete = False  # nothing more is expected: the rest of the body is passed over
        self.moves = 0  # events that brought the answer further; pings and comments do not
        self._sink = sink or _nowhere
        self._content_type = content_type
        self._tags = ThinkTags() if think_tags else None
        self._framing = self._frame()
        self._calls = ToolCalls()
        self._usage: dict[str, Any] = {}
        self._word: str | None = None  # the provider's finish reason
        self._refusal: ProviderError | None = None  # goes with a finish reason that is a failure
        self._begun = False
        self._closing = False  # the body has ended
        self._quiet = False  # nothing is written: a whole body is read
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._reasoning: list[str] = []  # all of it, as far as it has been written
        self._out: list[bytes] = []
        self._body = Body(self._is_stream)

    @property
    def ended(self) -> bool:
        """Whether the answer is over: only usage, or the words of an error, may follow."""
        return self.complete or self._word is not None

    def feed(self, data: bytes) -> bytes:
        """The bytes for the SDK that `data` leads to; mostly none."""
        if self.complete:
            return b""
        try:
            if not self._body.streaming:
                data = self._body.feed(data)
                if self._body.too_large:
                    self._overflow()
            if data:
                self._framing.feed(data)
        except RecursionError:
            self._fail(ProviderError(_DEEP))
        if not self._out:
            return b""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def close(self) -> bytes:
        """The last bytes for the SDK, at the end of the body or when it is read no further."""
        try:
            if self._body.streaming and not self.complete:
                self._closing = True
                self._framing.close()
            elif not self.complete:
                self._whole(self._body.whole())
            self._end()
        except RecursionError:
            self._fail(ProviderError(_DEEP))
        out = b"".join(self._out)
        self._out.clear()
        return out

    def read_json(self, body: bytes) -> bytes:
        """The body of a response that is not a stream, made valid in its protocol."""
        self._begun = self._quiet = True
        value = parse(body, MOST_IN_BODY)
        if not isinstance(value, dict):
            self._fail(page_error(body, self._content_type))
            return self._error_body(body)
        self._answer(value)
        self._end()
        if self.outcome.error is not None:
            return self._error_body(body)
        text, thought = "".join(self._texts), "".join(self._thoughts)
        return dump(self._rewritten(value, text, thought))

    # ---- what each protocol has of its own ----

    def _frame(self) -> Framing:
        raise NotImplementedError

    def _is_stream(self, start: bytes) -> bool | None:
        """Whether a body that begins so is a stream of events; None if that is not yet known."""
        return begins_events(start)

    def _take(self, data: bytes, name: bytes | None) -> None:
        """Read one event."""
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

    # ---- what a protocol's reader calls ----

    def _text(self, text: str | None, thought: str | None) -> None:
        """Text and reasoning as they come."""
        self.moves += 1
        if self._tags is not None and text:
            text, tagged = self._tags.feed(text)
            thought = (thought or "") + tagged
            if not (text or thought):
                return
        if text:
            self._texts.append(text)
        if thought:
            self._thoughts.append(thought)
        self._sink(text or None, thought or None)
        if not self._begun:
            self._begun = True
            self._flush()

    def _flush(self) -> None:
        """Write the text so far."""
        if (self._texts or self._thoughts) and not self._quiet:
            text, thought = "".join(self._texts), "".join(self._thoughts)
            self._texts.clear()
            self._thoughts.clear()
            if thought:
                self._reasoning.append(thought)
            self._out.append(self._text_event(text, thought))

    def _pass(self, event: bytes) -> None:
        """Write an event that is not text, behind the text before it."""
        self.moves += 1
        if not self._quiet:
            self._flush()
            self._out.append(event)

    def _call(self, **parts: Any) -> None:
        self.moves += 1
        try:
            self._calls.add(**parts)
        except TooManyCalls as error:
            self._fail(ProviderError(str(error)))

    def _finish(self, word: Any, detail: str = "") -> None:
        """Take a finish reason; the first one counts."""
        if self._word is None and word:
            self._word = str(word)
            if finish_reason(self._word) == "error":
                self._refusal = ProviderError(failure_message(self._word, detail))

    def _error(self, error: ProviderError) -> None:
        """Take an error of the provider's: it fails an answer that is not over."""
        if self._word is None or self._refusal is not None:
            self._fail(error)

    def _fail(self, error: ProviderError) -> None:
        if not self.complete:
            self._release()
            self._flush()
            self.outcome.error = error
            self._settle("error")
            if not self._quiet:
                self._out.append(self._error_event(error))
            self._stop()

    def _end(self) -> None:
        """The end of the answer, as far as it has come."""
        if self.complete:
            return
        if self._refusal is not None:
            self._fail(self._refusal)
            return
        if self._calls.nameless and self._word is not None:
            self._fail(ProviderError("The provider sent a tool call without a name."))
            return
        self._release()
        self._flush()
        if self._word is None:
            self.outcome.error = ProviderError(_CUT)
            self._settle("upstream_cut")
            if not self._quiet:
                self._out.append(self._error_event(self.outcome.error))
        else:
            reason = finish_reason(self._word)
            self._settle(reason)
            if not self._quiet:
                self._out.append(self._final_events(reason) + self._CLOSING)
        self._stop()

    def _overflow(self) -> None:
        self._fail(ProviderError(f"The provider sent an event of more than {LARGEST} bytes."))

    def _garbage(self, data: bytes, name: bytes | None = None) -> None:
        """Take data that is no JSON: what only keeps the connection open is passed over."""
        plain = data.strip()
        if name in _NOISE or not plain or plain.startswith(b":"):
            return
        if self._closing and plain.startswith(b"{"):
            return  # the last event was cut
        if plain.lower() in _NOISE or plain.lower() in _EMPTY:
            return
        self._fail(
            ProviderError(
                "The provider sent an event that cannot be read: "
                + plain[:200].decode("utf-8", "replace")
            )
        )

    # ---- the end ----

    def _whole(self, body: bytes) -> None:
        """Take a body that is no stream: an answer, an error, or a page."""
        value = parse(body, MOST_IN_BODY)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for event in value:
                self._answer(event)
        elif isinstance(value, dict):
            self._answer(value)
        elif body.lstrip().startswith(b"{") and (lines := documents(body)):
            for line in lines:
                self._take(line, None)
        elif not body.lstrip().startswith((b"{", b"[")) and body.strip():
            self._fail(page_error(body, self._content_type))

    def _release(self) -> None:
        """Let go of the text that was held back."""
        if self._tags is not None:
            text, thought = self._tags.close()
            self._tags = None
            if text or thought:
                self._text(text, thought)

    def _settle(self, reason: FinishReason) -> None:
        self.outcome.finish_reason = reason
        self.outcome.usage = usage_of(self._usage)
        if reason in COMPLETE:
            self.outcome.calls = self._calls.written()

    def _stop(self) -> None:
        self.complete = True
        self._framing.stop()

    def _error_body(self, body: bytes) -> bytes:
        error = self.outcome.error or ProviderError("")
        return dump({"error": {"message": error.message, "code": error.code, "type": "error"}})


def _nowhere(text: str | None, thought: str | None) -> None:
    """Where text goes that nobody but the SDK reads."""
