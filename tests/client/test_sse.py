"""The decoder of server-sent events, against the standard and against another decoder."""

import json

import pytest
from httpx_sse._decoders import SSEDecoder as Oracle
from hypothesis import given
from hypothesis import strategies as st

from agno_stream.sse import Event, SSEDecoder

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\r\n\0")
LINES = st.sampled_from(["data: a", "data:b", "data:  c", "data", "data: ", ":", ": ping", ""]) | (
    st.builds(
        "data: {}".format,
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=9),
    )
    | st.sampled_from(["id: r:1", "id:r:2", "id: a\0b", "id", "event: x", "event", "retry: 5"])
    | st.sampled_from(
        ["unknown: 1", "data: é🙂\u2028\u0085", " data: no field of ours", "datax: 1"]
    )
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])
STREAMS = st.lists(st.tuples(LINES, ENDS), max_size=30)


def decoded(parts: list[bytes]) -> list[Event]:
    decoder = SSEDecoder()
    return [event for part in parts for event in decoder.feed(part)]


@given(STREAMS, st.data())
def test_chunk_boundaries(stream: list[tuple[str, str]], data: st.DataObject) -> None:
    """The events are the same wherever the bytes are cut, within characters and line ends too."""
    body = "".join(line + end for line, end in stream).encode()
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    bytewise = [body[at : at + 1] for at in range(len(body))]
    assert decoded([body]) == decoded(parts) == decoded(bytewise)


@given(st.lists(LINES, max_size=30), ENDS)
def test_agreement_with_httpx_sse(lines: list[str], end: str) -> None:
    """The events are those of httpx-sse, except where that differs from the standard."""
    body = "".join(line + end for line in lines).encode()
    expected = []
    oracle = Oracle()
    data_seen = False  # without any there is no event, though the other decoder has one
    for line in lines:
        event = oracle.decode(line)
        data_seen = data_seen or line.split(":")[0] == "data"
        if event is not None and data_seen:
            expected.append(Event(event.data, event.event or "message", event.id))
        if not line:
            data_seen = False
    assert expected == decoded([body])


@pytest.mark.parametrize(
    ("body", "events"),
    [
        # The examples of the HTML standard, section 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event("YHOO\n+2\n10", "message", "")]),
        (
            b": test\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
            [
                Event("first event", "message", "1"),
                Event("second event", "message", ""),
                Event(" third", "message", ""),
            ],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [Event("", "message", ""), Event("\n", "message", "")]),
        (b"data:test\n\ndata: test\n\n", [Event("test", "message", "")] * 2),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("a", "message", "")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a", "message", "")]),
        (b"event: x\n\ndata: a\n\n", [Event("a", "message", "")]),
        (b"event: x\ndata: a\n\n", [Event("a", "x", "")]),
        (b"data: \xff\n\n", [Event("\ufffd", "message", "")]),
        (b"data: a\r\r\ndata: b\r\n\r", [Event("a", "message", ""), Event("b", "message", "")]),
    ],
)
def test_examples_of_the_standard(body: bytes, events: list[Event]) -> None:
    """The examples of the standard decode in one piece and byte by byte."""
    assert events == decoded([body])
    assert events == decoded([body[at : at + 1] for at in range(len(body))])


def test_heartbeat_comments_are_ignored() -> None:
    """A comment between events, without a blank line behind it, changes nothing."""
    body = b'id: r:1\ndata: {"a":1}\n\n:\n:\nid: r:2\ndata: {"a":2}\n\n'
    assert [1, 2] == [json.loads(event.data)["a"] for event in decoded([body])]


@pytest.mark.parametrize("part", [b"data: " + b"x" * 99, b"data: x\n", b"x" * 30])
def test_event_above_the_size_limit(part: bytes) -> None:
    """An event without an end raises ValueError at the size limit."""
    decoder = SSEDecoder(longest=1000)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        any(decoder.feed(part) for _ in range(1000))
