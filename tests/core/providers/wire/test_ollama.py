"""Ollama's own protocol."""

import json
from typing import Any

import pytest

from app.core.providers.wire.ollama import Ollama
from tests.core.providers.wire.reading import Case, check, read
from tests.core.providers.wire.streams import CALLS, line, lines

BOTH: list[tuple[str, Any]] = [(name, json.loads(arguments)) for name, arguments in CALLS]
DONE = line(done=True, done_reason="stop")
BEFORE = line({"content": "one "}) + line({"content": "two "})


def _calls(*found: Any) -> bytes:
    return line({"tool_calls": list(found)}) + DONE


CASES = [
    Case("words", lines(), usage=(10, 3, 13)),
    Case("length", lines("length"), end="length"),
    Case("loaded", lines("load")),
    Case("no reason", lines(None)),
    Case("unknown", lines("tired"), end="error", says="'tired'"),
    Case("cut", BEFORE, text="one two ", end="upstream_cut"),
    Case("cut in a line", BEFORE + DONE[:30], text="one two ", end="upstream_cut"),
    Case("no line end", lines().rstrip(b"\n")),
    Case("CRLF and blank lines", lines().replace(b"\n", b"\r\n\r\n")),
    Case(
        "line separators in the text",
        line({"content": "a\u2028\u0085b"}) + DONE,
        text="a\u2028\x85b",
    ),
    Case("thinking", line({"thinking": "hmm"}) + lines(), reasoning="hmm"),
    Case("error", BEFORE + b'{"error":"on fire"}\n', text="one two ", end="error", says="on fire"),
    Case(
        "error at the end",
        BEFORE + line(done=True, error="on fire"),
        text="one two ",
        end="error",
        says="on fire",
    ),
    Case(
        "error object",
        b'{"error": {"message": "slow", "code": 429}}\n',
        text="",
        end="error",
        says="slow",
        status=429,
    ),
    Case(
        "framed as events",
        b"".join(b"data: " + part + b"\n" for part in lines().splitlines(keepends=True)),
    ),
    Case(
        "over many lines",
        json.dumps(json.loads(line({"content": "one two three"}, done=True)), indent=1).encode(),
    ),
    Case("generate", b'{"response": "one two three", "done": true}\n'),
    Case("garbage", BEFORE + b"{oops}\n" + DONE, text="one two ", end="error", says="{oops}"),
    Case("a page", b"<html>Login", text="", end="error", says="Login"),
    Case("plain words", b"no healthy upstream", text="", end="error", says="no healthy upstream"),
    Case(
        "calls",
        _calls(*({"function": {"name": n, "arguments": a}} for n, a in BOTH)),
        text="",
        calls=BOTH,
    ),
    Case(
        "arguments as text",
        _calls(*({"function": {"name": n, "arguments": a}} for n, a in CALLS)),
        text="",
        calls=BOTH,
    ),
    Case(
        "equal indexes",
        _calls(*({"function": {"index": 0, "name": n, "arguments": a}} for n, a in BOTH)),
        text="",
        calls=BOTH,
    ),
    Case("no arguments", _calls({"function": {"name": "now"}}), text="", calls=[("now", {})]),
    Case(
        "one twice",
        _calls({"function": {"name": "now"}}, {"function": {"name": "now"}}),
        text="",
        calls=[("now", {})] * 2,
    ),
    Case(
        "broken arguments",
        _calls({"function": {"name": "f", "arguments": "oops"}}),
        text="",
        end="error",
        says="not an object",
    ),
    Case(
        "no name",
        _calls({"function": {"arguments": {"a": 1}}}),
        text="",
        end="error",
        says="without a name",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stream_comes_to_something_else(case: Case) -> None:
    """A stream comes to what must come of it, whole and byte by byte."""
    check("ollama", case)


def test_a_client_splits_a_line_in_the_middle() -> None:
    """What the SDK reads is ASCII: it takes U+0085 and U+2028 for ends of lines."""
    got = read("ollama", Case("", line({"content": "a\u2028\u0085b"}) * 3 + lines()))
    assert got.seen.isascii()
    assert 3 == len(got.seen.decode().splitlines())


def test_a_whole_answer_is_left_as_it_came() -> None:
    """An answer that is not streamed is made valid, and tells the same as a stream."""
    reader = Ollama()
    call = {"function": {"name": "weather", "arguments": CALLS[0][1]}}
    made = json.loads(reader.read_json(line({"content": "x", "tool_calls": [call]}, done=True)))
    assert ("x", {"city": "Paris"}) == (
        made["message"]["content"],
        made["message"]["tool_calls"][0]["function"]["arguments"],
    )
    assert "stop" == reader.outcome.finish_reason == made["done_reason"]
