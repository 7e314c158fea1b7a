"""OpenAI's Responses API."""

import json

import pytest

from app.core.providers.wire.responses import Responses
from tests.core.providers.wire.reading import Case, check, read
from tests.core.providers.wire.streams import (
    CALLS,
    COUNTS,
    RESPONSE,
    data,
    event,
    response_calls,
    response_end,
    response_words,
)

BOTH = [(name, json.loads(arguments)) for name, arguments in CALLS]
WORDS = response_words()
OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hmm"}]},
    {"type": "message", "content": [{"type": "output_text", "text": "one two three"}]},
]
ITEMS = [
    {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": name, "arguments": a}
    for n, (name, a) in enumerate(CALLS)
]


def _incomplete(reason: str) -> bytes:
    return response_end(status="incomplete", incomplete_details={"reason": reason})


CASES = [
    Case("words", WORDS + response_end(), usage=(10, 3, 13)),
    Case("without names of events", (WORDS + response_end()).replace(b"event: response", b": ")),
    Case("names alone", (WORDS + response_end()).replace(b'"type": "response.', b'"kind": "')),
    Case("an end without a blank line", (WORDS + response_end()).rstrip()),
    Case("length", WORDS + _incomplete("max_output_tokens"), end="length"),
    Case("filter", WORDS + _incomplete("content_filter"), end="content_filter"),
    Case("unknown", WORDS + _incomplete("tired"), end="error", says="'tired'"),
    Case(
        "incomplete, called completed",
        WORDS
        + response_end(incomplete_details={"reason": "max_output_tokens"}, status="incomplete"),
        end="length",
    ),
    Case(
        "failed",
        WORDS + response_end(status="failed", error={"code": "server_error", "message": "on fire"}),
        end="error",
        says="on fire",
        status=500,
    ),
    Case("failed without words", WORDS + response_end(status="failed"), end="error", says="failed"),
    Case("cancelled", WORDS + response_end(status="cancelled"), end="error", says="cancelled"),
    Case(
        "error event",
        WORDS + event("error", code="rate_limit_exceeded", message="too fast", param=None),
        end="error",
        says="too fast",
        status=429,
    ),
    Case("error frame", WORDS + data({"error": "on fire"}), end="error", says="on fire"),
    Case("error in words", WORDS + b"event: error\ndata: on fire\n\n", end="error", says="on fire"),
    Case("cut", WORDS, end="upstream_cut"),
    Case("the end without an end", WORDS + b"data: [DONE]\n\n", end="upstream_cut"),
    Case("garbage", WORDS + b"data: {oops\n\n" + response_end(), end="error", says="{oops"),
    Case("pings", WORDS + b": ping\n\n" + event("ping") + b"data: ping\n\n" + response_end()),
    Case(
        "calls in turns",
        response_calls() + response_end(),
        text="",
        end="tool_calls",
        calls=BOTH,
    ),
    Case("calls cut", response_calls(), text="", end="upstream_cut"),
    Case(
        "calls in the output alone",
        response_end(output=ITEMS),
        text="",
        end="tool_calls",
        calls=BOTH,
    ),
    Case(
        "calls without deltas",
        b"".join(
            event("response.output_item.done", output_index=n, item=item)
            for n, item in enumerate(ITEMS)
        )
        + response_end(),
        text="",
        end="tool_calls",
        calls=BOTH,
    ),
    Case(
        "calls that are never done",
        event("response.output_item.added", output_index=0, item={**ITEMS[0], "arguments": ""})
        + event("response.function_call_arguments.done", output_index=0, arguments=CALLS[0][1])
        + response_end(),
        text="",
        end="tool_calls",
        calls=BOTH[:1],
    ),
    Case("text in the output alone", response_end(output=OUTPUT), reasoning="hmm"),
    Case(
        "a whole answer",
        json.dumps({**RESPONSE, "status": "completed", "output": OUTPUT, "usage": COUNTS}).encode(),
        reasoning="hmm",
        usage=(10, 3, 13),
        content_type="application/json",
    ),
    Case(
        "reasoning",
        event("response.reasoning_summary_text.delta", delta="hm")
        + event("response.reasoning_text.delta", delta="m")
        + WORDS
        + response_end(),
        reasoning="hmm",
    ),
    Case("refusal", event("response.refusal.delta", delta="no") + response_end(), text="no"),
    Case("a page", b"<html>Login", text="", end="error", says="Login"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stream_comes_to_something_else(case: Case) -> None:
    """A stream comes to what must come of it, whole and byte by byte."""
    check("responses", case)


def test_calls_come_to_the_sdk_in_turns() -> None:
    """Calls that the provider mixed come to the SDK one behind the other, each whole."""
    got = read("responses", Case("", response_calls() + response_end()))
    types = [json.loads(part[6:])["type"] for part in got.seen.split(b"\n\n") if part]
    kinds = [kind.rpartition(".")[2] for kind in types]
    assert ["created", *["added", "delta", "done"] * 2, "completed"] == kinds
    assert b'"item_id":"fc_1"' in got.seen


def test_annotations_are_lost() -> None:
    """What is beside the text comes to the SDK behind the text before it."""
    kind = "response.output_text.annotation.added"
    got = read("responses", Case("", WORDS + event(kind, annotation={"url": "u"}) + response_end()))
    assert got.seen.index(b'"delta":"two three"') < got.seen.index(kind.encode())


def test_a_whole_answer_is_left_as_it_came() -> None:
    """An answer that is not streamed is made valid, and tells the same as a stream."""
    reader = Responses()
    item = {**ITEMS[0], "arguments": {"city": "Paris"}}
    body = {"status": "completed", "output": [*OUTPUT, item], "usage": {"input_tokens": "10"}}
    made = json.loads(reader.read_json(json.dumps(body).encode()))
    assert [*OUTPUT, {**ITEMS[0], "status": "completed"}] == made["output"]
    assert (10, 0, 10) == tuple(made["usage"][key] for key in list(COUNTS)[:3])
    assert "tool_calls" == reader.outcome.finish_reason
