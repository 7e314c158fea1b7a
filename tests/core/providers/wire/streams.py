"""Streams as providers write them, one builder for each protocol."""

import json
from typing import Any

WORDS = ("one ", "two ", "three")
CALLS = (("weather", '{"city": "Paris"}'), ("clock", '{"zone": "CET"}'))
DONE = b"data: [DONE]\n\n"


def data(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta: Any = None, end: Any = None, **fields: Any) -> bytes:
    """A chunk of a chat completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": end}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return data({**head, "choices": [choice], **fields})


def words(*, end: Any = "stop", done: bytes = DONE, between: bytes = b"") -> bytes:
    """A chat completion of three words."""
    texts = between.join(chunk({"content": word}) for word in WORDS)
    return texts + chunk(end=end) + done


def calls(*deltas: Any, end: Any = "tool_calls") -> bytes:
    """A chat completion that is only tool calls: each delta is a list of them."""
    return b"".join(chunk({"tool_calls": delta}) for delta in deltas) + chunk(end=end) + DONE


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + data({"type": kind, **fields})


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "in_progress",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
COUNTS = {
    "input_tokens": 10,
    "output_tokens": 3,
    "total_tokens": 13,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens_details": {"reasoning_tokens": 1},
}


def response_words() -> bytes:
    """The beginning of a response of three words."""
    item = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return (
        event("response.created", response=RESPONSE)
        + event("response.in_progress", response=RESPONSE)
        + event("response.output_item.added", output_index=0, item=item)
        + b"".join(event("response.output_text.delta", **place, delta=word) for word in WORDS)
    )


def response_calls() -> bytes:
    """Two calls whose arguments come in turns."""
    items = [
        {"id": f"fc_{n}", "type": "function_call", "call_id": f"call_{n}", "name": name}
        for n, (name, _) in enumerate(CALLS)
    ]
    out = event("response.created", response=RESPONSE)
    for n, item in enumerate(items):
        added = {**item, "arguments": ""}
        out += event("response.output_item.added", output_index=n, item=added)
    for start, end in ((0, 5), (5, 99)):
        for n, (_, arguments) in enumerate(CALLS):
            delta = arguments[start:end]
            out += event("response.function_call_arguments.delta", output_index=n, delta=delta)
    for n, (item, (_, arguments)) in enumerate(zip(items, CALLS, strict=True)):
        done = {**item, "arguments": arguments}
        out += event("response.output_item.done", output_index=n, item=done)
    return out


def response_end(**fields: Any) -> bytes:
    whole = {**RESPONSE, "status": "completed", "usage": COUNTS, **fields}
    return event(f"response.{whole['status']}", response=whole)


def message_start() -> bytes:
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    return event("message_start", message={**message, "usage": usage})


def block(index: int, start: Any, *deltas: Any) -> bytes:
    """A block of a message of Anthropic's."""
    return (
        event("content_block_start", index=index, content_block=start)
        + b"".join(event("content_block_delta", index=index, delta=delta) for delta in deltas)
        + event("content_block_stop", index=index)
    )


def text_block(index: int = 0) -> bytes:
    deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    return block(index, {"type": "text", "text": ""}, *deltas)


def tool_block(index: int, name: str, arguments: str) -> bytes:
    halves = (arguments[:5], arguments[5:])
    deltas = [{"type": "input_json_delta", "partial_json": half} for half in ("", *halves)]
    start = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, start, *deltas)


def message_end(reason: Any = "end_turn") -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": 3}) + event("message_stop")


def line(message: Any = None, **fields: Any) -> bytes:
    """A line of Ollama's."""
    head = {"model": "m", "created_at": "2026-08-04T19:56:02.647123Z"}
    message = {"role": "assistant", "content": "", **(message or {})}
    value = {**head, "message": message, "done": False, **fields}
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def lines(end: Any = "stop") -> bytes:
    texts = b"".join(line({"content": word}) for word in WORDS)
    return texts + line(done=True, done_reason=end, prompt_eval_count=10, eval_count=3)


def candidate(*parts: Any, end: Any = None, **fields: Any) -> bytes:
    """A chunk of Gemini's."""
    found: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if end is not None:
        found["finishReason"] = end
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 13}
    value = {"candidates": [found], "usageMetadata": usage, "modelVersion": "m", **fields}
    return b"data: " + json.dumps(value).encode() + b"\r\n\r\n"


def candidates(end: Any = "STOP") -> bytes:
    return b"".join(candidate({"text": word}) for word in WORDS) + candidate({"text": ""}, end=end)
