"""Server-sent events and lines of JSON, out of bytes."""

import httpx
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from app.core.providers.wire.parts.framing import Events, JsonLines
from tests.core.providers.wire.reading import pieces

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data: ",
        "data:  c",
        ": ping",
        "event: x",
        "event:y",
        "id: 1",
        "",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def _unexpected() -> None:
    raise AssertionError("nothing here is too long")


def _events(body: bytes, cuts: set[int]) -> list[tuple[bytes, bytes | None]]:
    found: list[tuple[bytes, bytes | None]] = []
    events = Events(lambda data, name: found.append((data, name)), _unexpected)
    for piece in pieces(body, cuts & set(range(len(body)))):
        events.feed(piece)
    return found


@given(st.lists(st.tuples(LINES, ENDS)), st.sets(st.integers(0, 100)))
def test_events_differ_from_those_of_another_reader(
    lines: list[tuple[str, str]], cuts: set[int]
) -> None:
    """Events are those that another reader finds, wherever lines end and reads are cut."""
    body = "".join(line + end for line, end in lines).encode()
    head = {"content-type": "text/event-stream"}
    read = EventSource(httpx.Response(200, headers=head, content=body)).iter_sse()
    expected = [(event.data, event.event) for event in read if event.data]
    found = [(data.decode(), name or b"message") for data, name in _events(body, cuts) if data]
    assert expected == [(data, name.decode()) for data, name in found]


@given(st.lists(st.text(max_size=5)), st.sets(st.integers(0, 60)))
def test_a_line_is_lost(texts: list[str], cuts: set[int]) -> None:
    """Lines end at LF alone, and those that are blank are passed over."""
    found: list[bytes] = []
    lines = JsonLines(lambda data, _: found.append(data), _unexpected)
    body = "\n".join(texts).encode()
    for piece in pieces(body, cuts & set(range(len(body)))):
        lines.feed(piece)
    lines.close()
    assert [line for line in body.split(b"\n") if line and not line.isspace()] == found
