"""The replies of the scripted provider in the bytes of OpenAI's Responses API."""

import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tests.provider_replies import BaseWire, Reply, encode

#: Finish reasons of chat completions as the reasons of an incomplete response.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesWire(BaseWire):
    """`POST /v1/responses`: server-sent events, or one `response`."""

    def __init__(self, body: Mapping[str, Any], reply: Reply) -> None:
        whole = not body.get("stream")
        super().__init__(body, reply, "application/json" if whole else "text/event-stream")
        self._name = uuid.uuid4().hex
        self._number = 0
        self._head: dict[str, Any] = {
            "id": f"resp_{self._name}",
            "object": "response",
            "created_at": int(time.time()),
            "model": body.get("model"),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return f"event: {kind}\n".encode() + b"data: " + data + b"\n\n"

    def _message(self, text: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": text, "annotations": self._citations()}
        head = {"id": f"msg_{self._name}", "type": "message", "role": "assistant"}
        return {**head, "status": "completed", "content": [part]}

    def _citations(self) -> list[dict[str, Any]]:
        place = {"type": "url_citation", "start_index": 0, "end_index": 1}
        return [{**place, "url": url, "title": title} for url, title in self._reply.citations]

    def _thought(self) -> dict[str, Any]:
        summary = [{"type": "summary_text", "text": "".join(self._reasoning)}]
        return {"id": f"rs_{self._name}", "type": "reasoning", "summary": summary}

    def _call(self, index: int, name: str, arguments: str) -> dict[str, Any]:
        ids = {"id": f"fc_{self._name}{index}", "call_id": f"call_{self._name[:16]}{index}"}
        call = {"type": "function_call", "name": name, "arguments": arguments}
        return {**ids, **call, "status": "completed"}

    def _output(self) -> list[dict[str, Any]]:
        thought = [self._thought()] if self._reasoning else []
        message = [self._message("".join(self._text))] if self._text else []
        calls = [self._call(n, *call) for n, call in enumerate(self._reply.tool_calls)]
        return [*thought, *message, *calls]

    def _response(self, status: str, **fields: Any) -> dict[str, Any]:
        return {**self._head, "status": status, "output": [], **fields}

    def _ended(self) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "input_tokens": self._prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self._count,
            "output_tokens_details": {"reasoning_tokens": len(self._reasoning)},
            "total_tokens": self._prompt + self._count,
        }
        usage = counts if self._reply.usage else None
        reason = INCOMPLETE.get(self._reply.finish_reason or "")
        details = {"incomplete_details": {"reason": reason} if reason else None}
        status = "incomplete" if reason else "completed"
        return self._response(status, output=self._output(), usage=usage, **details)

    def opening(self) -> bytes:
        response = self._response("in_progress")
        created = self._event("response.created", response=response)
        return created + self._event("response.in_progress", response=response)

    def tokens(self) -> Iterator[bytes]:
        for place, item in enumerate(self._output()):
            added = {**item, "status": "in_progress"}
            added |= {name: empty for name, empty in EMPTY.items() if name in item}
            yield self._event("response.output_item.added", output_index=place, item=added)
            at = {"item_id": item["id"], "output_index": place}
            match item["type"]:
                case "reasoning":
                    kind = "response.reasoning_summary_text.delta"
                    for text in self._reasoning:
                        yield self._event(kind, **at, summary_index=0, delta=text)
                case "message":
                    kind = "response.output_text.delta"
                    for text in self._text:
                        yield self._event(kind, **at, content_index=0, delta=text)
                    kind = "response.output_text.annotation.added"
                    for number, annotation in enumerate(self._citations()):
                        where = {"content_index": 0, "annotation_index": number}
                        yield self._event(kind, **at, **where, annotation=annotation)
                case _:
                    for piece in re.findall(r"(?s).{1,8}", item["arguments"]):
                        kind = "response.function_call_arguments.delta"
                        yield self._event(kind, **at, delta=piece)
            yield self._event("response.output_item.done", output_index=place, item=item)

    def closing(self) -> bytes:
        response = self._ended()
        if self._reply.finish_reason == "":
            return b""
        return self._event(f"response.{response['status']}", response=response)

    def whole(self) -> bytes:
        return encode(self._ended())

    def error_body(self) -> bytes:
        return encode({"error": asdict(self._reply.error)})

    def error_frame(self) -> bytes:
        error = asdict(self._reply.error)
        return self._event("error", **{**error, "type": "error"})


#: What an item has none of when it is added.
EMPTY: dict[str, Any] = {"content": [], "summary": [], "arguments": ""}
