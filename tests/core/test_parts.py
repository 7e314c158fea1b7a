"""Parts of an answer: folded alike by the server, by the client, and in pieces."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agno_stream import Parts
from app.core.agents.storage.shown import LIMIT, Shown, shown_in
from app.models.answer_parts import ContentPart, Part, has_more_than_text
from app.models.chat import (
    ChatResponse,
    Citation,
    Media,
    NamedEvent,
    Said,
    Speaker,
    Step,
    StreamingChunk,
    ToolCall,
)
from app.models.folding import fold
from app.models.parts_folding import PartsFolder

SPEAKERS = [Speaker("a", "A", "member", "r1"), Speaker("b", "B", "member", "r2", 2)]
NAMELESS = Speaker("s", "S", "step")


def chunk(content: str = "", *, done: bool = False, **fields: Any) -> StreamingChunk:
    return StreamingChunk(content, done, "m", **fields)


words = st.sampled_from(["one ", "two\n", "ü", "x" * 40])
tools = st.builds(
    ToolCall,
    id=st.sampled_from(["1", "2"]),
    name=st.just("t"),
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    result=st.none() | words,
)
steps = st.builds(
    Step,
    id=st.sampled_from(["1", "2"]),
    name=st.just("s"),
    kind=st.just("step"),
    status=st.sampled_from(["started", "running", "completed", "failed"]),
    iteration=st.none() | st.just(1),
)
saids = st.one_of(
    st.builds(Said, content=words),
    st.builds(Said, reasoning=words),
    st.builds(Said, tool=tools),
)
chunks = st.lists(
    st.one_of(
        st.builds(chunk, words),
        st.builds(chunk, words, reasoning=words),
        st.builds(chunk, tool=tools),
        st.builds(chunk, step=steps),
        st.builds(chunk, said=saids, speaker=st.sampled_from([*SPEAKERS, NAMELESS])),
        st.builds(chunk, event=st.just(NamedEvent("e", {"n": 1}))),
        st.builds(
            chunk, event=st.just(NamedEvent("e")), speaker=st.sampled_from([*SPEAKERS, NAMELESS])
        ),
        st.just(chunk(media=[Media("i", "image", "image/png", "/i")])),
        st.just(chunk(citations=[Citation("url", "https://a")])),
        st.builds(chunk, final=words),
    ),
    max_size=30,
)


def folded(given: list[StreamingChunk], before: list[Part] | None = None) -> list[Part]:
    folder = PartsFolder(before or [])
    for one in given:
        folder.add(one)
    return folder.parts()


@given(chunks)
def test_client_folds_otherwise(given: list[StreamingChunk]) -> None:
    """The client, which shares no code with the server, folds chunks into the same parts."""
    theirs = Parts()
    for one in given:
        theirs.add(json.loads(msgspec.json.encode(one)))
    assert json.loads(msgspec.json.encode(folded(given))) == theirs.folded() == theirs.folded()


@given(chunks)
def test_response_has_other_parts(given: list[StreamingChunk]) -> None:
    """An answer that is folded has the parts of its chunks, and its text is theirs."""
    answer = ChatResponse("", "m", "r", "c")
    fold(answer, given)
    parts = folded(given)
    assert answer.parts == (parts if has_more_than_text(parts) else [])
    assert answer.content == "".join(p.content for p in parts if isinstance(p, ContentPart))


@given(chunks)
def test_stored_parts_are_others(given: list[StreamingChunk]) -> None:
    """Parts that were stored, and read with the text of the answer, are those that were shown."""
    parts = folded(given)
    content = "".join(part.content for part in parts if isinstance(part, ContentPart))
    shown = Shown.of(parts, chunk(done=True, finish_reason="stop"), "m")
    read = shown_in(json.loads(json.dumps({"agno_stream": shown.value()})))
    assert [part for part in parts if part != ContentPart("")] == read.parts_with(content)


@given(chunks, words)
def test_changed_text_is_lost(given: list[StreamingChunk], more: str) -> None:
    """If the answer has another text now, all of it is shown once, and the other parts, too."""
    parts = folded(given)
    shown = Shown.of(parts, chunk(done=True), "m")
    content = "".join(part.content for part in parts if isinstance(part, ContentPart)) + more
    read = shown.parts_with(content)
    assert [content] == [part.content for part in read if isinstance(part, ContentPart)]
    others = [part for part in parts if not isinstance(part, ContentPart)]
    assert others == [part for part in read if not isinstance(part, ContentPart)]


BIG = "x" * 100_000

LARGE: dict[str, tuple[list[StreamingChunk], list[str]]] = {
    "results": (
        [chunk(tool=ToolCall(str(n), "t", "completed", {}, BIG)) for n in range(4)],
        ["tool"] * 4,
    ),
    "results of speakers": (
        [
            chunk(said=Said(tool=ToolCall(str(n), "t", "completed", {}, BIG)), speaker=SPEAKERS[0])
            for n in range(4)
        ],
        ["said"] * 4,
    ),
    "arguments": (
        [chunk(tool=ToolCall(str(n), "t", "completed", {"a": BIG})) for n in range(4)],
        ["tool"] * 4,
    ),
    "text of speakers": (
        [chunk(said=Said(content=BIG), speaker=Speaker(str(n), "A", "agent")) for n in range(4)],
        ["said"] * 2,
    ),
    "reasoning": (
        [chunk(reasoning=BIG) for _ in range(4)] + [chunk("Text")],
        ["content"],
    ),
    "events": ([chunk(event=NamedEvent("e", {"a": BIG})) for _ in range(4)], ["event"] * 2),
    "text": ([chunk(BIG) for _ in range(9)] + [chunk(step=Step("1", "s", "step", "started"))], []),
}


@pytest.mark.parametrize("name", LARGE)
def test_bound_of_a_turn(name: str) -> None:
    """What is stored of a turn is bounded; results of tools go first, and text of the answer is
    never cut."""
    given, kept = LARGE[name]
    parts = folded(given)
    content = "".join(part.content for part in parts if isinstance(part, ContentPart))
    shown = Shown.of(parts, chunk(done=True), "m")
    read = shown.parts_with(content)
    assert len(msgspec.json.encode(shown.value())) <= LIMIT + 200
    assert content == "".join(part.content for part in read if isinstance(part, ContentPart))
    if kept:
        assert shown.truncated
        assert kept == [part.__struct_config__.tag for part in read]
    else:
        assert parts == read
