"""OpenAI's Responses API."""

from typing import Any

import msgspec

from ....models.chat import FinishReason
from .events import EventsReader
from .outcome import ProviderError
from .parts.documents import sse, texts
from .parts.errors import error_in
from .parts.framing import Events, Framing
from .parts.items import Items, is_call
from .parts.tool_calls import MOST_CALLS
from .parts.usage import response_counts


class _Event(msgspec.Struct, gc=False):
    type: str
    delta: str | None = None


_decode = msgspec.json.Decoder(_Event).decode

_TEXT = frozenset({"response.output_text.delta", "response.refusal.delta"})
_REASONING = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_ARGUMENTS = "response.function_call_arguments.delta"
_ENDS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)

_PASSED_OVER_TYPES = """response.in_progress response.queued response.content_part.added
    response.content_part.done response.output_text.done response.refusal.done
    response.reasoning_summary_part.added response.reasoning_summary_part.done
    response.reasoning_summary_text.done response.reasoning_text.done
    response.output_item.added response.output_item.done"""

#: Events whose matter comes to the SDK in others, or that its users do not need.
_PASSED_OVER = frozenset(_PASSED_OVER_TYPES.split())

#: What the SDK needs in a response, if the provider left it out.
_RESPONSE = {
    "id": "resp",
    "object": "response",
    "created_at": 0,
    "model": "",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


class Responses(EventsReader):
    """Reads a response, streamed or whole."""

    def _frame(self) -> Framing:
        self._response: dict[str, Any] = {}
        self._items = Items()
        self._number = 0
        return Events(self._take, self._overflow)

    def _take(self, data: bytes, name: bytes | None) -> None:
        try:
            event = _decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            self._read(data, name)
            return
        kind, delta = event.type, event.delta
        if delta is None:
            self._read(data, name)
        elif kind in _TEXT:
            if delta:
                self._text(delta, None)
        elif kind in _REASONING:
            if delta:
                self._text(None, delta)
        else:
            self._read(data, name)

    def _event(self, value: dict[str, Any], name: bytes | None) -> None:
        kind = str(value.get("type") or (name or b"").decode("ascii", "replace"))
        item = value.get("item")
        key = value.get("output_index", value.get("item_id"))
        key = key if isinstance(key, int | str) else None
        if kind in _ENDS:
            self._terminal(kind, value.get("response"))
        elif kind == "response.created":
            self._created(value.get("response"))
        elif kind in _TEXT:
            self._text(texts(value.get("delta"))[0], None)
        elif kind in _REASONING:
            self._text(None, texts(value.get("delta"))[0])
        elif kind == _ARGUMENTS:
            self._items.add(key, texts(value.get("delta"))[0])
            self._bound()
        elif kind.startswith("response.output_item.") and is_call(item):
            self._item(key, value["item"], done=kind.endswith("done"))
        elif kind == "response.function_call_arguments.done":
            self._items.update(key, {"arguments": value.get("arguments")})
            self._bound()
        elif kind in _PASSED_OVER or kind == "ping":
            return
        elif (error := error_in(value, named=kind == "error")) is not None:
            self._error(error)
        elif value.get("object") == "response":
            self._answer(value)
        elif kind.startswith("response."):
            self._pass(self._sse(kind, value))

    def _created(self, response: Any) -> None:
        if isinstance(response, dict) and not self._response:
            self._response = response
            self._pass(self._sse("response.created", {"response": self._whole_response(None)}))

    def _item(self, key: Any, item: dict[str, Any], *, done: bool) -> None:
        self._items.update(key, item)
        self._bound()
        if done:
            self._called(self._items.pop(key))

    def _called(self, item: dict[str, Any]) -> None:
        """Take a function call that is whole."""
        arguments = item.get("arguments") or "".join(item.get("pieces") or ())
        id = item.get("call_id") or item.get("id")
        self._items.done.append(item)
        number = len(self._items.done)
        self._call(index=number, id=id, name=item.get("name"), arguments=arguments)

    def _bound(self) -> None:
        if len(self._items) > MOST_CALLS:
            self._fail(f"The provider sent more than {MOST_CALLS} tool calls at once.")

    def _terminal(self, kind: str, response: Any) -> None:
        response = response if isinstance(response, dict) else {}
        self._created(response)
        self._response = {**self._response, **response}
        if isinstance(usage := response.get("usage"), dict):
            self._usage = usage
        status = response.get("status") or kind.removeprefix("response.")
        if status not in ("completed", "incomplete"):
            error = error_in({"error": response.get("error")})
            self._fail(error or ProviderError(f"The provider ended its response as {status!r}."))
            return
        self._output(response.get("output"))
        if status == "completed":
            self._finish("tool_calls" if len(self._calls) else "stop")
        else:
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, dict) else None
            self._finish(reason or "incomplete")
        self._end()

    def _output(self, output: Any) -> None:
        """Take what is in the whole output and did not come in events."""
        items = (
            [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        )
        for item in self._items.pop_named():
            self._called(item)
        if not self._calls:
            for item in filter(is_call, items):
                self._called(item)
        if self._begun and not self._quiet:
            return
        for item in items:
            text, thought = texts(item.get("content"))
            if item.get("type") == "reasoning":
                text, thought = "", text + thought + "".join(texts(item.get("summary")))
            if text or thought:
                self._text(text, thought)

    def _settle(self, reason: FinishReason) -> None:
        if isinstance(model := self._response.get("model"), str):
            self.outcome.model = model
        super()._settle(reason)

    # ---- what the SDK reads ----

    def _sse(self, kind: str, fields: dict[str, Any]) -> bytes:
        self._number += 1
        return sse({**fields, "type": kind, "sequence_number": self._number - 1})

    def _whole_response(self, reason: FinishReason | None) -> dict[str, Any]:
        response = {**_RESPONSE, **{k: v for k, v in self._response.items() if v is not None}}
        response.pop("usage", None)
        output = response.get("output")
        response["output"] = output if isinstance(output, list) else []
        response["status"] = "in_progress" if reason is None else "completed"
        if reason not in (None, "stop", "tool_calls"):
            response["status"] = "incomplete"
        if reason is not None and (usage := self.outcome.usage) is not None:
            response["usage"] = response_counts(self._usage, usage)
        return response

    def _text_event(self, text: str, thought: str) -> bytes:
        place = {"item_id": "msg", "output_index": 0}
        out = b""
        if thought:
            fields = {**place, "summary_index": 0, "delta": thought}
            out += self._sse("response.reasoning_summary_text.delta", fields)
        if text:
            fields = {**place, "content_index": 0, "delta": text, "logprobs": []}
            out += self._sse("response.output_text.delta", fields)
        return out

    def _error_event(self, error: ProviderError) -> bytes:
        return sse({"error": {"message": error.message, "code": error.code, "type": "error"}})

    def _final_events(self, reason: FinishReason) -> bytes:
        out = b""
        for number, item in enumerate(self._items.written(self.outcome.calls), 1):
            place = {"output_index": number}
            begun = {**item, "arguments": "", "status": "in_progress"}
            out += self._sse("response.output_item.added", {**place, "item": begun})
            delta = {**place, "item_id": item["id"], "delta": item["arguments"]}
            out += self._sse(_ARGUMENTS, delta)
            out += self._sse("response.output_item.done", {**place, "item": item})
        # Under this name whatever the reason: Agno looks for usage nowhere else.
        return out + self._sse("response.completed", {"response": self._whole_response(reason)})

    # ---- whole answers ----

    def _answer(self, value: dict[str, Any]) -> None:
        if (error := error_in(value)) is not None:
            self._error(error)
        elif isinstance(value.get("output"), list):
            self._terminal("response.completed", value)

    def _rewritten(self, value: dict[str, Any], text: str, thought: str) -> dict[str, Any]:
        response = self._whole_response(self.outcome.finish_reason)
        items = [item for item in response["output"] if isinstance(item, dict)]
        others = [item for item in items if not is_call(item)]
        response["output"] = others + self._items.written(self.outcome.calls)
        return response
