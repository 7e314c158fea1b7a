"""Ollama's own protocol: one JSON object a line."""

from typing import Any

import msgspec

from ....models.chat import FinishReason
from .outcome import ProviderError
from .parts.documents import dump, parse, texts
from .parts.errors import error_in
from .parts.framing import LARGEST, Framing, JsonLines, is_noise
from .parts.usage import tokens
from .reader import Reader


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    images: list[msgspec.Raw] | None = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    done: bool = False
    error: None = None


_decode = msgspec.json.Decoder(_Line).decode

#: Fields of the last line that are numbers.
_COUNTS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)

#: Lines of one document, at most.
MOST_LINES = 10_000

#: Our finish reasons in Ollama's words: it has these two.
_WORDS = {"length": "length"}


class Ollama(Reader):
    """Reads Ollama's chat, streamed or whole."""

    STREAM_TYPE = "application/x-ndjson"

    def _frame(self) -> Framing:
        self._head_fields: dict[str, Any] = {"model": "", "created_at": "1970-01-01T00:00:00Z"}
        self._known = False
        self._spread: list[bytes] = []
        self._spread_size = 0
        self._counts: dict[str, int] = {}
        return JsonLines(self._take, self._overflow)

    def _is_stream(self, start: bytes) -> bool | None:
        return True if start.startswith(b"{") else super()._is_stream(start)

    def _take(self, data: bytes, name: bytes | None) -> None:
        if self._spread:
            self._more(data)
            return
        try:
            line = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data)
            return
        message = line.message
        if message is None or line.done or message.tool_calls or message.images or not self._known:
            self._read(data)
            return
        if message.content or message.thinking:
            self._text(message.content, message.thinking)

    def _read(self, data: bytes, name: bytes | None = None) -> None:
        """Read a line that is not just text."""
        if is_noise(data, name):
            return
        value = parse(data.removeprefix(b"data:"))  # some frame it as events, too
        if isinstance(value, dict):
            self._answer(value)
        elif data.strip() == b"{" and not self._known:
            self._more(data)
        elif data.removeprefix(b"data:").strip() != b"[DONE]" and not data.startswith(b"event:"):
            self._garbage(data)

    def _more(self, data: bytes) -> None:
        """Keep a line of a document that stands on many."""
        self._spread.append(data)
        self._spread_size += len(data)
        if self._spread_size > LARGEST:
            self._overflow()
        elif len(self._spread) > MOST_LINES:
            self._fail(f"The provider sent a document of more than {MOST_LINES} lines.")

    def _answer(self, value: dict[str, Any]) -> None:
        if (error := error_in({k: v for k, v in value.items() if k != "message"})) is not None:
            self._error(error)
            return
        self._known = True
        for key in self._head_fields:
            if isinstance(value.get(key), str):
                self._head_fields[key] = value[key]
        message = value.get("message")
        if isinstance(message, str):
            message = {"content": message}
        if not isinstance(message, dict):
            message = {"content": value.get("response"), "thinking": value.get("thinking")}
        text, thought = texts(message.get("content"))
        thought = texts(message.get("thinking"))[0] + thought
        if text or thought:
            self._text(text, thought)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._tool_call(call)
        if isinstance(images := message.get("images"), list) and images:
            self._pass(self._line({"role": "assistant", "content": "", "images": images}))
        if value.get("done"):
            counts = {key: tokens(value.get(key)) for key in _COUNTS}
            self._counts = {key: count for key, count in counts.items() if count}
            self._usage = dict(self._counts)
            self._finish(value.get("done_reason") or "stop")
            self._end()

    def _tool_call(self, call: Any) -> None:
        """Take a call. Each is whole: an equal index does not make two of them one."""
        if not isinstance(call, dict) or self.complete:
            return
        function = call.get("function")
        function = function if isinstance(function, dict) else call
        arguments = function.get("arguments")
        if isinstance(arguments, str) and not isinstance(parse(arguments.encode()), dict):
            if arguments.strip():
                self._fail("The provider sent a tool call whose arguments are not an object.")
                return
            arguments = {}
        self._call(
            index=len(self._calls),
            id=call.get("id"),
            name=function.get("name"),
            arguments={} if arguments is None else arguments,
        )

    def _end(self) -> None:
        whole, self._spread = parse(b"\n".join(self._spread)), []
        if isinstance(whole, dict):
            self._answer(whole)
        super()._end()

    def _settle(self, reason: FinishReason) -> None:
        self.outcome.model = self._head_fields["model"] or None
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _line(self, message: dict[str, Any], **fields: Any) -> bytes:
        return dump({**self._head_fields, "message": message, "done": False, **fields}) + b"\n"

    def _text_event(self, text: str, thought: str) -> bytes:
        message = {"role": "assistant", "content": text}
        if thought:
            message["thinking"] = thought
        return self._line(message)

    def _error_event(self, error: ProviderError) -> bytes:
        return dump({"error": error.message}) + b"\n"

    def _last(self, reason: FinishReason) -> dict[str, Any]:
        return {"done": True, "done_reason": _WORDS.get(reason, "stop"), **self._counts}

    def _message(self, text: str, thought: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought:
            message["thinking"] = thought
        if self.outcome.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "function": {"name": call.name, "arguments": parse(call.arguments.encode())},
                }
                for call in self.outcome.calls
            ]
        return message

    def _final_events(self, reason: FinishReason) -> bytes:
        return self._line(self._message("", ""), **self._last(reason))

    # ---- whole answers ----

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        last = self._last(self.outcome.finish_reason or "stop")
        return {**self._head_fields, "message": self._message(text, thought), **last}

    def _error_body(self, body: bytes) -> bytes:
        return dump({"error": self.outcome.error.message if self.outcome.error else ""})
