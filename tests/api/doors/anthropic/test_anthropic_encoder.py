"""The events of the Anthropic door, read back by the SDK's decoder and by one of the standard."""

import json
from typing import Any

import httpx
from anthropic._streaming import SSEDecoder
from anthropic.types import RawMessageStreamEvent
from httpx_sse import EventSource
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.api.doors.anthropic.encoder import AnthropicEncoder
from app.core.log.journal import RunRecord
from app.models.chat import ErrorInfo, StreamingChunk, ToolCall, Usage
from tests.api.doors.streams import AWKWARD, CUTS, TEXTS, pieces

CALLS = st.builds(
    ToolCall,
    id=TEXTS,
    name=TEXTS,
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    arguments_text=st.none() | TEXTS | st.just('{"a": "\u2028"}'),
    provider_data=st.none() | st.just({"call": {"signature": "\u2028"}}),
)
PARTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(False),
    model=st.just("m"),
    reasoning=st.none() | TEXTS,
    tool=st.none() | CALLS,
)
LASTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls", "paused"]),
) | st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),
    finish_reason=st.sampled_from(["error", "cancelled", "timeout_idle", "upstream_cut"]),
    error=st.builds(ErrorInfo, code=TEXTS, message=TEXTS),
)
LOGS = st.builds(lambda parts, last: [*parts, last], st.lists(PARTS, max_size=6), LASTS)
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def encoded(log: list[StreamingChunk], name: str) -> bytes:
    record = RunRecord("r", "c", "p", "a", "m", created_at=7.5)
    encoder = AnthropicEncoder(record, name)
    beat = encoder.heartbeat or b""
    frames = [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]
    return beat + b"".join(frame + beat for frame in frames)


def check(log: list[StreamingChunk], name: str, found: list[tuple[str | None, str]]) -> None:
    """The events are Anthropic's, in its order, and tell what the log does."""
    events: list[dict[str, Any]] = [json.loads(data) for _, data in found]
    assert [kind for kind, _ in found] == [event["type"] for event in events]
    events = [event for event in events if event["type"] != "ping"]
    last = log[-1]
    if last.error is not None:
        assert last.error.message == events.pop()["error"]["message"]
    for event in events:
        EVENT.validate_json(json.dumps(event), strict=True)
    blocks = read_blocks(events)
    text = "".join(chunk.content for chunk in log)
    assert text == "".join(value for kind, value in blocks if kind == "text")
    thought = "".join(chunk.reasoning or "" for chunk in log)
    assert thought == "".join(value for kind, value in blocks if kind == "thinking")
    tools = [chunk.tool for chunk in log if chunk.tool and chunk.tool.status == "paused"]
    wanted = [tool for tool in tools if tool.arguments_text is not None]
    calls = [json.loads(value) for kind, value in blocks if kind == "tool_use"]
    assert len(wanted) == len(calls)
    assert all(isinstance(call, dict) for call in calls)
    if last.error is None:
        assert name == events[0]["message"]["model"]
        usual = {"length": "max_tokens", "content_filter": "refusal"}
        reason = usual.get(last.finish_reason or "", "end_turn")
        assert ("tool_use" if wanted else reason) == events[-2]["delta"]["stop_reason"]
        assert "message_stop" == events[-1]["type"]


def read_blocks(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The type and the text of each block; each is closed before the next begins, unless the
    stream has failed."""
    blocks: list[tuple[str, str]] = []
    is_open = False
    for number, event in enumerate(events):
        assert ("message_start" == event["type"]) is (number == 0)
        if event["type"] == "content_block_start":
            assert not is_open
            assert len(blocks) == event["index"]
            is_open = True
            blocks.append((event["content_block"]["type"], ""))
        elif event["type"] == "content_block_delta":
            assert is_open
            kind, text = blocks[event["index"]]
            delta = event["delta"]
            more = [delta.get(key, "") for key in ("text", "thinking", "partial_json")]
            blocks[-1] = (kind, text + "".join(more))
        elif event["type"] == "content_block_stop":
            assert (is_open, len(blocks) - 1) == (True, event["index"])
            is_open = False
        elif event["type"] == "message_delta":
            assert not is_open
    return blocks


@given(LOGS, TEXTS, CUTS)
@example([AWKWARD], "m\n\u2028", set(range(3000)))
def test_the_anthropic_sdk_reads_every_event(
    log: list[StreamingChunk], name: str, cuts: set[int]
) -> None:
    """The SDK's decoder takes each frame for one event."""
    events = list(SSEDecoder().iter_bytes(pieces(encoded(log, name), cuts)))
    check(log, name, [(event.event, event.data) for event in events])


@given(LOGS, TEXTS, CUTS)
@example([AWKWARD], "m\n\u2028", set())
def test_an_event_source_reads_every_event(
    log: list[StreamingChunk], name: str, cuts: set[int]
) -> None:
    """So does a reader that follows the standard."""
    headers = {"Content-Type": "text/event-stream"}
    content = pieces(encoded(log, name), cuts)
    response = httpx.Response(200, headers=headers, content=content)
    events = list(EventSource(response).iter_sse())
    check(log, name, [(event.event, event.data) for event in events])
