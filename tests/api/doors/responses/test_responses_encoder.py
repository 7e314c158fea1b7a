"""The frames of the Responses door, read back by parsers that are not ours."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent

from app.api.doors.responses.encoder import ResponsesEncoder
from app.api.doors.responses.resource import Request
from app.core.log.journal import RunRecord
from app.models.chat import Citation, ErrorInfo, StreamingChunk, ToolCall, Usage
from tests.api.doors.responses.oracles import Event, check_event, is_complete, text_of, thoughts_of
from tests.api.doors.streams import AWKWARD, TEXTS
from tests.core.parts import record

CALLS = st.builds(
    ToolCall,
    id=st.sampled_from(["a", "b", "c"]),
    name=TEXTS,
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    arguments=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2),
    result=st.none() | TEXTS,
    arguments_text=st.none() | TEXTS.filter(bool),
)
PARTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(False),
    model=st.sampled_from(["m", "fallback"]),
    reasoning=st.none() | TEXTS,
    tool=st.none() | CALLS,
    citations=st.none()
    | st.just([Citation("url", "https://a.example", "A"), Citation("document")]),
)
LASTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    final=st.none() | TEXTS,
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
) | st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    finish_reason=st.sampled_from(["error", "cancelled", "timeout_idle", "upstream_cut"]),
    error=st.builds(ErrorInfo, code=st.sampled_from(["context_too_long", "error"]), message=TEXTS),
)


def distinct(parts: list[StreamingChunk], last: StreamingChunk) -> list[StreamingChunk]:
    """A log in which each call has an id of its own, from its start to its result."""
    log: list[StreamingChunk] = []
    running: dict[str, str] = {}
    for number, chunk in enumerate(parts):
        if (call := chunk.tool) is not None:
            paused = call.status == "paused"
            name = f"{call.id}{number}" if paused else running.get(call.id, f"{call.id}{number}")
            if not paused:
                running[call.id] = name
            if call.status in ("completed", "failed"):
                del running[call.id]
            chunk = msgspec.structs.replace(chunk, tool=msgspec.structs.replace(call, id=name))
        log.append(chunk)
    return [*log, last]


LOGS = st.builds(distinct, st.lists(PARTS, max_size=6), LASTS)
REQUESTS = st.builds(Request, background=st.booleans(), hosted=st.booleans(), store=st.just(True))
RUN: RunRecord = record()
PLAIN = Request()


def encoded(log: list[StreamingChunk], request: Request, **options: Any) -> list[bytes]:
    encoder = ResponsesEncoder(RUN, request, **options)
    return [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]


def events_in(stream: bytes) -> list[Event]:
    """The events of a stream as OpenAI's own decoder reads them, without the end mark."""
    found = list(SSEDecoder().iter_bytes(iter([stream])))
    assert "[DONE]" == found.pop().data
    events = [json.loads(frame.data) for frame in found]
    assert [frame.event for frame in found] == [event["type"] for event in events]
    return events


def with_heartbeats(frames: list[bytes]) -> bytes:
    beat = ResponsesEncoder(RUN, PLAIN).heartbeat or b""
    return beat + b"".join(frame + beat for frame in frames)


@given(LOGS, REQUESTS)
@example([AWKWARD], PLAIN)
def test_each_log_is_a_valid_stream(log: list[StreamingChunk], request: Request) -> None:
    """Events are numbered without a gap, valid by both specifications, and have the log's text."""
    events = events_in(with_heartbeats(encoded(log, request)))
    is_complete(events)
    for event in events:
        check_event(event, hosted=request.hosted)
    assert text_of(events) == "".join(c.content for c in log)
    assert thoughts_of(events) == "".join(c.reasoning or "" for c in log)


@settings(max_examples=30)
@given(LOGS, REQUESTS)
def test_the_sdk_accumulates_what_the_end_has(log: list[StreamingChunk], request: Request) -> None:
    """OpenAI's client builds from the events the same output that the last event has."""
    events = events_in(b"".join(encoded(log, request)))
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(construct_type(type_=ResponseStreamEvent, value=event))  # type: ignore[arg-type]  # as the SDK does
    done = {e["output_index"]: e["item"] for e in events if e["type"].endswith("item.done")}
    last = events[-1]["response"]
    final = log[-1].final is not None
    if not final:
        assert [done[index] for index in sorted(done)] == last["output"]
    else:
        assert log[-1].final == Response.model_validate(last).output_text


@given(LOGS, REQUESTS, st.data())
def test_a_cut_stream_is_resumed_exactly(
    log: list[StreamingChunk], request: Request, data: st.DataObject
) -> None:
    """From each event on the same events come again, with the same numbers."""
    whole = events_in(b"".join(encoded(log, request)))
    after = data.draw(st.integers(-1, len(whole) - 1))
    rest = events_in(b"".join(encoded(log, request, after=after)))
    assert whole[after + 1 :] == rest


@given(LOGS, REQUESTS)
def test_a_held_stream_is_the_same(log: list[StreamingChunk], request: Request) -> None:
    """What is held back at first comes with the next chunk, and nothing is lost."""
    assert b"".join(encoded(log, request)) == b"".join(encoded(log, request, held=True))


def test_an_interrupted_end_comes_after_what_a_reader_has() -> None:
    """A reader that has more events than the journal kept still gets the end, as the next one."""
    begin = StreamingChunk("", done=False, model="m", run_id="r1")
    error = ErrorInfo("interrupted", "The server stopped.")
    end = StreamingChunk("", done=True, model="m", finish_reason="interrupted", error=error)
    events = events_in(b"".join(encoded([begin, end], PLAIN, after=40)))
    assert [41] == [event["sequence_number"] for event in events]
    assert "response.failed" == events[0]["type"]


ENDS = [
    ("stop", None, "response.completed", "completed", None, None),
    ("tool_calls", None, "response.completed", "completed", None, None),
    ("length", None, "response.incomplete", "incomplete", "max_output_tokens", None),
    ("content_filter", None, "response.incomplete", "incomplete", "content_filter", None),
    ("cancelled", "cancelled", "response.failed", "cancelled", None, "server_error"),
    ("disconnected", "disconnected", "response.failed", "cancelled", None, "server_error"),
    ("upstream_cut", "upstream_cut", "response.failed", "failed", None, "server_error"),
    ("timeout_idle", "timeout_idle", "response.failed", "failed", None, "server_error"),
    ("error", "model_rate_limited", "response.failed", "failed", None, "rate_limit_exceeded"),
    ("error", "context_too_long", "response.failed", "failed", None, "context_length_exceeded"),
    ("error", "input_refused", "response.failed", "failed", None, "invalid_prompt"),
]


@pytest.mark.parametrize(("reason", "code", "event", "status", "detail", "shown"), ENDS)
def test_how_a_run_ended_is_told(
    reason: Any, code: str | None, event: str, status: str, detail: str | None, shown: str | None
) -> None:
    """The last event, the status and the details say how the run ended, and no end looks whole."""
    error = ErrorInfo(code, "Sorry.") if code else None
    log = [
        StreamingChunk("Hi", done=False, model="m"),
        StreamingChunk("", done=True, model="m", finish_reason=reason, error=error),
    ]
    last = events_in(b"".join(encoded(log, PLAIN)))[-1]
    response = last["response"]
    assert (event, status) == (last["type"], response["status"])
    assert detail == (response["incomplete_details"] or {}).get("reason")
    assert shown == (response["error"] or {}).get("code")
    assert code == (response["error"] or {}).get("type")
    whole = "completed" if status == "completed" else "incomplete"
    assert [whole] == [item["status"] for item in response["output"]]


def test_final_text_replaces_what_was_streamed() -> None:
    """A text that a hook has changed is the text of the message, and of no message before it."""
    log = [
        StreamingChunk("Wait. ", done=False, model="m"),
        StreamingChunk("", done=False, model="m", tool=ToolCall("a", "f", "completed", {})),
        StreamingChunk("Secret", done=False, model="m"),
        StreamingChunk("", done=False, model="m", final="Hid"),
        StreamingChunk("", done=True, model="m", finish_reason="stop", final="den"),
    ]
    last = events_in(b"".join(encoded(log, PLAIN)))[-1]
    assert "Hidden" == Response.model_validate(last["response"]).output_text


def test_a_request_survives_its_storage() -> None:
    """What is stored of a request is read back as it was."""
    request = Request(instructions="Be brief.", metadata={"a": "b"}, input=[{"role": "user"}])
    assert request == msgspec.json.decode(msgspec.json.encode(request), type=Request)
