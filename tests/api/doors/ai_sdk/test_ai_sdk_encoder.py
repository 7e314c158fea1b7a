"""The chunks of the AI SDK door, read back by a page, whole and in pieces, live and as a replay."""

import json
from collections.abc import Iterable

import httpx
from httpx_sse import EventSource
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.doors.ai_sdk.answered import Answer, stored
from app.api.doors.ai_sdk.encoder import AiSdkEncoder, Earlier
from app.core.log.journal import RunRecord
from app.models.chat import (
    Citation,
    ErrorInfo,
    Media,
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
from tests.api.doors.ai_sdk.page import Page
from tests.api.doors.streams import AWKWARD, CUTS, TEXTS, pieces

NAMES = st.sampled_from(["a", "b", "\u2028", ""])
SERVERS = st.builds(
    ToolCall,
    id=NAMES,
    name=TEXTS,
    status=st.sampled_from(["started", "completed", "failed"]),
    arguments=st.none() | st.just({"\u2028": ["x"]}),
    result=st.none() | TEXTS,
)
CLIENTS = st.builds(
    ToolCall,
    id=st.sampled_from(["c1", "c2"]),
    name=TEXTS,
    status=st.just("paused"),
    arguments_text=TEXTS | st.just('{"a": "\u2028"}'),
    provider_data=st.none() | st.just({"call": {"signature": "\u2028"}}),
)
CALLS = SERVERS | CLIENTS
SPEAKERS = st.builds(Speaker, id=NAMES, name=TEXTS, kind=st.just("member"))
PARTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(False),
    model=st.just("m"),
    reasoning=st.none() | TEXTS,
    tool=st.none() | CALLS,
    speaker=st.none() | SPEAKERS,
    said=st.none() | st.builds(Said, content=TEXTS, tool=st.none() | CALLS),
    step=st.none()
    | st.builds(Step, id=NAMES, name=TEXTS, kind=st.just("step"), status=st.just("running")),
    event=st.none() | st.builds(NamedEvent, name=st.sampled_from(["step", "x", ""])),
    citations=st.none()
    | st.lists(st.builds(Citation, kind=st.just("url"), url=st.none() | NAMES, title=NAMES)),
    media=st.none()
    | st.lists(
        st.builds(Media, id=NAMES, kind=st.just("image"), mime_type=st.just("x/y"), url=NAMES)
    ),
    final=st.none() | TEXTS,
)
REQUIREMENTS = st.lists(
    st.builds(
        Requirement,
        id=st.sampled_from(["r1", "r2"]),
        kind=st.sampled_from(["approval", "input", "external", "feedback", "step_review"]),
        tool=st.none()
        | st.builds(RequiredTool, id=st.sampled_from(["t1", "t2", "c1"]), name=TEXTS),
        note=st.none() | TEXTS,
    ),
    max_size=2,
    unique_by=lambda item: item.tool.id if item.tool else item.id,
)
LASTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
) | st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    finish_reason=st.sampled_from(["error", "cancelled", "timeout_idle", "upstream_cut"]),
    error=st.builds(ErrorInfo, code=TEXTS, message=TEXTS),
)
PAUSES = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    finish_reason=st.just("paused"),
    requirements=REQUIREMENTS,
)
LOGS = st.builds(lambda parts, last: [*parts, last], st.lists(PARTS, max_size=6), LASTS | PAUSES)
PAUSED = st.builds(lambda parts, last: [*parts, last], st.lists(PARTS, max_size=4), PAUSES)
ANSWERS = st.lists(
    st.builds(
        Answer,
        call_id=st.sampled_from(["r1", "r2", "t1", "t2", "c1"]),
        approved=st.none() | st.booleans(),
        output=st.none() | TEXTS,
        error=st.none() | TEXTS,
    ),
    max_size=3,
)
FINISH = {"stop": "stop", "length": "length", "content_filter": "content-filter"}


def record(run_id: str = "r", request: str | None = None, origin: str | None = None) -> RunRecord:
    return RunRecord(run_id, "c", "p", "a", "m", created_at=7.5, request=request, origin=origin)


def encoded(encoder: AiSdkEncoder, log: list[StreamingChunk]) -> bytes:
    beat = encoder.heartbeat or b""
    frames = [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]
    return beat + b"".join(frame + beat for frame in frames)


def frames(stream: bytes, cuts: Iterable[int] = ()) -> list[str]:
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, content=pieces(stream, cuts)
    )
    return [event.data for event in EventSource(response).iter_sse()]


@settings(max_examples=40)
@given(LOGS, CUTS)
@example([AWKWARD], set())
def test_a_page_reads_what_the_log_says(log: list[StreamingChunk], cuts: set[int]) -> None:
    """Text and reasoning arrive whole, all that was open is closed, and the end is the log's."""
    page = Page().read(frames(encoded(AiSdkEncoder(record()), log), cuts))
    last = log[-1]
    assert "".join(chunk.content for chunk in log) == page.text
    assert "".join(chunk.reasoning or "" for chunk in log) == page.reasoning
    assert (True, "msg_r", "r") == (page.done, page.id, page.metadata["runId"])
    assert last.finish_reason == page.metadata["finishReason"]
    if last.error is None:
        expected = FINISH.get(last.finish_reason or "", "tool-calls")
        assert (expected, None, None) == (page.finish, page.error, page.aborted)
    elif last.finish_reason == "cancelled":
        assert (None, None, last.error.message) == (page.finish, page.error, page.aborted)
    else:
        assert (None, last.error.message, None) == (page.finish, page.error, page.aborted)
    if last.finish_reason not in ("paused", "tool_calls"):
        assert not [part for part in page.tools if part["state"].startswith("input-")]
    final = "".join(chunk.final or "" for chunk in log)
    assert ([final] if any(c.final is not None for c in log) else []) == page.data("final")


@settings(max_examples=40)
@given(PAUSED, ANSWERS, LOGS)
def test_a_replay_is_what_a_page_has_seen(
    first: list[StreamingChunk], answers: list[Answer], second: list[StreamingChunk]
) -> None:
    """A page that has read a pause and then its continuation has the message of the replay."""
    before, after = record("r"), record("s", stored("r", answers), origin="r")
    earlier = [Earlier(before, [(0.0, chunk) for chunk in first])]
    page = Page().read(frames(encoded(AiSdkEncoder(before), first)))
    page.done, page.finish = False, None
    for part in page.tools:  # the page has the answers, too
        if part.pop("approval", None):
            part["state"] = "input-available"
    page.read(frames(encoded(AiSdkEncoder(after, earlier), second)))
    replay = Page().read(frames(encoded(AiSdkEncoder(after, earlier, replay=True), second)))
    assert ("msg_r", "s") == (replay.id, replay.metadata["runId"])
    page.metadata = {k: v for k, v in page.metadata.items() if k in replay.metadata}
    assert replay.message == page.message
    assert (replay.error, replay.aborted, replay.finish) == (page.error, page.aborted, page.finish)


@settings(max_examples=40)
@given(LOGS)
def test_a_message_that_began_elsewhere_goes_on(log: list[StreamingChunk]) -> None:
    """Without the logs of the runs before there is no second start."""
    found = [
        json.loads(data) for data in frames(encoded(AiSdkEncoder(record(), joins=True), log))[:-1]
    ]
    assert "message-metadata" == found[0]["type"]
    assert "start" not in [chunk["type"] for chunk in found]
