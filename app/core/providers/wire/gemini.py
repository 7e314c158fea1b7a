"""Google's `generateContent`, and its stream."""

from typing import Any

import msgspec

from ....models.chat import FinishReason
from .events import EventsReader
from .outcome import ProviderError
from .parts.documents import parse, sse
from .parts.errors import error_in
from .parts.framing import Events, Framing


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    thought: bool | None = None
    functionCall: None = None
    thoughtSignature: None = None
    inlineData: None = None
    fileData: None = None
    executableCode: None = None
    codeExecutionResult: None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False):
    content: _Content | None = None
    finishReason: None = None
    index: int | None = 0
    groundingMetadata: None = None
    urlContextMetadata: None = None


class _Chunk(msgspec.Struct, gc=False):
    candidates: list[_Candidate] | None = None
    usageMetadata: dict[str, msgspec.Raw] | None = None
    promptFeedback: None = None
    error: None = None


_decode = msgspec.json.Decoder(_Chunk).decode

#: Our finish reasons in the protocol's words; a call ends as any answer does.
_WORDS = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}

#: Parts in one event, at most.
MOST_PARTS = 1024


class Gemini(EventsReader):
    """Reads generated content, streamed or whole."""

    def _frame(self) -> Framing:
        self._model: Any = None
        self._response_id: Any = None
        return Events(self._take, self._overflow)

    def _take(self, data: bytes, name: bytes | None) -> None:
        try:
            chunk = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data, name)
            return
        candidates = chunk.candidates
        if not candidates or len(candidates) > 1 or candidates[0].index or name is not None:
            self._read(data, name)
            return
        if self._model is None:
            self._read(data, name)
            return
        content = candidates[0].content
        if chunk.usageMetadata:
            self._usage = chunk.usageMetadata
        for part in self._bounded((content and content.parts) or []):
            if part.text:
                if part.thought:
                    self._text(None, part.text)
                else:
                    self._text(part.text, None)

    def _event(self, value: dict[str, Any], name: bytes | None) -> None:
        if name == b"error" and (error := error_in(value, named=True)) is not None:
            self._error(error)
        else:
            self._answer(value)

    def _answer(self, value: dict[str, Any]) -> None:
        if (error := error_in(value)) is not None:
            self._error(error)
            return
        self._model = value.get("modelVersion") or self._model or ""
        self._response_id = value.get("responseId") or self._response_id
        if isinstance(usage := value.get("usageMetadata"), dict):
            self._usage = usage
        candidates = value.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict) and candidate.get("index") in (None, 0):
                self._candidate(candidate)
                break
        feedback = value.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._finish("content_filter")

    def _candidate(self, candidate: dict[str, Any]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        rest = []
        for part in self._bounded(parts if isinstance(parts, list) else []):
            if isinstance(part, dict) and not self.complete:
                rest += self._part(part)
        known = ("groundingMetadata", "urlContextMetadata", "citationMetadata")
        about = {key: candidate[key] for key in known if candidate.get(key)}
        if rest or about:
            self._pass(self._chunk(rest, **about))
        detail = candidate.get("finishMessage")
        self._finish(candidate.get("finishReason"), f": {str(detail)[:500]}" if detail else "")

    def _bounded(self, parts: list[Any]) -> list[Any]:
        if len(parts) > MOST_PARTS:
            self._fail(f"The provider sent an event of more than {MOST_PARTS} parts.")
            return []
        return parts

    def _part(self, part: dict[str, Any]) -> list[dict[str, Any]]:
        """Take a part; what of it goes to the SDK as it is."""
        if isinstance(call := part.get("functionCall"), dict):
            signature = part.get("thoughtSignature")
            self._call(
                index=len(self._calls),
                id=call.get("id"),
                name=call.get("name"),
                arguments=call.get("args") or {},
                extra={"thoughtSignature": signature} if signature else None,
            )
            return []
        text = part.get("text")
        if isinstance(text, str):
            if text:
                self._text(*((None, text) if part.get("thought") else (text, None)))
            kept = {key: value for key, value in part.items() if value and key != "text"}
            kept.pop("thought", None)
            return [{"text": "", **kept}] if kept else []
        return [part]

    def _settle(self, reason: FinishReason) -> None:
        for key, count in self._usage.items():
            if isinstance(count, msgspec.Raw):
                self._usage[key] = parse(bytes(count))
        self.outcome.model = self._model if isinstance(self._model, str) and self._model else None
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _value(self, parts: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **fields}
        value: dict[str, Any] = {"candidates": [candidate]}
        if self._model:
            value["modelVersion"] = self._model
        if self._response_id:
            value["responseId"] = self._response_id
        return value

    def _chunk(self, parts: list[dict[str, Any]], **fields: Any) -> bytes:
        return sse(self._value(parts, **fields))

    def _text_event(self, text: str, thought: str) -> bytes:
        parts: list[dict[str, Any]] = [{"text": thought, "thought": True}] if thought else []
        return self._chunk([*parts, {"text": text}] if text else parts)

    def _error_event(self, error: ProviderError) -> bytes:
        # Not as JSON: the SDK takes an error object for an answer without candidates.
        return b"data: " + error.message.encode("ascii", "replace").replace(b"\n", b" ") + b"\n\n"

    def _last(self, reason: FinishReason) -> dict[str, Any]:
        parts = [
            {
                **call.extra,
                "functionCall": {
                    "id": call.id,
                    "name": call.name,
                    "args": parse(call.arguments.encode()),
                },
            }
            for call in self.outcome.calls
        ]
        value = self._value(parts, finishReason=_WORDS.get(reason, "STOP"))
        if self._usage:
            value["usageMetadata"] = self._usage
        return value

    def _final_events(self, reason: FinishReason) -> bytes:
        return sse(self._last(reason))

    # ---- whole answers ----

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        made = self._last(self.outcome.finish_reason or "stop")
        whole = made["candidates"][0]
        candidates = value.get("candidates")
        first = candidates[0] if isinstance(candidates, list) and candidates else {}
        content = first.get("content") if isinstance(first, dict) else None
        parts = content.get("parts") if isinstance(content, dict) else None
        kept = [
            part for part in parts or () if isinstance(part, dict) and "functionCall" not in part
        ]
        whole["content"]["parts"] = kept + whole["content"]["parts"]
        return {**value, **made, "candidates": [{**first, **whole}]}
