"""Anthropic's Messages."""

import json
from typing import Any

import pytest

from app.core.providers.wire.messages import Messages
from tests.core.providers.wire.reading import Case, check, read
from tests.core.providers.wire.streams import (
    CALLS,
    block,
    data,
    event,
    message_end,
    message_start,
    text_block,
    tool_block,
)

BOTH = [(name, json.loads(arguments)) for name, arguments in CALLS]
START, TEXT = message_start(), text_block()
TOOLS = b"".join(tool_block(n, *call) for n, call in enumerate(CALLS, 1))
THINKING = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "hm"},
    {"type": "thinking_delta", "thinking": "m"},
    {"type": "signature_delta", "signature": "S"},
)
WHOLE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        {"type": "thinking", "thinking": "hmm", "signature": "S"},
        {"type": "text", "text": "one two three"},
    ],
    "stop_reason": "END_TURN",
    "usage": {"input_tokens": "10", "output_tokens": 3},
}

CASES = [
    Case("words", START + TEXT + message_end(), usage=(10, 3, 13)),
    Case("thinking", START + THINKING + text_block(1) + message_end(), reasoning="hmm"),
    Case("tools", START + TEXT + TOOLS + message_end("tool_use"), end="tool_calls", calls=BOTH),
    *(
        Case(word, START + TEXT + message_end(word), end=end)
        for word, end in {
            "stop_sequence": "stop",
            "MAX_TOKENS": "length",
            "model_context_window_exceeded": "length",
            "refusal": "content_filter",
        }.items()
    ),
    Case("unknown", START + TEXT + message_end("tired"), end="error", says="'tired'"),
    Case("cut", START + TEXT, end="upstream_cut"),
    Case("no stop reason", START + TEXT + event("message_stop"), end="upstream_cut"),
    Case("calls cut", START + TEXT + TOOLS, end="upstream_cut"),
    Case("no message_stop", START + TEXT + message_end().partition(b"event: message_stop")[0]),
    Case("no names of events", (START + TEXT + message_end()).replace(b"event: ", b": ")),
    Case("names alone", (START + TEXT + message_end()).replace(b'"type": "message', b'"t": "m')),
    Case("no start", TEXT + message_end()),
    Case(
        "no blocks",
        START + TEXT.replace(b"content_block_st", b"x_block_st") + message_end(),
    ),
    Case(
        "text in the start",
        START + block(0, {"type": "text", "text": "one two three"}) + message_end(),
    ),
    Case("absurd numbers", START + text_block(9_000_000) + message_end()),
    Case(
        "absurd numbers of calls",
        START + tool_block(77, *CALLS[0]) + tool_block(-3, *CALLS[1]) + message_end("tool_use"),
        text="",
        end="tool_calls",
        calls=BOTH,
    ),
    Case(
        "one number for two calls",
        START
        + tool_block(1, *CALLS[0])
        + tool_block(1, *CALLS[1]).replace(b"_1", b"_2")
        + message_end("tool_use"),
        text="",
        end="tool_calls",
        calls=BOTH,
    ),
    Case(
        "input in the start",
        START
        + block(0, {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Paris"}})
        + message_end("tool_use"),
        text="",
        end="tool_calls",
        calls=BOTH[:1],
    ),
    Case(
        "no input",
        START
        + block(0, {"type": "tool_use", "id": "a", "name": "now", "input": {}})
        + message_end("tool_use"),
        text="",
        end="tool_calls",
        calls=[("now", {})],
    ),
    Case(
        "broken input",
        START + tool_block(0, "weather", '{"city": oops') + message_end("tool_use"),
        text="",
        end="error",
        says="not an object",
    ),
    Case(
        "overloaded",
        START + TEXT + event("error", error={"type": "overloaded_error", "message": "busy"}),
        end="error",
        says="busy",
        status=529,
    ),
    Case("error frame", START + TEXT + data({"error": "on fire"}), end="error", says="on fire"),
    Case(
        "error in words",
        START + TEXT + b"event: error\ndata: on fire\n\n",
        end="error",
        says="on fire",
    ),
    Case("garbage", START + TEXT + b"data: {oops\n\n" + message_end(), end="error", says="{oops"),
    Case("pings", START + event("ping") + b"event: ping\ndata: x\n\n" + TEXT + message_end()),
    Case("a whole answer", json.dumps(WHOLE).encode(), reasoning="hmm", usage=(10, 3, 13)),
    Case("a whole answer in an event", data(WHOLE), reasoning="hmm"),
    Case("a page", b"<html>Login", text="", end="error", says="Login"),
    Case(
        "cached tokens",
        message_start().replace(
            b'"input_tokens": 10', b'"input_tokens": 4, "cache_read_input_tokens": 6'
        )
        + TEXT
        + message_end(),
        usage=(10, 3, 13),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stream_comes_to_something_else(case: Case) -> None:
    """A stream comes to what must come of it, whole and byte by byte."""
    check("messages", case)


def test_the_sdk_cannot_find_a_block() -> None:
    """The blocks that the SDK sees are numbered from 0, each opened and closed once."""
    other = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    half = {"type": "input_json_delta", "partial_json": "{}"}
    body = (
        START + THINKING + text_block(5) + block(9, other, half) + TOOLS + message_end("tool_use")
    )
    events = [
        json.loads(line[6:])
        for line in read("messages", Case("", body)).seen.split(b"\n")
        if line.startswith(b"data: ")
    ]
    starts = [e for e in events if e["type"] == "content_block_start"]
    kinds = ["thinking", "text", "server_tool_use", "tool_use", "tool_use"]
    assert kinds == [e["content_block"]["type"] for e in starts]
    assert list(range(5)) == [e["index"] for e in starts]
    assert list(range(5)) == [e["index"] for e in events if e["type"] == "content_block_stop"]
    assert ["message_delta", "message_stop"] == [e["type"] for e in events[-2:]]


def test_a_signature_is_lost() -> None:
    """The signature of a thought comes to the SDK behind it, in the same block."""
    seen = read("messages", Case("", START + THINKING + text_block(1) + message_end())).seen
    assert seen.index(b'"thinking":"m"') < seen.index(b'"signature":"S"') < seen.index(b"_stop")


def test_a_whole_answer_is_left_as_it_came() -> None:
    """An answer that is not streamed is made valid, and tells the same as a stream."""
    call = {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Paris"}}
    body = {**WHOLE, "content": [*WHOLE["content"], call], "stop_reason": "Tool_Use"}
    reader = Messages()
    made = json.loads(reader.read_json(json.dumps(body).encode()))
    assert body["content"] == made["content"]
    assert ("tool_use", 10) == (made["stop_reason"], made["usage"]["input_tokens"])
    assert "tool_calls" == reader.outcome.finish_reason
