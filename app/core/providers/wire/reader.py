"""What the readers of all protocols have in common."""

from typing import Any

from ....models.chat import COMPLETE, FinishReason
from ...text import Sink
from .outcome import Outcome, ProviderError
from .parts.body import Body
from .parts.documents import MOST_IN_BODY, documents, dump, parse
from .parts.errors import page_error
from .parts.finish_reasons import failure_message, finish_reason
from .parts.framing import LARGEST
from .parts.text import Text
from .parts.tool_calls import ToolCalls, TooManyCalls
from .parts.usage import usage_of
from .protocol import Protocol

_CUT = "The provider's answer ended before it was complete."
_DEEP = "The provider sent an event that is nested too deeply."


class Reader(Protocol):
    """Reads the body of one response, and writes what the provider's SDK is to read instead.

    Text and reasoning go to `sink` as their bytes come. The SDK gets the first piece at once, for
    the clock of its user, and the rest as one event before the next event of another kind and at
    the end; without a sink, it gets what there is as it comes. What it gets is valid in its
    protocol, in ASCII; tool calls are whole, and come at the end. A body that ends without a finish
    reason, or fails, ends in an error for the SDK, so that no half of a call is run.
    """

    __slots__ = (
        *("_begun", "_body", "_calls", "_closing", "_content_type", "_counted", "_framing"),
        *("_joins", "_kept", "_out", "_quiet", "_refusal", "_usage", "_word", "complete"),
        *("ended", "moves", "outcome"),
    )

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        content_type: str = "",
        think_tags: bool = False,
    ) -> None:
        self.outcome = Outcome()
        self.complete = False  # nothing more is expected: the rest of the body is passed over
        self.ended = False  # the answer is over: only usage, or the words of an error, may follow
        self.moves = 0  # steps that brought the answer further, but for text that the sink has had
        self._content_type = content_type
        self._kept = Text(sink, think_tags=think_tags)
        self._counted = 0  # characters of it
        self._joins = sink is not None  # else the SDK's user is the one who waits for text
        self._framing = self._frame()
        self._calls = ToolCalls()
        self._usage: dict[str, Any] = {}
        self._word: str | None = None  # the provider's finish reason
        self._refusal: ProviderError | None = None  # goes with a finish reason that is a failure
        self._begun = False
        self._closing = False  # the body has ended
        self._quiet = False  # nothing is written: a whole body is read
        self._out: list[bytes] = []
        self._body = Body(self._is_stream)

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
            self._fail(_DEEP)
        if self._joins:
            if self._kept.total > self._kept.bound:
                self._flush()
        elif self._kept.total != self._counted:  # looked at for many tokens at once
            self._counted = self._kept.total
            self.moves += 1
            self._flush()
        return self._written_so_far() if self._out else b""

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
            self._fail(_DEEP)
        return self._written_so_far()

    def break_off(self) -> None:
        """Take note that the connection broke: no more bytes will come."""
        self._fail(_CUT, "upstream_cut")

    def _written_so_far(self) -> bytes:
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
        return dump(self._rewritten(value, *self._kept.take()))

    # ---- what a protocol's reader calls ----

    def _text(self, text: str | None, thought: str | None) -> None:
        """Text and reasoning as they come."""
        if self._kept.add(text, thought) and not self._begun:
            self._begin()

    def _begin(self) -> None:
        """Write the first piece."""
        self._begun = True
        self._flush()

    def _flush(self) -> None:
        """Write the text so far."""
        if not self._quiet:
            text, thought = self._kept.take()
            if text or thought:
                self._out.append(self._text_event(text, thought))

    def _pass(self, event: bytes) -> None:
        """Write an event that is not text, behind the text before it."""
        self.moves += 1
        self._flush()
        self._write(event)

    def _write(self, event: bytes) -> None:
        if not self._quiet:
            self._out.append(event)

    def _call(self, **parts: Any) -> None:
        self.moves += 1
        try:
            self._calls.add(**parts)
        except TooManyCalls as error:
            self._fail(str(error))

    def _finish(self, word: Any, detail: str = "") -> None:
        """Take a finish reason; the first one counts."""
        if self._word is None and word:
            self._word = str(word)
            self.ended = True
            if finish_reason(self._word) == "error":
                self._refusal = ProviderError(failure_message(self._word, detail))

    def _error(self, error: ProviderError) -> None:
        """Take an error of the provider's: it fails an answer that is not over."""
        if self._word is None or self._refusal is not None:
            self._fail(error)

    def _fail(self, error: ProviderError | str, reason: FinishReason = "error") -> None:
        if not self.complete:
            error = ProviderError(error) if isinstance(error, str) else error
            self._release()
            self._flush()
            self.outcome.error = error
            self._settle(reason)
            self._write(self._error_event(error))
            self._stop()

    def _end(self) -> None:
        """The end of the answer, as far as it has come."""
        if self.complete:
            return
        if self._refusal is not None:
            self._fail(self._refusal)
        elif self._word is None:
            self._fail(_CUT, "upstream_cut")
        elif self._calls.nameless:
            self._fail("The provider sent a tool call without a name.")
        else:
            self._release()
            reason = finish_reason(self._word)
            self._settle(reason)
            self._conclude(reason)
            self._stop()

    def _conclude(self, reason: FinishReason) -> None:
        """Write the rest of a complete answer."""
        self._flush()
        self._write(self._final_events(reason) + self._CLOSING)

    def _overflow(self) -> None:
        self._fail(f"The provider sent an event of more than {LARGEST} bytes.")

    def _garbage(self, data: bytes, name: bytes | None = None) -> None:
        """Take data that is no JSON."""
        plain = data.strip()
        if self._closing and plain.startswith(b"{"):
            return  # the last event was cut
        shown = plain[:200].decode("utf-8", "replace")
        self._fail(f"The provider sent an event that cannot be read: {shown}")

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
        text, thought = self._kept.held()
        if text or thought:
            self._text(text, thought)

    def _settle(self, reason: FinishReason) -> None:
        self.outcome.finish_reason = reason
        self.outcome.usage = usage_of(self._usage)
        if reason in COMPLETE:
            self.outcome.calls = self._calls.written()

    def _stop(self) -> None:
        self.complete = self.ended = True
        self._framing.stop()

    def _error_body(self, body: bytes) -> bytes:
        error = self.outcome.error or ProviderError("")
        return dump({"error": {"message": error.message, "code": error.code, "type": "error"}})
