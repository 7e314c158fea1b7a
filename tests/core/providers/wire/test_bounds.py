"""What a provider may send without end: it is bounded, and the outcome says so."""

import json

import pytest

from app.core.providers.wire.parts.framing import LARGEST
from app.core.providers.wire.parts.tool_calls import MOST_CALLS
from tests.core.providers.wire.reading import READERS, Case, read
from tests.core.providers.wire.streams import (
    block,
    candidate,
    chunk,
    data,
    event,
    line,
    message_start,
)

MANY = 3 * MOST_CALLS
CALL = {"name": "f", "arguments": {}}
TOO_MANY = f"more than {MOST_CALLS} tool calls"

BODIES = {
    "chat, in one event": (
        "chat",
        chunk({"tool_calls": [{"index": n, "id": f"{n}", "function": CALL} for n in range(MANY)]}),
        TOO_MANY,
    ),
    "chat, in many events": (
        "chat",
        b"".join(chunk({"tool_calls": [{"id": f"{n}", "function": CALL}]}) for n in range(MANY)),
        TOO_MANY,
    ),
    "responses": (
        "responses",
        b"".join(
            event("response.output_item.added", output_index=n, item={"type": "function_call"})
            for n in range(MANY)
        ),
        TOO_MANY,
    ),
    "messages": (
        "messages",
        message_start()
        + b"".join(block(n, {"type": "tool_use", "name": "f"}) for n in range(MANY)),
        TOO_MANY,
    ),
    "parts of a message": (
        "messages",
        b"".join(block(n, {"type": "text", "text": "x"}) for n in range(1500)),
        "more than 1024 parts",
    ),
    "ollama": ("ollama", line({"tool_calls": [{"function": CALL}] * MANY}, done=True), TOO_MANY),
    "gemini": ("gemini", candidate(*[{"functionCall": {"name": "f"}}] * MANY), TOO_MANY),
    "texts": ("gemini", candidate(*[{"text": "x"}] * 2000), "more than 1024 parts"),
    "signatures": ("gemini", candidate(*[{"fileData": {}}] * 2000), "more than 1024 parts"),
    "lines": ("ollama", b"{\n" * 20_000, "more than 10000 lines"),
    "values": ("chat", data({"choices": [], "x": [1] * 250_000}), "cannot be read"),
    "objects": ("chat", data({"choices": [], "x": [{}] * 30_000}), "cannot be read"),
    "nested": ("chat", b"data: {" + b'"x":{' * 100_000 + b"\n\n", "cannot be read"),
}


@pytest.mark.parametrize(("kind", "body", "says"), BODIES.values(), ids=BODIES)
def test_a_provider_sends_too_much(kind: str, body: bytes, says: str) -> None:
    """What is more than anybody needs fails the answer, and says what there was too much of."""
    outcome = read(kind, Case("", body)).outcome
    assert "error" == outcome.finish_reason
    assert outcome.error is not None
    assert says in outcome.error.message
    assert [] == outcome.calls


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("start", [b"data: ", b'{"a": "', b"<"])
def test_a_line_never_ends(kind: str, start: bytes) -> None:
    """A line without an end is given up at the bound."""
    reader = READERS[kind]()
    reader.feed(start)
    part = b"x" * 2**20
    fed = 0
    while not reader.complete and fed < 2 * LARGEST:
        reader.feed(part)
        fed += len(part)
    assert fed <= LARGEST + 2 * len(part)
    assert reader.outcome.error is not None


@pytest.mark.parametrize("data", [b"data: " + b"x" * 2**16, b"data"])
def test_an_event_never_ends(data: bytes) -> None:
    """Lines of data without a blank line behind them are given up at the bound."""
    reader = READERS["chat"]()
    part = (data + b"\n") * (2**20 // len(data))
    fed = 0
    while not reader.complete and fed < 2 * LARGEST:
        reader.feed(part)
        fed += len(part)
    assert reader.outcome.error is not None
    assert str(LARGEST) in reader.outcome.error.message


@pytest.mark.parametrize("index", [100_000, -1, 10**300, 1e300, "x" * 1000, [1], None, True])
def test_an_index_is_absurd(index: object) -> None:
    """The index of a call is a hint: whatever it is, there is one call."""
    call = {"index": index, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    got = read("chat", Case("", chunk({"tool_calls": [call]}) + chunk(end="tool_calls")))
    assert [("f", {})] == got.calls
    assert b'"index":0' in got.seen


@pytest.mark.parametrize("depth", [100, 400, 900, 2000])
@pytest.mark.parametrize("kind", READERS)
def test_a_value_is_nested(kind: str, depth: int) -> None:
    """Deep nesting anywhere is an answer or an error, never an exception."""
    deep = b"[" * depth + b"]" * depth
    shapes = (
        b'{"choices":[{"delta":{"content":%b}}]}',
        b'{"choices":[{"delta":{"x":%b,"tool_calls":[{"function":{"name":"f","arguments":%b}}]}}]}',
        b'{"error":%b}',
        b'{"type":"response.x","delta":%b}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"x","y":%b}}',
        b'{"message":{"content":%b,"images":%b},"done":true}',
        b'{"candidates":[{"content":{"parts":[{"x":%b},{"functionCall":{"args":%b}}]}}]}',
    )
    for shape in shapes:
        document = shape.replace(b"%b", deep)
        framed = document + b"\n" if kind == "ollama" else b"data: " + document + b"\n\n"
        assert read(kind, Case("", framed)).outcome.finish_reason is not None
        reader = READERS[kind]()
        json.loads(reader.read_json(document))
        assert reader.outcome.finish_reason is not None


def test_documents_wait_for_a_blank_line() -> None:
    """Documents without blank lines between them are read as they come, not at the end."""
    texts: list[str | None] = []
    reader = READERS["chat"](lambda text, _: texts.append(text))
    for _ in range(1000):
        reader.feed(chunk({"content": "x"}).removesuffix(b"\n"))
    assert len(texts) > 900
    reader.close()
    assert 1000 == len(texts)


def test_text_is_kept_without_end() -> None:
    """The SDK gets much text in pieces of a bounded size: none takes it long to read."""
    reader = READERS["chat"]()
    seen = [reader.feed(chunk({"content": "x" * 1000})) for _ in range(3000)]
    assert max(map(len, seen)) < 2**19
    assert 3_000_000 - 2**19 < sum(map(len, seen))


def test_details_are_kept_without_end() -> None:
    """Details of reasoning that do not belong together are kept up to a bound."""
    event = chunk({"reasoning_details": [{"type": "reasoning.text", "index": n} for n in range(9)]})
    got = read("chat", Case("", event * 3000 + chunk({"content": "x"}, "stop")))
    assert len(got.outcome.replay["reasoning_details"]) < 10_000
