"""Chat completions of OpenAI, and of all that call themselves compatible."""

import json
from typing import Any

import pytest

from app.core.providers.wire.chat_completions import ChatCompletions
from tests.core.providers.wire.reading import Case, check, read
from tests.core.providers.wire.streams import CALLS, DONE, WORDS, calls, chunk, data, words

USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
BEFORE = b"".join(chunk({"content": word}) for word in WORDS[:2])
BOTH: list[tuple[str, Any]] = [(name, json.loads(arguments)) for name, arguments in CALLS]
PARIS = BOTH[:1]


def _part(arguments: Any = None, name: Any = None, **fields: Any) -> dict[str, Any]:
    """A delta of a tool call."""
    function = {"name": name, "arguments": arguments}
    found = {key: value for key, value in function.items() if value is not None}
    return {**fields, "function": found}


ENDS = [
    Case(f"end {word}", words(end=word), end=reason)
    for word, reason in {
        "STOP": "stop",
        "end_turn": "stop",
        "FinishReason.STOP": "stop",
        "FINISH_REASON_STOP": "stop",
        "Length": "length",
        "max_tokens": "length",
        "model_length": "length",
        "endTurn": "stop",
        "RECITATION": "content_filter",
        "content-filter": "content_filter",
        "sensitive": "content_filter",
    }.items()
]

FAILURES = [
    Case("unknown word", words(end="gone_fishing"), end="error", says="'gone_fishing'"),
    Case("abort", words(end="abort"), end="error", says="abort"),
    Case(
        "words of the failure come later",
        words(end="error", done=b"") + data({"error": {"message": "engine on fire"}}) + DONE,
        end="error",
        says="engine on fire",
    ),
    Case(
        "native word",
        BEFORE
        + chunk(end=None)
        + data(
            {"choices": [{"delta": {}, "finish_reason": "error", "native_finish_reason": "OOM"}]}
        ),
        text="one two ",
        end="error",
        says="OOM",
    ),
    Case("no end", BEFORE, text="one two ", end="upstream_cut"),
    Case("no finish reason before the end", BEFORE + DONE, text="one two ", end="upstream_cut"),
    Case(
        "cut in an event",
        BEFORE + chunk({"content": "x"})[:40],
        text="one two ",
        end="upstream_cut",
    ),
    Case("empty body", b"", text="", end="upstream_cut"),
    Case("blank body", b"\r\n\r\n  ", text="", end="upstream_cut"),
    Case("cut document", b'{"choices": [{"mess', text="", end="upstream_cut"),
    Case(
        "garbage", BEFORE + b"data: {oops}\n\n" + DONE, text="one two ", end="error", says="{oops}"
    ),
    Case(
        "only another choice",
        data({"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]}),
        text="",
        end="error",
        says="another index",
    ),
    *(
        Case(f"error {n}", BEFORE + frame, text="one two ", end="error", says=says, status=status)
        for n, (frame, says, status) in enumerate(
            [
                (data({"error": {"message": "on fire", "code": 503}}), "on fire", 503),
                (data({"error": {"message": "on fire", "code": "429"}}), "on fire", 429),
                (data({"error": {"error": {"message": "on fire"}}}), "on fire", None),
                (data({"error": {"reason": "odd"}}), "odd", None),
                (data({"error": {"x": 1}}), '"x": 1', None),
                (data({"error": True}), "without words", None),
                (data({"detail": "Not Found"}), "Not Found", None),
                (
                    data({"detail": [{"loc": ["body"], "msg": "field required"}]}),
                    "field required",
                    None,
                ),
                (data({"errors": [{"message": "on fire", "code": 500}]}), "on fire", 500),
                (data({"message": "no Route matched"}), "no Route matched", None),
                (
                    data(
                        {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
                    ),
                    "busy",
                    529,
                ),
                (data({"status": "error", "message": "on fire"}), "on fire", None),
                (b"event: error\ndata: engine on fire\n\n", "engine on fire", None),
                (b'event: error\ndata: {"text": "x"}\n\n', '"text": "x"', None),
                (
                    data({"choices": [], "x_groq": {"error": "over capacity"}}),
                    "over capacity",
                    None,
                ),
            ]
        )
    ),
]

BODIES = [
    Case(
        "html with blanks",
        b"\n  <!DOCTYPE html><p>Sign &amp; go",
        text="",
        end="error",
        says="Sign & go",
        content_type="text/html; charset=utf-8",
    ),
    Case(
        "plain words",
        b"upstream connect error",
        text="",
        end="error",
        says="text/plain that is not an answer: upstream connect error",
        content_type="text/plain",
    ),
    Case(
        "a list with an error",
        b'[{"error": {"message": "on fire", "code": 500}}]',
        text="",
        end="error",
        says="on fire",
        status=500,
        content_type="application/json",
    ),
    Case(
        "a string error",
        b'\xef\xbb\xbf {"error": "on fire"}',
        text="",
        end="error",
        says="on fire",
        content_type="application/json",
    ),
    Case(
        "lines of JSON",
        b"".join(frame[6:-1] for frame in (chunk({"content": "one two three"}), chunk(end="stop"))),
    ),
    Case(
        "a whole answer with calls",
        json.dumps(
            {
                "choices": [
                    {
                        "message": {
                            "content": None,
                            "tool_calls": [_part({"city": "Paris"}, "weather")],
                        },
                        "finish_reason": "tool_calls",
                    }
                ]
            }
        ).encode(),
        text="",
        end="tool_calls",
        calls=PARIS,
    ),
]

FRAMES = [
    Case("CRLF", words().replace(b"\n", b"\r\n")),
    Case("CR", words().replace(b"\n", b"\r")),
    Case("no blank line at the end", words().rstrip(b"\n")),
    Case("no blank lines", words().replace(b"\n\n", b"\n")),
    Case("no space behind the colon", words().replace(b"data: ", b"data:")),
    Case("ids and retries", b"retry: 3000\n\n" + words(between=b"id: 5\n\n: ping\n\n")),
    Case("named events", words().replace(b"data: {", b"event: message\ndata: {")),
    Case("blanks around the end", words(done=b"data:  [DONE] \n\n")),
    Case(
        "pings as data",
        words(between=b'data: ping\n\ndata: {}\n\ndata: {"type": "ping"}\n\ndata: null\n\n'),
    ),
    Case("a heartbeat with matter", words(between=b"event: heartbeat\ndata: 5 s\n\n")),
    Case("more behind the end", words() + b"data: {oops}\n\n"),
    Case(
        "data in several lines",
        b'data: {"choices": [{"delta":\ndata: {"content": "one two three"},\n'
        b'data: "finish_reason": "stop"}]}\n\n',
    ),
    Case("invalid UTF-8", words().replace(b"three", b"thr\xffee"), text="one two thr\ufffdee"),
    Case(
        "raw line separators",
        words().replace(b"three", "thr\u2028\u0085ee".encode()),
        text="one two thr\u2028\x85ee",
    ),
    Case(
        "halves of a character",
        chunk({"content": "\ud83d"}) + chunk({"content": "\ude42"}, end="stop"),
        text="\ud83d\ude42",
    ),
]

TEXTS = [
    Case(
        "thinking as text",
        chunk(
            {
                "content": [
                    {"type": "thinking", "thinking": "hmm"},
                    {"type": "text", "text": "one two three"},
                ]
            },
            end="stop",
        ),
        reasoning="hmm",
    ),
    Case("one part", chunk({"content": {"type": "text", "text": "one two three"}}, end="stop")),
    Case("parts that are strings", chunk({"content": ["one ", "two three"]}, end="stop")),
    Case("delta is text", chunk("one two three", end="stop")),
    Case("text for delta", data({"choices": [{"text": "one two three", "finish_reason": "stop"}]})),
    Case("null delta", data({"choices": [{"delta": None, "finish_reason": None}]}) + words()),
    Case(
        "choices as an object",
        data({"choices": {"delta": {"content": "one two three"}, "finish_reason": "stop"}}),
    ),
    Case(
        "no index",
        data({"choices": [{"delta": {"content": "one two three"}, "finish_reason": "stop"}]}),
    ),
    Case(
        "index as text",
        data(
            {
                "choices": [
                    {"index": "0", "delta": {"content": "one two three"}, "finish_reason": "stop"}
                ]
            }
        ),
    ),
    Case(
        "the whole message beside the deltas",
        words().replace(b'"delta":', b'"message": {"content": "one two three"}, "delta":'),
    ),
    Case(
        "two choices",
        data(
            {
                "choices": [
                    {"index": 1, "delta": {"content": "no"}},
                    {"index": 0, "delta": {"content": "one two three"}},
                ]
            }
        )
        + chunk(end="stop"),
    ),
    Case("empty finish reasons", words().replace(b'"finish_reason": null', b'"finish_reason": ""')),
    Case("refusal", chunk({"refusal": "one two three"}, end="stop")),
    Case("text with the finish reason", chunk({"content": "one two three"}, end="stop") + DONE),
    Case(
        "text behind the finish reason",
        chunk(end="stop") + chunk({"content": "one two three"}) + DONE,
    ),
    Case(
        "reasoning",
        chunk({"reasoning": "hmm", "reasoning_content": None}) + words(),
        reasoning="hmm",
    ),
    Case(
        "thinking",
        chunk({"thinking": "hmm"}) + chunk({"content": "one two three"}, end="stop"),
        text="one two three",
    ),
    Case(
        "reasoning twice",
        chunk({"reasoning": "hmm", "reasoning_content": "hmm"}) + words(),
        reasoning="hmm",
    ),
    Case(
        "details alone",
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "hmm"}], "tool_calls": []})
        + words(),
    ),
    Case(
        "tags",
        chunk({"content": "<think>\nhmm</think>\n\none two three"}, end="stop"),
        reasoning="hmm",
        think_tags=True,
    ),
    Case(
        "tags in the middle",
        chunk({"content": "one <think>two</think>"}, end="stop"),
        text="one <think>two</think>",
        think_tags=True,
    ),
    Case("half a tag", chunk({"content": "<thi"}, end="stop"), text="<thi", think_tags=True),
    Case(
        "an open tag",
        chunk({"content": "<think>hmm </th"}, end="stop"),
        text="",
        reasoning="hmm </th",
        think_tags=True,
    ),
    Case(
        "tags unasked for",
        chunk({"content": "<think>a</think>"}, end="stop"),
        text="<think>a</think>",
    ),
    Case(
        "unknown fields everywhere",
        chunk({"content": "one two three", "x": {"y": [1]}}, p="abc", z=None, stats={})
        + chunk(end="stop"),
    ),
]

COUNTS = [
    Case(
        f"usage {n}",
        chunk({"content": "one two three"}, end="stop", usage=usage) + DONE,
        usage=counts,
    )
    for n, (usage, counts) in enumerate(
        [
            (USAGE, (10, 3, 13)),
            ({"prompt_tokens": "10", "completion_tokens": "3"}, (10, 3, 13)),
            ({"prompt_tokens": 10.0, "completion_tokens": 3, "total_tokens": None}, (10, 3, 13)),
            ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20}, (10, 3, 20)),
            ({"input_tokens": 10, "output_tokens": 3}, (10, 3, 13)),
            ({"prompt_tokens": 10, "completion_tokens": -3}, (10, 0, 10)),
            (
                {
                    **USAGE,
                    "prompt_tokens_details": "none",
                    "completion_tokens_details": {"reasoning_tokens": "1"},
                },
                (10, 3, 13),
            ),
        ]
    )
] + [
    Case("usage first", chunk(usage=USAGE) + words(), usage=(10, 3, 13)),
    Case(
        "usage behind the end",
        words(done=b"") + data({"choices": [], "usage": USAGE}) + DONE,
        usage=(10, 3, 13),
    ),
    Case("usage without choices", words(done=b"") + data({"usage": USAGE}), usage=(10, 3, 13)),
    Case(
        "usage of Groq",
        words(done=b"") + data({"choices": [], "x_groq": {"usage": USAGE}}),
        usage=(10, 3, 13),
    ),
    Case(
        "usage in parts",
        chunk(usage={"prompt_tokens": 10})
        + words(done=b"")
        + chunk(usage={"completion_tokens": 3})
        + DONE,
        usage=(10, 3, 13),
    ),
]

_DELTAS: list[tuple[str, list[Any], list[tuple[str, Any]]]] = [
    (
        "plain",
        [
            [_part("", "weather", index=0, id="a", type="function")],
            [_part('{"city": ', index=0)],
            [_part('"Paris"}', index=0)],
        ],
        PARIS,
    ),
    ("no index", [[_part("", "weather", id="a")], [_part('{"city": "Paris"}')]], PARIS),
    (
        "no index, two",
        [
            [_part(CALLS[0][1], "weather", id="a")],
            [_part("", "clock", id="b")],
            [_part(CALLS[1][1])],
        ],
        BOTH,
    ),
    (
        "no index, no id, two",
        [[_part(CALLS[0][1], "weather")], [_part(CALLS[1][1], "clock")]],
        BOTH,
    ),
    (
        "two at once",
        [
            [
                _part(CALLS[0][1], "weather", index=0, id="a"),
                _part(CALLS[1][1], "clock", index=1, id="b"),
            ]
        ],
        BOTH,
    ),
    (
        "in turns",
        [
            [_part("", "weather", index=0, id="a"), _part("", "clock", index=1, id="b")],
            [_part('{"zone"', index=1)],
            [_part('{"city"', index=0)],
            [_part(': "Paris"}', index=0)],
            [_part(': "CET"}', index=1)],
        ],
        BOTH,
    ),
    (
        "equal index, no id",
        [[_part(CALLS[0][1], "weather", index=0)], [_part(CALLS[1][1], "clock", index=0)]],
        BOTH,
    ),
    (
        "absurd index",
        [
            [_part(CALLS[0][1], "weather", index=100_000, id="a")],
            [_part(CALLS[1][1], "clock", index=-7, id="b")],
        ],
        BOTH,
    ),
    (
        "sparse index",
        [
            [_part("", "weather", index=3, id="a")],
            [_part(CALLS[0][1], index=3)],
            [_part("", "clock", index=9, id="b")],
            [_part(CALLS[1][1], index=9)],
        ],
        BOTH,
    ),
    (
        "a new index for each delta",
        [
            [_part("", "weather", index=0, id="a")],
            [_part('{"city": ', index=1)],
            [_part('"Paris"}', index=2)],
        ],
        PARIS,
    ),
    (
        "the id again",
        [
            [_part("", "weather", index=0, id="a")],
            [_part('{"city": ', index=0, id="a")],
            [_part('"Paris"}', index=0, id="a")],
        ],
        PARIS,
    ),
    (
        "another id for each delta",
        [
            [_part("", "weather", index=0, id="a")],
            [_part('{"city": ', index=0, id="b")],
            [_part('"Paris"}', index=0, id="c")],
        ],
        PARIS,
    ),
    (
        "the id later",
        [[_part("", "weather", index=0)], [_part(CALLS[0][1], index=0, id="a")]],
        PARIS,
    ),
    (
        "one id for two",
        [
            [_part(CALLS[0][1], "weather", index=0, id="a")],
            [_part(CALLS[1][1], "clock", index=1, id="a")],
        ],
        BOTH,
    ),
    (
        "the name in pieces",
        [
            [_part(None, "wea", index=0, id="a")],
            [_part(None, "ther", index=0)],
            [_part(CALLS[0][1], index=0)],
        ],
        PARIS,
    ),
    (
        "the name again and again",
        [
            [_part("", "weather", index=0, id="a")],
            [_part('{"city": ', "weather", index=0, id="a")],
            [_part('"Paris"}', "weather", index=0, id="a")],
            [_part("", "weather", index=0, id="a")],
        ],
        PARIS,
    ),
    (
        "the name longer each time",
        [
            [_part("", "wea", index=0, id="a")],
            [_part("", "weather", index=0)],
            [_part(CALLS[0][1], index=0)],
        ],
        PARIS,
    ),
    (
        "the arguments once more",
        [
            [_part('{"city": ', "weather", index=0, id="a")],
            [_part('"Paris"}', index=0)],
            [_part(CALLS[0][1], index=0)],
        ],
        PARIS,
    ),
    (
        "braces in text",
        [
            [_part('{"city": "}{\\"', "weather", index=0)],
            [_part('"}', index=0)],
            [_part(CALLS[1][1], "clock", index=0)],
        ],
        [("weather", {"city": '}{"'}), BOTH[1]],
    ),
    (
        "one twice",
        [
            [_part(CALLS[0][1], "weather", index=0, id="a")],
            [_part(CALLS[0][1], "weather", index=1, id="b")],
        ],
        PARIS * 2,
    ),
    ("arguments as an object", [[_part({"city": "Paris"}, "weather", index=0, id="a")]], PARIS),
    ("no arguments", [[_part(None, "weather", index=0, id="a")]], [("weather", {})]),
    ("empty places", [[{}, _part(CALLS[0][1], "weather", index=1, id="a"), None]], PARIS),
    ("one call for a list", [_part(CALLS[0][1], "weather", index=0, id="a")], PARIS),
    (
        "no function",
        [[{"index": 0, "id": "a", "name": "weather", "arguments": CALLS[0][1]}]],
        PARIS,
    ),
    (
        "numbers as ids",
        [[_part("", "weather", index="0", id=7)], [_part(CALLS[0][1], index="0", id=7)]],
        PARIS,
    ),
]

TOOLS = [
    Case(name, calls(*deltas), text="", end="tool_calls", calls=expected)
    for name, deltas, expected in _DELTAS
] + [
    Case(
        "legacy",
        chunk({"function_call": {"name": "weather", "arguments": '{"city": '}})
        + chunk({"function_call": {"arguments": '"Paris"}'}})
        + chunk(end="function_call"),
        text="",
        end="tool_calls",
        calls=PARIS,
    ),
    Case(
        "cut in a call",
        chunk({"tool_calls": [_part('{"city": "Par', "weather", index=0, id="a")]}),
        text="",
        end="upstream_cut",
    ),
    Case(
        "no name",
        calls([_part("{}", index=0, id="a")]),
        text="",
        end="error",
        says="without a name",
    ),
]


@pytest.mark.parametrize(
    "case",
    [*ENDS, *FAILURES, *BODIES, *FRAMES, *TEXTS, *COUNTS, *TOOLS],
    ids=lambda case: case.name,
)
def test_a_stream_comes_to_something_else(case: Case) -> None:
    """A stream comes to what must come of it, whole and byte by byte."""
    check("chat", case)


def test_each_token_costs_the_sdk_an_event() -> None:
    """Text of any length is two events for the SDK: the first piece, and the rest."""
    got = read(
        "chat", Case("", b"".join(chunk({"content": "word "}) for _ in range(500)) + words())
    )
    events = got.seen.split(b"\n\n")
    assert (2, 500) == (got.seen.count(b'"content"'), got.text.count("word "))
    assert [b"data: [DONE]", b""] == events[-2:]


def test_usage_is_counted_twice() -> None:
    """However often a provider sends usage, the SDK reads it once, with the finish reason."""
    many = b"".join(chunk({"content": word}, usage=USAGE) for word in WORDS)
    got = read("chat", Case("", many + chunk(end="stop", usage=USAGE) + chunk(usage=USAGE) + DONE))
    with_usage = [event for event in got.seen.split(b"\n\n") if b"prompt_tokens" in event]
    assert 1 == len(with_usage)
    assert b'"finish_reason":"stop"' in with_usage[0]


def test_fields_that_only_the_sdk_knows_are_lost() -> None:
    """Citations beside text, annotations and images come to the SDK, and further fields do."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    body = (
        chunk({"content": "one "}, citations=["https://example.org/a"])
        + chunk({"content": "two ", "images": [image]})
        + chunk({"content": "th"}, citations=None)
        + chunk({"content": "ree"}, citations=["https://example.org/b"])
        + chunk({"annotations": [{"type": "url_citation"}]})
        + chunk(end="stop", service_tier="default")
    )
    got = read("chat", Case("", body))
    for kept in ("example.org/a", "example.org/b", "image/png", "url_citation", "service_tier"):
        assert kept.encode() in got.seen
    assert "one two three" == got.text


def test_details_of_reasoning_are_cut_in_pieces() -> None:
    """The pieces of a detail are joined for the next request, with its signature."""
    details = [
        {"type": "reasoning.text", "text": "hm", "index": 0},
        {"type": "reasoning.text", "text": "m", "index": 0, "signature": "S"},
        {"type": "reasoning.encrypted", "data": "E", "index": 1},
    ]
    body = b"".join(chunk({"reasoning": "x", "reasoning_details": [detail]}) for detail in details)
    got = read("chat", Case("", body + calls([_part("{}", "weather", index=0, id="a")])))
    assert {
        "reasoning": "xxx",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hmm", "index": 0, "signature": "S"},
            details[2],
        ],
    } == got.outcome.replay
    assert b'"text":"hmm"' in got.seen


def test_a_reader_goes_on_when_the_end_is_there() -> None:
    """A finish reason ends the answer; the end of the stream, or an error, completes it."""
    reader = ChatCompletions()
    states = []
    for frame in (chunk({"content": "one "}), chunk(end="stop"), DONE):
        reader.feed(frame)
        states.append((reader.ended, reader.complete))
    assert [(False, False), (True, False), (True, True)] == states


def test_a_whole_answer_is_left_as_it_came() -> None:
    """An answer that is not streamed is made valid, and tells the same as a stream."""
    message = {
        "content": [{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "one"}],
        "tool_calls": [_part({"city": "Paris"}, "weather"), _part("{}", "clock", id="b", x=1)],
    }
    choice = {"message": message, "finish_reason": "TOOL_CALLS"}
    usage = {"prompt_tokens": "10", "completion_tokens": 3}
    reader = ChatCompletions()
    body = {"model": "m", "citations": ["c"], "choices": [choice], "usage": usage}
    made = json.loads(reader.read_json(json.dumps(body).encode()))
    got = made["choices"][0]
    assert ("tool_calls", "one", "hmm") == (
        got["finish_reason"],
        got["message"]["content"],
        got["message"]["reasoning_content"],
    )
    assert ["weather", "clock"] == [c["function"]["name"] for c in got["message"]["tool_calls"]]
    assert '{"city": "Paris"}' == got["message"]["tool_calls"][0]["function"]["arguments"]
    assert 1 == got["message"]["tool_calls"][1]["x"]
    assert (13, ["c"]) == (made["usage"]["total_tokens"], made["citations"])
    assert reader.outcome.usage is not None
    assert ("tool_calls", 13, "m") == (
        reader.outcome.finish_reason,
        reader.outcome.usage.total_tokens,
        reader.outcome.model,
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"error": {"message": "quota used up"}}', "quota used up"),
        (b"<html>Login", "Login"),
        (b'{"choices": []}', "ended before it was complete"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": "gone"}]}', "'gone'"),
        (b"", "text/plain"),
    ],
)
def test_a_failed_answer_is_sold_as_one(body: bytes, says: str) -> None:
    """An answer that is not streamed and failed has the error, in the outcome and for the SDK."""
    reader = ChatCompletions()
    made = json.loads(reader.read_json(body))
    assert reader.outcome.error is not None
    assert says in reader.outcome.error.message
    assert says in made["error"]["message"]
