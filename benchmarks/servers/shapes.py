"""Streams in the forms that providers give their tokens: `python shapes.py PORT`.

The path decides the protocol, and the model's name the form of a chat completion's chunks. A
message `tokens=2000` says how many tokens there are; they come 64 in a write.
"""

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

BATCH = 64
USAGE = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
FILTERS = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "sexual", "violence")}
SOURCE = {"title": "Example", "url": "https://example.org", "date": None}

#: What each provider has in a chunk, in its choice and in its delta beside what all have.
CHUNKS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}, {}),
    "openai": (
        {"service_tier": "default", "system_fingerprint": "fp_1", "obfuscation": "aZ3x"},
        {"logprobs": None},
        {},
    ),
    "azure": (
        {"system_fingerprint": "fp_1"},
        {"logprobs": None, "content_filter_results": FILTERS},
        {},
    ),
    "openrouter": (
        {"provider": "Example"},
        {"native_finish_reason": None, "logprobs": None},
        {"role": "assistant", "reasoning": None},
    ),
    "perplexity": (
        {"usage": USAGE, "citations": ["https://example.org"], "search_results": [SOURCE]},
        {"message": {"role": "assistant", "content": "so far"}},
        {"role": "assistant"},
    ),
    "litellm": ({"system_fingerprint": None, "citations": None}, {"logprobs": None}, {}),
    "vllm": ({"usage": USAGE}, {"logprobs": None, "token_ids": None}, {}),
    "mistral": ({"p": "abcdefghijk"}, {}, {}),
    "deepseek": ({"system_fingerprint": "fp_1"}, {"logprobs": None}, {"reasoning_content": None}),
    "groq": ({"system_fingerprint": "fp_1", "x_groq": None}, {"logprobs": None}, {}),
    "together": (
        {"usage": None},
        {"text": "", "seed": None, "logprobs": None},
        {"role": "assistant", "token_id": 7, "tool_calls": None},
    ),
    "sglang": (
        {"usage": None},
        {"logprobs": None, "matched_stop": None},
        {"role": None, "reasoning_content": None, "tool_calls": None},
    ),
    "lmstudio": ({"system_fingerprint": "m", "stats": {}}, {"logprobs": None}, {}),
}


def sse(value: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def typed(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


def chat(model: str, words: list[str]) -> Iterator[bytes]:
    about, of_choice, of_delta = CHUNKS[model]
    head: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
    }
    for word in words:
        delta = {**of_delta, "content": word}
        choice = {"index": 0, **of_choice, "delta": delta, "finish_reason": None}
        yield sse({**head, **about, "choices": [choice]})
    yield sse({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield sse({**head, "choices": [], "usage": USAGE}) + b"data: [DONE]\n\n"


def responses(model: str, words: list[str]) -> Iterator[bytes]:
    made: dict[str, Any] = {
        "id": "r1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "output": [],
    }
    made |= {"model": model, "output": [], "parallel_tool_calls": True, "tool_choice": "auto"}
    made["tools"] = []
    place: dict[str, Any] = {"item_id": "m1", "output_index": 0, "content_index": 0}
    begun = {**made, "status": "in_progress"}
    yield typed("response.created", sequence_number=0, response=begun)
    for number, word in enumerate(words):
        fields = {**place, "sequence_number": number + 1, "delta": word, "logprobs": []}
        yield typed("response.output_text.delta", **fields)
    text = [{"type": "output_text", "text": "".join(words), "annotations": []}]
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    counts = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
    done = {**made, "status": "completed", "output": [{**item, "content": text}], "usage": counts}
    yield typed("response.completed", sequence_number=len(words) + 1, response=done)


def messages(model: str, words: list[str]) -> Iterator[bytes]:
    begun: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
    }
    begun |= {"model": model, "content": [], "stop_reason": None}
    begun |= {"usage": {"input_tokens": 9, "output_tokens": 1}}
    yield typed("message_start", message=begun)
    yield typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in words:
        yield typed("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield typed("content_block_stop", index=0)
    end: dict[str, Any] = {"stop_reason": "end_turn", "stop_sequence": None}
    yield typed("message_delta", delta=end, usage={"output_tokens": 9})
    yield typed("message_stop")


def ollama(model: str, words: list[str]) -> Iterator[bytes]:
    head = {"model": model, "created_at": "2026-01-01T00:00:00.000001Z"}
    for word in words:
        message = {"role": "assistant", "content": word}
        yield json.dumps({**head, "message": message, "done": False}).encode() + b"\n"
    end: dict[str, Any] = {
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 9,
        "eval_count": 9,
    }
    message = {"role": "assistant", "content": ""}
    yield json.dumps({**head, "message": message, **end}).encode() + b"\n"


PROTOCOLS = {
    "/chat/completions": chat,
    "/responses": responses,
    "/messages": messages,
    "/api/chat": ollama,
}


@cache
def writes(path: str, model: str, tokens: int) -> list[bytes]:
    """The writes of an answer, of `BATCH` events each."""
    protocol = next(made for end, made in PROTOCOLS.items() if path.endswith(end))
    events = list(protocol(model, [f"{number} " for number in range(tokens)]))
    kind = "application/x-ndjson" if protocol is ollama else "text/event-stream"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    batches = [b"".join(chunks[n : n + BATCH]) for n in range(0, len(chunks), BATCH)]
    return [head.encode(), *batches, b"0\r\n\r\n"]


def serve(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client, client.makefile("rb") as reader:
        while line := reader.readline():
            path, size = line.split()[1].decode().partition("?")[0], 0
            while header := reader.readline().strip():
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            if not (body := reader.read(size)):
                client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                continue
            found = re.findall(rb"tokens=(\d+)", body)
            for write in writes(path, json.loads(body)["model"], int(found[-1])):
                client.sendall(write)


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        while True:
            threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
