"""OpenAI's chat completions, and what all that call themselves compatible make of them."""

from itertools import islice
from typing import Any, Literal

import msgspec

from ....models.chat import FinishReason
from .chunks import HEAD, LARGE, Chunks, written
from .events import EventsReader
from .outcome import ProviderError
from .parts.documents import parse, texts
from .parts.errors import error_in
from .parts.framing import Events, Framing
from .parts.reasoning import Details, thought_key, thought_of
from .parts.usage import MOST_COUNTS, chat_counts, present


class _Delta(msgspec.Struct, gc=False):
    """A delta of text and reasoning alone: one that holds more is read the slow way."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    tool_calls: tuple[()] | None = None
    function_call: None = None
    reasoning_details: list[Any] | None = None
    annotations: tuple[()] | None = None
    images: tuple[()] | None = None
    audio: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    finish_reason: Literal[""] | None = None
    index: Literal[0] | None = 0
    error: None = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream that is text alone. Unknown fields may be anywhere."""

    choices: tuple[_Choice]
    usage: dict[str, msgspec.Raw] | None = None
    error: None = None
    detail: None = None
    x_groq: None = None


_decode = msgspec.json.Decoder(_Chunk).decode

_READ_FIELDS = """content reasoning_content reasoning reasoning_details refusal tool_calls
    function_call role token_id"""

#: Fields of a delta that are read here; others of a value go to the SDK as they came.
_READ = frozenset(_READ_FIELDS.split())

#: Fields of a call that go back with it are those beside these.
_CALL = frozenset({"index", "id", "type", "function"})


class ChatCompletions(EventsReader):
    """Reads a chat completion, streamed or whole."""

    __slots__ = ("_chunks", "_details", "_other_choice", "_thought_key")

    _CLOSING = b"data: [DONE]\n\n"

    def _frame(self) -> Framing:
        self._chunks = Chunks()
        self._details = Details()
        self._thought_key = ""  # the name under which reasoning came
        self._other_choice = False
        return Events(self._take, self._overflow)

    def _take(self, data: bytes, name: bytes | None) -> None:
        try:
            chunk = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data, name)
            return
        if name is not None:
            self._read(data, name)
            return
        if chunk.usage:
            self._usage.update(chunk.usage)
        delta = chunk.choices[0].delta
        if delta.reasoning_details:
            self._details.add(delta.reasoning_details)
        text = delta.content
        thought = delta.reasoning_content or delta.reasoning
        if text or thought:
            if len(data) < LARGE:
                self._chunks.unread = data
            if self._kept.add(text, thought) and not self._begun:
                self._begin()

    def _event(self, value: dict[str, Any], name: bytes | None) -> None:
        error = error_in(value, named=name == b"error")
        if error is None and isinstance(groq := value.get("x_groq"), dict):
            error = error_in(groq)
        if error is not None:
            choices = value.get("choices")
            if isinstance(choices, list) and choices and isinstance(choices[0], dict):
                self._choice(value, choices[0])
            self._error(error)
            return
        groq = value.get("x_groq")
        for place in (groq if isinstance(groq, dict) else {}, value):
            if isinstance(usage := place.get("usage"), dict):
                self._usage.update(present(usage))
        self._chunks.keep(value)
        choices = value.get("choices")
        if isinstance(choices, dict):
            choices = [choices]
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            if choice.get("index") in (None, 0, "0"):
                self._choice(value, choice)
                break
            self._other_choice = True

    def _choice(self, value: dict[str, Any], choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if delta is None:  # some send the whole message beside it
            delta = choice.get("message")
        if isinstance(delta, str):
            delta = {"content": delta}
        if not isinstance(delta, dict):
            delta = {"content": choice.get("text")}
        if isinstance(details := delta.get("reasoning_details"), list):
            self._details.add(details)
        text, thought = texts(delta.get("content"))
        text += texts(delta.get("refusal"))[0]
        thought += thought_of(delta)
        if text or thought:
            self._chunks.like(value)
            self._text(text, thought)
        self._tool_calls(delta)
        rest = {key: kept for key, kept in delta.items() if kept and key not in _READ}
        if rest:
            self._pass(self._chunks.delta(rest, value))
        detail = ""
        if (native := choice.get("native_finish_reason")) != (word := choice.get("finish_reason")):
            detail = f" ({str(native)[:60]})" if native else ""
        if isinstance(word, str):
            self._finish(word, detail)
        if error := choice.get("error"):
            self._error(error_in({"error": error}) or ProviderError(str(error)))

    def _tool_calls(self, delta: dict[str, Any]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, dict):
            calls = [calls]
        for call in calls if isinstance(calls, list) else ():
            if not isinstance(call, dict) or self.complete:
                continue
            function = call.get("function")
            function = function if isinstance(function, dict) else call
            self._call(
                index=call.get("index"),
                id=call.get("id"),
                name=function.get("name"),
                arguments=function.get("arguments"),
                extra={key: kept for key, kept in call.items() if kept and key not in _CALL}
                if function is not call
                else None,
            )
        if isinstance(legacy := delta.get("function_call"), dict):
            self._call(name=legacy.get("name"), arguments=legacy.get("arguments"))

    def _end(self) -> None:
        if self._word is None and self._other_choice and not self._begun:
            self._fail("The provider sent only choices of another index.")
        super()._end()

    def _settle(self, reason: FinishReason) -> None:
        first = islice(self._usage.items(), MOST_COUNTS)
        self._usage = {key: _value(count) for key, count in first}
        like = self._chunks.latest
        if isinstance(model := like.get("model"), str):
            self.outcome.model = model
        if details := self._details.joined():
            self.outcome.replay["reasoning_details"] = details
        thought = self._kept.reasoning
        key = self._thought_key or thought_key(like)
        if thought and key and len(self._calls):
            self.outcome.replay[key] = thought
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _text_event(self, text: str, thought: str) -> bytes:
        like = self._chunks.latest
        if thought:
            self._thought_key = self._thought_key or thought_key(like)
        made = self._chunks.delta(self._delta(text, thought), like)
        self._chunks.forget_choices()
        return made

    @staticmethod
    def _delta(text: str, thought: str) -> dict[str, Any]:
        parts = {"content": text, "reasoning_content": thought}
        return {key: part for key, part in parts.items() if part}

    def _error_event(self, error: ProviderError) -> bytes:
        return self._chunks.error(error)

    def _conclude(self, reason: FinishReason) -> None:
        if not self._quiet:
            self._write(self._final_events(reason) + self._CLOSING)

    def _final_events(self, reason: FinishReason) -> bytes:
        """The text that is left and all else in one chunk: one is half the work of two."""
        delta = self._delta(*self._kept.take())
        if details := self.outcome.replay.get("reasoning_details"):
            delta["reasoning_details"] = details
        if calls := written(self.outcome.calls):
            delta["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
        counts = chat_counts(self._usage, self.outcome.usage) if self._usage else None
        return self._chunks.last(delta, reason, counts)

    # ---- whole answers ----

    def _answer(self, value: dict[str, Any]) -> None:
        self._event(value, None)

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else {}
        message = first.get("message") if isinstance(first, dict) else None
        kept = message if isinstance(message, dict) else {}
        kept = {key: part for key, part in kept.items() if key not in _READ}
        made: dict[str, Any] = {**kept, "role": "assistant"}
        if details := self.outcome.replay.get("reasoning_details"):
            made["reasoning_details"] = details
        made["content"] = text or None
        if thought:
            made["reasoning_content"] = thought
        if self.outcome.calls:
            made["tool_calls"] = written(self.outcome.calls)
        choice = {"index": 0, "message": made, "finish_reason": self.outcome.finish_reason}
        made_of = {**HEAD, **value, "object": "chat.completion", "choices": [choice]}
        if self._usage:
            made_of["usage"] = chat_counts(self._usage, self.outcome.usage)
        return made_of


def _value(value: Any) -> Any:
    return parse(bytes(value)) if isinstance(value, msgspec.Raw) else value
