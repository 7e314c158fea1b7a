"""The frames of the AG-UI door, read back by parsers that are not ours."""

import json
from typing import Any, NamedTuple

import msgspec
import pytest
from ag_ui.core import RunAgentInput
from httpx_sse._decoders import SSEDecoder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.doors.agui.cursor import Cursor
from app.api.doors.agui.encoder import AguiEncoder
from app.api.doors.agui.request import Request
from app.core.log.journal import RunRecord
from app.models.chat import (
    Citation,
    ErrorInfo,
    NamedEvent,
    Requirement,
    Said,
    Speaker,
    Step,
    StreamingChunk,
    ToolCall,
    Usage,
)
from app.models.requirements import RequiredTool
from tests.api.doors.agui.oracles import (
    Event,
    check,
    messages_of,
    of_type,
    outcome_of,
    text_of,
    thoughts_of,
)
from tests.api.doors.streams import AWKWARD, TEXTS
from tests.core.parts import record

WORDS = TEXTS.filter(bool)
CALLS = st.builds(
    ToolCall,
    id=st.sampled_from(["a", "b", ""]),
    name=TEXTS,
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    arguments=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2),
    result=st.none() | TEXTS,
    arguments_text=st.none() | TEXTS,
    provider_data=st.none() | st.just({"call": {"signature": "\u2028"}}),
)
SPEAKERS = st.builds(
    Speaker,
    id=st.sampled_from(["m", "s1"]),
    name=st.sampled_from(["Member", "first"]),
    kind=st.sampled_from(["member", "step", "agent"]),
    run_id=st.sampled_from(["r1", "r2", None]),
    depth=st.integers(1, 2),
)
STEPS = st.builds(
    Step,
    id=st.sampled_from(["s1", "s2"]),
    name=st.sampled_from(["first", "last"]),
    kind=st.sampled_from(["step", "loop", "iteration"]),
    status=st.sampled_from(["started", "running", "completed", "failed", "paused"]),
    iteration=st.none() | st.integers(1, 2),
    message=st.none() | TEXTS,
)
EVENTS = st.builds(
    NamedEvent,
    name=st.sampled_from(["Own", "RunError", "RunPaused", "RunCancelled"]),
    data=st.dictionaries(TEXTS, TEXTS, max_size=1),
)
PARTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(False),
    model=st.sampled_from(["m", "fallback"]),
    reasoning=st.none() | TEXTS,
    tool=st.none() | CALLS,
    step=st.none() | STEPS,
) | st.builds(
    StreamingChunk,
    content=st.just(""),
    done=st.just(False),
    model=st.just("m"),
    speaker=SPEAKERS,
    said=st.none() | st.builds(Said, st.none() | TEXTS, st.none() | TEXTS, st.none() | CALLS),
    event=st.none() | EVENTS,
)
LASTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    final=st.none() | TEXTS,
    output=st.none() | st.just({"city": "\u2028"}),
    session_state=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=1),
    followups=st.none() | st.just(["And?"]),
    citations=st.none() | st.just([Citation("url", "https://a.example", "A")]),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
    stored=st.sampled_from([None, False]),
) | st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    finish_reason=st.sampled_from(["error", "cancelled", "disconnected", "upstream_cut"]),
    error=st.builds(ErrorInfo, code=st.sampled_from(["context_too_long", "error"]), message=TEXTS),
)
NEEDED = st.builds(
    Requirement,
    id=st.sampled_from(["q1", "q2"]),
    kind=st.sampled_from(["approval", "input", "external", "step_review", "choice"]),
    tool=st.none() | st.builds(RequiredTool, st.sampled_from(["a", "z"]), st.just("refund")),
    member=st.sampled_from([None, "Member"]),
)
PAUSES = st.lists(NEEDED, min_size=1, max_size=2, unique_by=lambda need: need.id).map(
    lambda needed: StreamingChunk("", True, "m", finish_reason="paused", requirements=needed)
)
FIRST = StreamingChunk("", False, "m", run_id="r", conversation_id="c")
LOGS = st.builds(
    lambda parts, last: [FIRST, *parts, last], st.lists(PARTS, max_size=8), LASTS | PAUSES
)
RUN: RunRecord = record()
QUESTION: Event = {"id": "u1", "role": "user", "content": "Hello?"}
PLAIN = Request(thread_id="t", run_id="r")
WHOLE = Request(thread_id="t", run_id="r", messages=[QUESTION])
OLDER = Request(thread_id="t", run_id="r", declared=False)
REQUESTS = st.sampled_from([PLAIN, WHOLE, OLDER])


def encoded(log: list[StreamingChunk], request: Request = PLAIN, **options: Any) -> list[bytes]:
    encoder = AguiEncoder(RUN, request, **options)
    return [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]


class Frame(NamedTuple):
    id: str
    data: str


def frames_in(stream: bytes) -> list[Frame]:
    """The frames of a stream, as the HTML standard has them read."""
    decoder, found = SSEDecoder(), []
    for line in stream.decode().split("\n")[:-1]:
        event = decoder.decode(line)
        if event is not None:
            found.append(Frame(event.id, event.data))
    return found


def events_in(stream: bytes) -> list[Event]:
    return [json.loads(frame.data) for frame in frames_in(stream)]


def with_heartbeats(frames: list[bytes]) -> bytes:
    beat = AguiEncoder(RUN, PLAIN).heartbeat or b""
    return beat + b"".join(frame + beat for frame in frames)


@settings(max_examples=60)  # the oracles are slow
@given(LOGS, REQUESTS)
@example([FIRST, AWKWARD], PLAIN)
def test_each_log_is_a_valid_stream(log: list[StreamingChunk], request: Request) -> None:
    """Events are AG-UI's, in its order, numbered without a gap, and have the log's text."""
    frames = frames_in(with_heartbeats(encoded(log, request)))
    assert [f"{RUN.run_id}:{n}" for n in range(1, len(frames) + 1)] == [f.id for f in frames]
    events = [json.loads(frame.data) for frame in frames]
    check(events)
    assert text_of(events) == "".join(chunk.content for chunk in log)
    assert thoughts_of(events) == "".join(chunk.reasoning or "" for chunk in log)


@settings(max_examples=40)
@given(LOGS, st.data())
def test_a_cut_stream_is_resumed_exactly(log: list[StreamingChunk], data: st.DataObject) -> None:
    """Behind each event the same events come again, with the same ids, also without the entries
    that a reader does not want."""
    whole = b"".join(encoded(log, WHOLE))
    frames = frames_in(whole)
    after = data.draw(st.integers(0, len(frames)))
    rest = frames_in(b"".join(encoded(log, WHOLE, cursor=Cursor(after))))
    assert frames[after:] == rest
    entries = data.draw(st.integers(0, len(log)))
    parts = encoded(log, WHOLE)
    assert parts[entries:] == encoded(log, WHOLE, cursor=Cursor(entries=entries))[entries:]
    assert b"" == b"".join(encoded(log, WHOLE, cursor=Cursor(entries=entries))[:entries])


@settings(max_examples=20)
@given(LOGS)
def test_a_client_can_send_its_messages_back(log: list[StreamingChunk]) -> None:
    """What a client has of a run is a valid history of the protocol."""
    messages = [QUESTION, *messages_of(events_in(b"".join(encoded(log))))]
    for message in messages:
        message.setdefault("content", "")
    RunAgentInput.model_validate({"threadId": "t", "runId": "r2", "messages": messages})


ENDED = StreamingChunk(
    "",
    True,
    "m",
    finish_reason="interrupted",
    error=ErrorInfo("interrupted", "The server stopped."),
)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 57])
def test_the_end_of_a_run_whose_process_died_reaches_everybody(after: int) -> None:
    """Its number has a 0 before it and is behind what the reader has; who has it gets no more."""
    log = [FIRST, StreamingChunk("Hello", False, "m"), ENDED]
    last = frames_in(b"".join(encoded(log, cursor=Cursor(after))))[-1]
    number = max(after, 3) + 1
    assert f"{RUN.run_id}:0{number}" == last.id
    assert "interrupted" == json.loads(last.data)["code"]
    assert b"" == b"".join(encoded(log, cursor=Cursor(number, saw_end=True)))


@pytest.mark.parametrize("after", [0, 57])
def test_a_log_without_its_beginning_is_an_error(after: int) -> None:
    """A stream may begin with `RUN_ERROR`, which also a reader that resumes gets."""
    gap = StreamingChunk("", True, "m", finish_reason="error", error=ErrorInfo("gap", "Gone."))
    [event] = events_in(encoded([gap], cursor=Cursor(after))[0])
    assert ("RUN_ERROR", "gap") == (event["type"], event["code"])


def test_calls_with_one_id_stay_apart() -> None:
    """Providers repeat the ids of calls, and members have their own: each call has its result."""
    call = ToolCall("a", "shout", "completed", {"n": 1}, "one")
    speaker = Speaker("m", "Member", "member", "r1")
    log = [
        FIRST,
        StreamingChunk("", False, "m", tool=call),
        StreamingChunk("", False, "m", speaker=speaker, said=Said(tool=call)),
        StreamingChunk("", False, "m", tool=msgspec.structs.replace(call, result="two")),
        StreamingChunk("", True, "m", finish_reason="stop"),
    ]
    events = events_in(b"".join(encoded(log)))
    check(events)
    begun = of_type(events, "TOOL_CALL_START")
    results = of_type(events, "TOOL_CALL_RESULT")
    assert ["one", "one", "two"] == [event["content"] for event in results]
    names = [event["toolCallId"] for event in begun]
    assert [event["toolCallId"] for event in results] == names
    assert ("a", 3) == (names[0], len(set(names)))


@pytest.mark.parametrize("request_", [PLAIN, WHOLE], ids=["without", "with"])
def test_a_text_that_was_changed_replaces_the_streamed_one(request_: Request) -> None:
    """All messages are sent anew, with the new text; if those of the client are too large to store,
    the text is in a custom event."""
    call = ToolCall("a", "shout", "completed", {"n": 1}, "one")
    log = [
        FIRST,
        StreamingChunk("A secret. ", False, "m", "hm", tool=call),
        StreamingChunk("More of it.", False, "m"),
        StreamingChunk("", False, "m", final="It is "),
        StreamingChunk("", True, "m", final="hidden.", finish_reason="stop"),
    ]
    events = events_in(b"".join(encoded(log, request_)))
    check(events)
    if request_.messages is None:
        [custom] = of_type(events, "CUSTOM")
        assert ("agno-stream.final", {"content": "It is hidden."}) == (
            custom["name"],
            custom["value"],
        )
        return
    messages = messages_of(events)
    assert QUESTION == messages[0]
    texts = [m.get("content") for m in messages if m["role"] == "assistant"]
    assert [None, "It is hidden."] == texts
    assert ["user", "reasoning", "assistant", "tool", "assistant"] == [m["role"] for m in messages]
    assert "secret" not in json.dumps(messages)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("cancelled", "cancelled"), ("disconnected", "cancelled"), ("length", "success")],
)
def test_the_outcome_of_a_run_that_did_not_fail(reason: Any, outcome: str) -> None:
    """A run that somebody stopped is cancelled; one that reached a limit says so beside it."""
    error = ErrorInfo(reason, "Stopped.") if outcome == "cancelled" else None
    speaker = Speaker("m", "Member", "member", "r1")
    log = [
        FIRST,
        StreamingChunk("Hel", False, "m", speaker=speaker, said=Said("Hm")),
        StreamingChunk("", True, "m", finish_reason=reason, error=error),
    ]
    events = events_in(b"".join(encoded(log)))
    check(events)
    assert outcome == outcome_of(events)["type"]
    older = events_in(b"".join(encoded(log, OLDER)))
    assert ("RUN_ERROR" if error else "RUN_FINISHED") == older[-1]["type"]
    assert reason == older[-1].get("code", "length")
    found = events[-1].get("metadata", {}).get("agno-stream", {}).get("finish_reason")
    assert found == (None if error else reason)
