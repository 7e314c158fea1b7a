"""Google's generated content."""

import json
from typing import Any

import pytest

from app.core.providers.wire.gemini import Gemini
from tests.core.providers.wire.reading import Case, check, read
from tests.core.providers.wire.streams import CALLS, candidate, candidates, data

BOTH: list[tuple[str, Any]] = [(name, json.loads(arguments)) for name, arguments in CALLS]
BEFORE = candidate({"text": "one "}) + candidate({"text": "two "})
CALLED = [{"functionCall": {"name": name, "args": args}} for name, args in BOTH]

CASES = [
    Case("words", candidates(), usage=(10, 3, 13)),
    Case("thoughts", candidate({"text": "hmm", "thought": True}) + candidates(), reasoning="hmm"),
    *(
        Case(word, candidates(word), end=end)
        for word, end in {
            "MAX_TOKENS": "length",
            "SAFETY": "content_filter",
            "RECITATION": "content_filter",
            "PROHIBITED_CONTENT": "content_filter",
            "IMAGE_SAFETY": "content_filter",
        }.items()
    ),
    *(
        Case(word, candidates(word), end="error", says=word)
        for word in ("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "BRAND_NEW")
    ),
    Case("cut", BEFORE, text="one two ", end="upstream_cut"),
    Case(
        "blocked", data({"promptFeedback": {"blockReason": "OTHER"}}), text="", end="content_filter"
    ),
    Case("calls", candidate(*CALLED) + candidate(end="STOP"), text="", calls=BOTH),
    Case("calls at the end", candidate(*CALLED, end="STOP"), text="", calls=BOTH),
    Case("calls cut", candidate(*CALLED), text="", end="upstream_cut"),
    Case(
        "no args",
        candidate({"functionCall": {"name": "now"}}, end="STOP"),
        text="",
        calls=[("now", {})],
    ),
    Case(
        "error",
        BEFORE + data({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}),
        text="one two ",
        end="error",
        says="quota",
        status=429,
    ),
    Case(
        "error in a list",
        b'[{"error": {"code": 503, "message": "busy"}}]',
        text="",
        end="error",
        says="busy",
        status=503,
    ),
    Case(
        "a list of chunks",
        b"[" + b",\r\n".join(part[6:].strip() for part in candidates().splitlines() if part) + b"]",
    ),
    Case("a whole answer", candidate({"text": "one two three"}, end="STOP")[6:].strip()),
    Case("garbage", BEFORE + b"data: {oops}\n\n", text="one two ", end="error", says="{oops}"),
    Case("a page", b"<html>Login", text="", end="error", says="Login"),
    Case(
        "another candidate",
        data({"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}]}) + candidates(),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stream_comes_to_something_else(case: Case) -> None:
    """A stream comes to what must come of it, whole and byte by byte."""
    check("gemini", case)


def test_what_is_no_text_is_lost() -> None:
    """Signatures, images and sources come to the SDK; a call keeps its signature."""
    call = {**CALLED[0], "thoughtSignature": "SIG"}
    image = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    grounding = {"webSearchQueries": ["q"]}
    body = (
        candidate({"text": "one", "thoughtSignature": "TXT"})
        + candidate(image)
        + data({"candidates": [{"content": {"parts": []}, "groundingMetadata": grounding}]})
        + candidate(call)
        + candidate(end="STOP")
    )
    got = read("gemini", Case("", body))
    for kept in (b"TXT", b"image/png", b"webSearchQueries", b'"thoughtSignature":"SIG"'):
        assert kept in got.seen
    assert {"thoughtSignature": "SIG"} == got.outcome.calls[0].extra


def test_a_whole_answer_is_left_as_it_came() -> None:
    """An answer that is not streamed is made valid, and tells the same as a stream."""
    reader = Gemini()
    made = json.loads(reader.read_json(candidate({"text": "x"}, *CALLED, end="max_tokens")[6:]))
    found = made["candidates"][0]
    assert ("MAX_TOKENS", "x") == (found["finishReason"], found["content"]["parts"][0]["text"])
    assert BOTH == [
        (part["functionCall"]["name"], part["functionCall"]["args"])
        for part in found["content"]["parts"][1:]
    ]
    assert "length" == reader.outcome.finish_reason
