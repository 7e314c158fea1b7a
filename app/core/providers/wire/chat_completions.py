"""OpenAI's chat completions, and what all that call themselves compatible make of them."""

from itertools import islice
from typing import Any

import msgspec

from ....models.chat import FinishReason
from .parts.documents import documents, parse, sse, texts
from .parts.errors import error_in
from .parts.framing import Events, Framing
from .outcome import ProviderError
from .reader import Reader
from .parts.reasoning import Details, thought_key, thought_of
from .parts.usage import MOST_COUNTS, cleaned, present


class _Delta(msgspec.Struct, gc=False):
    """The parts of a delta that its reader needs. One of another type is read the slow way."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: None = None
    reasoning_details: list[Any] | None = None
    annotations: list[msgspec.Raw] | None = None
    images: list[msgspec.Raw] | None = None
    audio: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None
    index: int | None = 0
    error: None = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream: what matters of it. Unknown fields may be anywhere."""

    choices: list[_Choice] | None = None
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

#: Fields of a chunk that are not kept until the end of the stream.
_ONCE = frozenset({"choices", "usage", "error"})

#: What the SDK needs in a chunk, if the provider left it out.
_CHUNK = {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": ""}


class ChatCompletions(Reader):
    """Reads a chat completion, streamed or whole."""

    _CLOSING = b"data: [DONE]\n\n"

    def _frame(self) -> Framing:
        self._like: bytes | dict[str, Any] = {}  # the latest chunk with text: what is joined
        self._details = Details()
        self._beside: dict[str, Any] = {}  # fields of chunks that were not just text
        self._thought_key = ""  # the name under which reasoning came
        self._other_choice = False
        return Events(self._take, self._overflow)

    def _take(self, data: bytes, name: bytes | None) -> None:
        try:
            chunk = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data, name)
            return
        choices = chunk.choices
        if not choices or len(choices) > 1 or name is not None:
            self._read(data, name)
            return
        choice = choices[0]
        delta = choice.delta
        if delta is None or choice.finish_reason or choice.index or delta.tool_calls:
            self._read(data, name)
            return
        if delta.annotations or delta.images:
            self._read(data, name)
            return
        if chunk.usage:
            self._usage.update(chunk.usage)
        if delta.reasoning_details:
            self._details.add(delta.reasoning_details)
        text = delta.content
        thought = delta.reasoning_content or delta.reasoning
        if text or thought:
            self._like = data
            self._text(text, thought)

    def _read(self, data: bytes, name: bytes | None) -> None:
        """Read an event that is not just text."""
        plain = data.strip()
        if plain.startswith(b"[DONE]"):
            self._end()
            return
        value = parse(data) if plain.startswith(b"{") else None
        if isinstance(value, dict):
            self._chunk(value, name)
        elif b"\n" in data and (lines := documents(data)):
            for line in lines:  # events without a blank line between them
                self._take(line, name)
        elif name == b"error":
            self._error(ProviderError(plain.decode("utf-8", "replace")[:2000]))
        else:
            self._garbage(data, name)

    def _chunk(self, value: dict[str, Any], name: bytes | None = None) -> None:
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
        if len(self._beside) < MOST_COUNTS:
            self._beside.update({key: kept for key, kept in value.items() if key not in _ONCE})
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
            self._like = value
            self._text(text, thought)
        self._tool_calls(delta)
        rest = {key: kept for key, kept in delta.items() if kept and key not in _READ}
        if rest:
            self._pass(self._event(value, rest))
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
            self._fail(ProviderError("The provider sent only choices of another index."))
        super()._end()

    def _settle(self, reason: FinishReason) -> None:
        first = islice(self._usage.items(), MOST_COUNTS)
        self._usage = {key: _value(count) for key, count in first}
        like = parse(self._like) if isinstance(self._like, bytes) else self._like
        if isinstance(model := like.get("model"), str):
            self.outcome.model = model
        if details := self._details.joined():
            self.outcome.replay["reasoning_details"] = details
        thought = "".join(self._reasoning or self._thoughts)
        key = self._thought_key or thought_key(like)
        if thought and key and len(self._calls):
            self.outcome.replay[key] = thought
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _event(self, like: dict[str, Any], delta: dict[str, Any]) -> bytes:
        """A chunk as `like`, with another delta, and without usage: that comes once."""
        chunk = {**_CHUNK, **{key: kept for key, kept in like.items() if kept is not None}}
        for key in ("usage", "error", "x_groq"):
            chunk.pop(key, None)
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
        return sse({**chunk, "object": _CHUNK["object"], "choices": [choice]})

    def _text_event(self, text: str, thought: str) -> bytes:
        like = parse(self._like) if isinstance(self._like, bytes) else self._like
        delta = {}
        if text:
            delta["content"] = text
        if thought:
            delta["reasoning_content"] = thought
            self._thought_key = self._thought_key or thought_key(like)
        return self._event(like if isinstance(like, dict) else {}, delta)

    def _error_event(self, error: ProviderError) -> bytes:
        return sse({"error": {"message": error.message, "code": error.code, "type": "error"}})

    def _final_events(self, reason: FinishReason) -> bytes:
        delta: dict[str, Any] = {}
        if details := self.outcome.replay.get("reasoning_details"):
            delta["reasoning_details"] = details
        if self.outcome.calls:
            delta["tool_calls"] = [
                {"index": number, **call} for number, call in enumerate(self._written())
            ]
        like = parse(self._like) if isinstance(self._like, bytes) else self._like
        head = {key: like[key] for key in _CHUNK if like.get(key) is not None}
        chunk: dict[str, Any] = {**_CHUNK, **head, **self._beside, "object": _CHUNK["object"]}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": reason}]
        if self._usage:
            chunk["usage"] = self._counts()
            if isinstance(groq := chunk.get("x_groq"), dict):
                chunk["x_groq"] = {**groq, "usage": chunk["usage"]}
        return sse(chunk)

    def _written(self) -> list[dict[str, Any]]:
        return [
            {
                **call.extra,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in self.outcome.calls
        ]

    def _counts(self) -> dict[str, Any]:
        """The provider's usage, with the three counts that the SDK needs as numbers."""
        usage = self.outcome.usage
        return {
            **cleaned(self._usage),
            "prompt_tokens": usage.input_tokens if usage else 0,
            "completion_tokens": usage.output_tokens if usage else 0,
            "total_tokens": usage.total_tokens if usage else 0,
        }

    # ---- whole answers ----

    def _answer(self, value: dict[str, Any]) -> None:
        self._chunk(value)

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
            made["tool_calls"] = self._written()
        choice = {"index": 0, "message": made, "finish_reason": self.outcome.finish_reason}
        made_of = {**_CHUNK, **value, "object": "chat.completion", "choices": [choice]}
        if self._usage:
            made_of["usage"] = self._counts()
        return made_of


def _value(value: Any) -> Any:
    return parse(bytes(value)) if isinstance(value, msgspec.Raw) else value
