"""Readers under bodies that nobody thought of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.chat import COMPLETE
from tests.core.providers.wire.reading import READERS, Case, read
from tests.core.providers.wire.streams import (
    CALLS,
    candidates,
    chunk,
    lines,
    message_end,
    message_start,
    response_calls,
    response_end,
    response_words,
    text_block,
    tool_block,
    words,
)

STREAMS = {
    "chat": chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]})
    + words(),
    "responses": response_words() + response_calls() + response_end(),
    "messages": message_start() + text_block() + tool_block(1, *CALLS[0]) + message_end("tool_use"),
    "ollama": lines(),
    "gemini": candidates(),
}

FIELDS = """choices delta message content text tool_calls function name arguments index id usage
    error finish_reason reasoning reasoning_details type response item output status content_block
    stop_reason partial_json done done_reason candidates parts functionCall args finishReason
    usageMetadata prompt_tokens thought model detail x_groq"""
NAMES = st.sampled_from(FIELDS.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("error"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=6,
)


def _same(kind: str, body: bytes, cuts: set[int]) -> None:
    whole, cut = (
        read(kind, Case("", body)),
        read(kind, Case("", body), cuts & set(range(len(body)))),
    )
    assert (whole.text, whole.reasoning, whole.outcome) == (cut.text, cut.reasoning, cut.outcome)
    assert whole.outcome.finish_reason is not None
    assert (whole.outcome.finish_reason in COMPLETE) == (whole.outcome.error is None)
    assert whole.seen.isascii()


@pytest.mark.parametrize("kind", READERS)
@given(
    damage=st.binary(max_size=40),
    at=st.floats(0, 1),
    drop=st.integers(0, 60),
    cuts=st.sets(st.integers(0, 3000)),
)
def test_damage_makes_a_reader_stumble(
    kind: str, damage: bytes, at: float, drop: int, cuts: set[int]
) -> None:
    """A damaged stream comes to an outcome, and to the same one in any cuts."""
    body = STREAMS[kind]
    place = int(at * len(body))
    _same(kind, body[:place] + damage + body[place + drop :], cuts)


@pytest.mark.parametrize("kind", READERS)
@given(
    values=st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=3),
    cuts=st.sets(st.integers(0, 500)),
)
def test_an_odd_value_makes_a_reader_stumble(
    kind: str, values: list[dict[str, object]], cuts: set[int]
) -> None:
    """Known fields of any type come to an outcome, streamed or whole."""
    documents = [json.dumps(value).encode() for value in values]
    frame = b"%b\n" if kind == "ollama" else b"data: %b\n\n"
    _same(kind, b"".join(frame.replace(b"%b", document) for document in documents), cuts)
    for document in documents:
        reader = READERS[kind]()
        json.loads(reader.read_json(document))
        assert reader.outcome.finish_reason is not None


@pytest.mark.parametrize("kind", READERS)
@given(body=st.binary(max_size=300), cuts=st.sets(st.integers(0, 300)))
def test_rubbish_makes_a_reader_stumble(kind: str, body: bytes, cuts: set[int]) -> None:
    """Any bytes come to an outcome, which is not a complete answer."""
    _same(kind, body, cuts)
    assert read(kind, Case("", body)).outcome.finish_reason not in COMPLETE
