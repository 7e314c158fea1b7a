"""The native encoders, read back by parsers that are not ours; content negotiation; event ids."""

import json
from collections.abc import Iterable

import httpx
import msgspec
import pytest
from httpx_sse import EventSource, ServerSentEvent
from httpx_sse._decoders import SSEDecoder
from hypothesis import example, given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder as OpenAIDecoder

from app.api.doors.native.encoder import (
    ENCODERS,
    NdjsonEncoder,
    SseEncoder,
    TextEncoder,
    encoder_for,
    negotiate,
)
from app.api.doors.native.event_ids import parse_event_id, saw_end
from app.core.errors import BadEventId
from app.core.run_failures import Interrupted
from app.models.chat import ErrorInfo, StreamingChunk, ToolCall, Usage
from tests.api.doors.streams import NASTY, TEXTS, pieces

RUN = "3f2a"
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"

#: What has broken streams before: line ends of all kinds, and text that looks like a stream.
CHUNKS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.booleans(),
    model=TEXTS,
    reasoning=st.none() | TEXTS,
    tool=st.none()
    | st.builds(
        ToolCall,
        id=TEXTS,
        name=TEXTS,
        status=st.sampled_from(["started", "completed", "failed", "paused"]),
        arguments=st.none() | st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=2),
        result=st.none() | TEXTS,
    ),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    finish_reason=st.none() | st.sampled_from(["stop", "length", "error"]),
    error=st.none() | st.builds(ErrorInfo, code=TEXTS, message=TEXTS),
    run_id=st.none() | TEXTS,
    conversation_id=st.none() | TEXTS,
    agent=st.none() | TEXTS,
)
LOGS = st.lists(CHUNKS, min_size=1, max_size=6)
BEATS = st.lists(st.integers(0, 2), min_size=7, max_size=7)
CUTS = st.sets(st.integers(0, 2000), max_size=30)

AWKWARD = StreamingChunk(content="".join(NASTY), done=False, model="m\n\u2028")


def frames(encoder: SseEncoder | NdjsonEncoder, log: list[StreamingChunk]) -> list[bytes]:
    return [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]


def with_heartbeats(
    encoder: SseEncoder | NdjsonEncoder, log: list[StreamingChunk], beats: list[int]
) -> bytes:
    """The stream of a log with that many heartbeats before each frame, and behind the last."""
    beat = encoder.heartbeat or b""
    quiet = [beat * count for count in beats]
    pieces = zip(quiet, [*frames(encoder, log), b""], strict=False)
    return b"".join(before + frame for before, frame in pieces) + quiet[-1]


def response(stream: Iterable[bytes]) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": SSE}, content=stream)


def expected(log: list[StreamingChunk]) -> list[tuple[str, str, StreamingChunk]]:
    return [("message", f"{RUN}:{number}", chunk) for number, chunk in enumerate(log, start=1)]


def decoded(events: Iterable[ServerSentEvent]) -> list[tuple[str, str, StreamingChunk]]:
    return [(event.event, event.id, chunk_of(event.data)) for event in events]


def chunk_of(data: str | bytes) -> StreamingChunk:
    """A chunk as the standard library reads it, so that msgspec is not its own judge."""
    return msgspec.convert(json.loads(data), StreamingChunk)


@given(LOGS, BEATS, CUTS)
@example([AWKWARD], [1] * 7, set(range(2000)))
def test_sse_through_an_event_source(
    log: list[StreamingChunk], beats: list[int], cuts: set[int]
) -> None:
    """Any chunks, with heartbeats between them and cut anywhere on the way, come out equal."""
    stream = with_heartbeats(SseEncoder(RUN, "m"), log, beats)
    events = EventSource(response(pieces(stream, cuts))).iter_sse()
    assert expected(log) == decoded(events)


@given(LOGS, BEATS, CUTS)
@example([AWKWARD], [1] * 7, set())
def test_sse_through_the_lines_of_httpx(
    log: list[StreamingChunk], beats: list[int], cuts: set[int]
) -> None:
    """A client that reads `iter_lines()` of httpx, which splits at more than SSE does, receives
    the same."""
    stream = with_heartbeats(SseEncoder(RUN, "m"), log, beats)
    decoder = SSEDecoder()
    lines = response(pieces(stream, cuts)).iter_lines()
    events = [event for line in lines if (event := decoder.decode(line)) is not None]
    assert expected(log) == decoded(events)


@given(LOGS, BEATS, CUTS)
@example([AWKWARD], [1] * 7, set())
def test_sse_through_the_openai_sdk(
    log: list[StreamingChunk], beats: list[int], cuts: set[int]
) -> None:
    """The decoder of the OpenAI SDK takes no heartbeat for an event, even behind an id."""
    stream = with_heartbeats(SseEncoder(RUN, "m"), log, beats)
    events = list(OpenAIDecoder().iter_bytes(pieces(stream, cuts)))
    assert [(None, id, chunk) for _, id, chunk in expected(log)] == [
        (event.event, event.id, chunk_of(event.data)) for event in events
    ]


@given(CHUNKS, st.integers(1, 10**15 - 1))
@example(AWKWARD, 1)
def test_sse_frames(chunk: StreamingChunk, number: int) -> None:
    """A frame is an id line, a data line and a blank one, whatever the chunk holds."""
    frame = SseEncoder(RUN, "m").encode(number, chunk)
    head, data, *ends = frame.split(b"\n")
    assert b"id: 3f2a:%d" % number == head
    assert b"data: {" == data[:7]
    assert [b"", b""] == ends
    assert 3 == len(frame.decode().splitlines())


def test_sse_of_the_simplest_chunk() -> None:
    """The simplest chunk is the three fields, and nothing else."""
    chunk = StreamingChunk(content="Hel", done=False, model="gpt-4o-mini")
    frame = SseEncoder(RUN, "m").encode(2, chunk)
    assert b'id: 3f2a:2\ndata: {"content":"Hel","done":false,"model":"gpt-4o-mini"}\n\n' == frame


def test_sse_byte_by_byte() -> None:
    """Each frame, fed one byte at a time, gives its event at its last byte and not before."""
    log = [AWKWARD, StreamingChunk(content="🙂", done=True, model="m", finish_reason="stop")]
    for number, frame in enumerate(frames(SseEncoder(RUN, "m"), log), start=1):
        whole = EventSource(response(pieces(frame, range(len(frame))))).iter_sse()
        short = EventSource(response(pieces(frame[:-1], range(len(frame))))).iter_sse()
        assert [(f"{RUN}:{number}", log[number - 1])] == [
            (event.id, chunk_of(event.data)) for event in whole
        ]
        assert [] == list(short)


@given(LOGS, BEATS)
@example([AWKWARD], [1] * 7)
def test_ndjson_lines_are_chunks(log: list[StreamingChunk], beats: list[int]) -> None:
    """Every line is a chunk, however lines are split; heartbeats are chunks that say nothing."""
    encoder = NdjsonEncoder(RUN, "m")
    stream = with_heartbeats(encoder, log, beats)
    silence = StreamingChunk(content="", done=False, model="m")
    by_bytes = [chunk_of(line) for line in stream.split(b"\n")[:-1]]
    by_text = [chunk_of(line) for line in stream.decode().splitlines()]
    assert by_bytes == by_text
    assert [c for c in log if c != silence] == [c for c in by_bytes if c != silence]
    assert log == [chunk_of(frame) for frame in frames(encoder, log)]
    assert stream.endswith(b"\n")


@given(LOGS)
def test_plain_text_is_the_content(log: list[StreamingChunk]) -> None:
    """Plain text is the contents and nothing else, and there is no sign of life in it."""
    encoder = TextEncoder(RUN, "m")
    stream = b"".join(encoder.encode(n, chunk) for n, chunk in enumerate(log, start=1))
    assert "".join(chunk.content for chunk in log) == stream.decode()
    assert encoder.heartbeat is None


@pytest.mark.parametrize("media_type", sorted(ENCODERS))
def test_encoders_name_what_they_write(media_type: str) -> None:
    """Each media type has an encoder, whose own media type a client of it understands."""
    written = encoder_for(media_type, RUN, "m").media_type.partition(";")[0]
    assert ENCODERS[written] is ENCODERS[media_type]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, SSE),
        ("", SSE),
        ("*/*", SSE),
        ("text/*", SSE),
        ("application/json", SSE),  # what the SDKs send even when they stream
        ("text/html,application/xhtml+xml,*/*;q=0.8", SSE),
        (SSE, SSE),
        (NDJSON, NDJSON),
        ("application/jsonl", "application/jsonl"),
        ("application/ndjson", "application/ndjson"),
        (TEXT, TEXT),
        ("TEXT/Plain", TEXT),
        ("text/plain; charset=utf-8", TEXT),
        ("text/plain;q=0.5, application/x-ndjson;q=0.9", NDJSON),
        ("text/plain ; Q=0.5 , application/x-ndjson ; Q=0.9", NDJSON),
        ("text/plain;q=0.9;charset=utf-8,text/event-stream;q=0.5", TEXT),
        ("text/plain, application/x-ndjson", TEXT),  # alike: the first
        ("application/x-ndjson;q=0.001", NDJSON),
        ("text/plain;q=0", SSE),
        ("text/plain;q=0.0, application/x-ndjson;q=0.1", NDJSON),
        ("text/plain;q=rubbish", SSE),
        ("text/plain;q=", SSE),
        ("text/plain;q=nan", SSE),
        ("text/plain;q=-1", SSE),
        (",,;;q=1,/,text", SSE),
        ("text/plain;;;", TEXT),
        ("a" * 10_000, SSE),
    ],
)
def test_negotiate(accept: str | None, chosen: str) -> None:
    """The client gets what it wants most of what we speak, else the default; never an error."""
    assert chosen == negotiate(accept, SSE)


@given(st.text(), st.sampled_from(sorted(ENCODERS)))
def test_negotiate_any_header(accept: str, default: str) -> None:
    """Whatever the header says, the answer is a type that has an encoder."""
    assert negotiate(accept, default) in ENCODERS


@pytest.mark.parametrize(
    ("value", "run_id", "place"),
    [
        ("3f2a:7", None, ("3f2a", 7)),
        ("3f2a:7", "3f2a", ("3f2a", 7)),
        (" 3f2a:7\n", None, ("3f2a", 7)),
        ("3f2a:0", None, ("3f2a", 0)),
        ("3f2a:007", None, ("3f2a", 7)),
        ("7", "3f2a", ("3f2a", 7)),
        ("0", "3f2a", ("3f2a", 0)),
        ("a:b:7", None, ("a:b", 7)),
        ("3f2a:999999999999999", None, ("3f2a", 10**15 - 1)),
    ],
)
def test_event_ids(value: str, run_id: str | None, place: tuple[str, int]) -> None:
    """An event id names a run and a number; the number alone will do where the run is known."""
    assert place == parse_event_id(value, run_id)


@pytest.mark.parametrize(
    ("value", "run_id"),
    [
        ("", None),
        ("", "3f2a"),
        ("7", None),
        ("3f2a", None),
        ("3f2a", "3f2a"),
        ("3f2a:", None),
        ("3f2a:", "3f2a"),
        (":7", None),
        (":7", "3f2a"),
        ("3f2a:-1", None),
        ("3f2a:+1", None),
        ("3f2a:1.0", None),
        ("3f2a:1e3", None),
        ("3f2a:1_0", None),
        ("3f2a: 7", None),
        ("3f2a:\u0667", None),  # a digit, but not of ours
        ("3f2a:\xb2", None),
        ("3f2a:1000000000000000", None),
        ("3f2a:" + "9" * 10_000, None),
        ("other:7", "3f2a"),
        ("-1", "3f2a"),
    ],
)
def test_malformed_event_ids_are_refused(value: str, run_id: str | None) -> None:
    """All else is refused in a short sentence, and never taken for some number."""
    with pytest.raises(BadEventId) as refused:
        parse_event_id(value, run_id)
    assert len(refused.value.message) < 200


@given(st.text("abcdef0123456789:", min_size=1, max_size=32), st.integers(1, 10**15 - 1))
def test_event_ids_round_trip(run_id: str, number: int) -> None:
    """The id that an event was sent with is read back as its run and number."""
    frame = SseEncoder(run_id, "m").encode(number, AWKWARD)
    (event,) = EventSource(response([frame])).iter_sse()
    assert (run_id, number) == parse_event_id(event.id)
    assert (run_id, number) == parse_event_id(event.id, run_id)


def test_the_id_of_an_interrupted_end() -> None:
    """It tells that its reader has seen the end: the number is the same, behind a 0."""
    end = Interrupted("The server stopped.").last_chunk("m")
    (event,) = EventSource(response([SseEncoder("3f2a", "m").encode(7, end)])).iter_sse()
    assert "3f2a:07" == event.id
    assert ("3f2a", 7) == parse_event_id(event.id)
    assert saw_end(event.id)
    assert [] == [
        value for value in ("3f2a:7", "7", "3f2a:70", "3f2a:0", "0", "") if saw_end(value)
    ]


@given(st.text(), st.none() | st.just("3f2a"))
def test_event_ids_of_any_kind(value: str, run_id: str | None) -> None:
    """Any text is either an event id or refused."""
    try:
        head, number = parse_event_id(value, run_id)
    except BadEventId:
        return
    assert head == run_id or run_id is None
    assert number >= 0
