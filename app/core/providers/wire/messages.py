"""Anthropic's Messages."""

from typing import Any

import msgspec

from ....models.chat import FinishReason
from .blocks import TEXTS, Blocks, end, input_of, start
from .events import EventsReader
from .outcome import ProviderError
from .parts.documents import dump, sse, texts
from .parts.errors import error_in
from .parts.framing import Events, Framing
from .parts.usage import message_counts, present


class _Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    delta: _Delta | None = None


_decode = msgspec.json.Decoder(_Event).decode

#: Our finish reasons in the protocol's words.
_WORDS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
}

#: Blocks in one message, at most.
MOST_BLOCKS = 1024


class Messages(EventsReader):
    """Reads a message, streamed or whole.

    The blocks that the SDK sees are numbered anew: it takes a block's number for its place.
    """

    def _frame(self) -> Framing:
        self._message: dict[str, Any] | None = None  # as it began
        self._blocks = Blocks()
        self._others: dict[Any, str] = {}  # types of the provider's blocks that are no text
        self._stop_sequence: Any = None
        return Events(self._take, self._overflow)

    def _take(self, data: bytes, name: bytes | None) -> None:
        try:
            event = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data, name)
            return
        delta = event.delta
        if event.type != "content_block_delta" or delta is None:
            self._read(data, name)
        elif delta.type == "text_delta" or delta.type == "thinking_delta":
            if delta.text or delta.thinking:
                self._text(delta.text, delta.thinking)
        else:
            self._read(data, name)

    def _event(self, value: dict[str, Any], name: bytes | None) -> None:
        kind = str(value.get("type") or (name or b"").decode("ascii", "replace"))
        if kind == "message_start":
            self._started(value.get("message"))
        elif kind == "content_block_start":
            block = value.get("content_block")
            self._block(_index(value), block if isinstance(block, dict) else {})
        elif kind == "content_block_delta":
            delta = value.get("delta")
            self._delta(_index(value), delta if isinstance(delta, dict) else {})
        elif kind == "content_block_stop":
            self._others.pop(_index(value), None)
            self._close_block()
        elif kind == "message_delta":
            delta = value.get("delta")
            if isinstance(delta, dict):
                self._stop_sequence = delta.get("stop_sequence")
                self._finish(delta.get("stop_reason"))
            self._count(value.get("usage"))
        elif kind == "message_stop":
            self._end()
        elif kind == "message" and isinstance(value.get("content"), list | str):
            self._answer(value)
        elif kind == "ping":
            return
        elif (error := error_in(value, named=kind == "error")) is not None:
            self._error(error)

    def _started(self, message: Any) -> None:
        if self._message is None:
            self._message = message if isinstance(message, dict) else {}
            self._count(self._message.get("usage"))
            self._pass(self._start())

    def _count(self, usage: Any) -> None:
        """Take counts: they are those of the whole message so far."""
        if isinstance(usage, dict):
            self._usage.update(present(usage))

    def _block(self, index: Any, block: dict[str, Any]) -> None:
        self._close_block()
        kind = str(block.get("type"))
        self._bound(index)
        if kind == "tool_use":
            self._others[index] = kind
            input = block.get("input") or None  # an empty one is a beginning
            self._call(index=index, id=block.get("id"), name=block.get("name"), arguments=input)
        elif kind in TEXTS:
            text, thought = texts([block])
            if text or thought:
                self._text(text, thought)
            if kind == "thinking" and block.get("signature"):
                self._delta(index, {"type": "signature_delta", "signature": block["signature"]})
        else:
            self._others[index] = kind
            self._pass(self._begun_block(kind, block))

    def _bound(self, index: Any) -> None:
        if self._blocks.count > MOST_BLOCKS or len(self._others) > MOST_BLOCKS:
            self._fail(f"The provider sent a message of more than {MOST_BLOCKS} parts.")

    def _delta(self, index: Any, delta: dict[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "input_json_delta":
            if self._others.get(index, "tool_use") == "tool_use":
                self._call(index=index, arguments=delta.get("partial_json"))
            elif self._blocks.open == self._others[index]:
                self._pass(self._blocks.delta(delta))
        elif kind in ("signature_delta", "citations_delta"):
            block = "thinking" if kind == "signature_delta" else "text"
            self._pass(b"")
            self._pass(
                self._started_once() + self._blocks.opened(block) + self._blocks.delta(delta)
            )
        else:
            text, thought = texts(delta.get("text"))
            thought += texts(delta.get("thinking"))[0]
            if text or thought:
                self._text(text, thought)

    def _settle(self, reason: FinishReason) -> None:
        model = (self._message or {}).get("model")
        if isinstance(model, str):
            self.outcome.model = model
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _start(self) -> bytes:
        return start(self._message or {}, self._usage)

    def _started_once(self) -> bytes:
        """The beginning of the message, if the provider left it out."""
        if self._message is not None:
            return b""
        self._message = {}
        return self._start()

    def _begun_block(self, kind: str, block: dict[str, Any]) -> bytes:
        return self._started_once() + self._blocks.started(kind, block)

    def _close_block(self) -> None:
        self._pass(b"")  # the text of the block is before its end
        self._pass(self._blocks.closed())

    def _text_event(self, text: str, thought: str) -> bytes:
        return self._started_once() + self._blocks.text(text, thought)

    def _error_event(self, error: ProviderError) -> bytes:
        inner = {"type": error.code or "api_error", "message": error.message}
        return sse({"type": "error", "error": inner}, "error")

    def _error_body(self, body: bytes) -> bytes:
        message = self.outcome.error.message if self.outcome.error else ""
        return dump({"type": "error", "error": {"type": "api_error", "message": message}})

    def _end(self) -> None:
        wrong = [call for call in self._calls.written() if not input_of(call.arguments)[1]]
        if wrong and not self.complete and self._word is not None and self._refusal is None:
            self._fail("The provider sent a tool call whose arguments are not an object.")
        super()._end()

    def _final_events(self, reason: FinishReason) -> bytes:
        out = self._blocks.closed() + self._started_once()
        out += b"".join(self._blocks.call(call) for call in self.outcome.calls)
        return out + end(self._stop_reason(reason), self._stop_sequence, self._usage)

    def _stop_reason(self, reason: FinishReason) -> str:
        return "stop_sequence" if self._word == "stop_sequence" else _WORDS[reason]

    # ---- whole answers ----

    def _answer(self, value: dict[str, Any]) -> None:
        if value.get("type") != "message" and (error := error_in(value)) is not None:
            self._error(error)
            return
        self._started(value)
        content = value.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict) and not self.complete:
                self._block(index, block)
        self._close_block()
        self._finish(value.get("stop_reason"))
        self._end()

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        content = value.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": text}]
        calls = iter(self.outcome.calls)
        made = []
        for block in blocks:
            if isinstance(block, dict) and block.get("type") == "tool_use":
                call = next(calls, None)
                if call is not None:
                    input = input_of(call.arguments)[0]
                    made.append({**block, "id": call.id, "name": call.name, "input": input})
            elif isinstance(block, dict):
                made.append(block)
        usage = {"input_tokens": 0, "output_tokens": 0, **message_counts(self._usage)}
        reason = self._stop_reason(self.outcome.finish_reason or "stop")
        whole = {"id": "msg", "type": "message", "role": "assistant", "model": "", **value}
        return {**whole, "content": made, "stop_reason": reason, "usage": usage}


def _index(value: dict[str, Any]) -> int | str | None:
    index = value.get("index")
    return index if isinstance(index, int | str) else None
