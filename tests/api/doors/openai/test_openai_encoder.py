"""The frames of the OpenAI door, read back by parsers that are not ours."""

import json
from typing import Any

import httpx
from httpx_sse import EventSource
from hypothesis import example, given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from app.api.doors.openai.encoder import OpenAIEncoder
from app.models.chat import ErrorInfo, StreamingChunk, ToolCall, Usage
from tests.api.doors.streams import AWKWARD, CUTS, TEXTS, pieces

CALLS = st.builds(
    ToolCall,
    id=TEXTS,
    name=TEXTS,
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    arguments_text=st.none() | TEXTS.filter(bool),
)
PARTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(False),
    model=st.just("m"),  # another model would replace the name
    reasoning=st.none() | TEXTS,
    tool=st.none() | CALLS,
)
LASTS = st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),  # another model would replace the name
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
) | st.builds(
    StreamingChunk,
    content=TEXTS,
    done=st.just(True),
    model=st.just("m"),  # another model would replace the name
    finish_reason=st.sampled_from(["error", "cancelled", "timeout_idle", "upstream_cut"]),
    error=st.builds(ErrorInfo, code=TEXTS, message=TEXTS),
)
LOGS = st.builds(lambda parts, last: [*parts, last], st.lists(PARTS, max_size=6), LASTS)


def encoded(log: list[StreamingChunk], name: str) -> list[bytes]:
    encoder = OpenAIEncoder("r", name, 7.5, include_usage=True)
    return [encoder.encode(number, chunk) for number, chunk in enumerate(log, start=1)]


def with_heartbeats(frames: list[bytes]) -> bytes:
    beat = OpenAIEncoder("r", "m", 0, include_usage=False).heartbeat or b""
    return beat + b"".join(frame + beat for frame in frames)


def check(log: list[StreamingChunk], name: str, events: list[str]) -> None:
    """The events tell what the log does, in the order that OpenAI's have."""
    last = log[-1]
    if last.error is None:
        assert "[DONE]" == events.pop()
    received: list[dict[str, Any]] = [json.loads(event) for event in events]
    if last.error is not None:
        error = received.pop()["error"]
        assert (last.error.message, None) == (error["message"], error["param"])
    elif last.usage is not None:
        counts = received.pop()
        assert [] == counts["choices"]
        assert last.usage.total_tokens == counts["usage"]["total_tokens"]
    assert all(chunk["usage"] is None for chunk in received)
    assert all(("chatcmpl-r", 7, name) == (c["id"], c["created"], c["model"]) for c in received)
    choices = [chunk["choices"][0] for chunk in received]
    deltas = [choice["delta"] for choice in choices]
    content = "".join(chunk.content for chunk in log)
    assert content == "".join(delta.get("content", "") for delta in deltas)
    thought = "".join(chunk.reasoning or "" for chunk in log)
    assert thought == "".join(delta.get("reasoning_content", "") for delta in deltas)
    tools = [chunk.tool for chunk in log if chunk.tool and chunk.tool.status == "paused"]
    wanted = [(tool.id, tool.name, tool.arguments_text) for tool in tools if tool.arguments_text]
    assert wanted == calls(deltas)
    reasons = [choice["finish_reason"] for choice in choices]
    if last.error is None:
        usual = "stop" if last.finish_reason == "tool_calls" else last.finish_reason
        assert ("tool_calls" if wanted else usual) == reasons.pop()
    assert [None] * len(reasons) == reasons
    if deltas:
        assert ["assistant", *[None] * (len(deltas) - 1)] == [d.get("role") for d in deltas]


def calls(deltas: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls", [])):
        function = piece["function"]
        if "name" in function:
            assert len(found) == piece["index"]
            found.append((piece["id"], function["name"], ""))
        id, name, arguments = found[piece["index"]]
        found[piece["index"]] = (id, name, arguments + function["arguments"])
    return found


@given(LOGS, TEXTS, CUTS)
@example([AWKWARD], "m\n\u2028", set(range(3000)))
def test_the_openai_sdk_reads_every_frame(
    log: list[StreamingChunk], name: str, cuts: set[int]
) -> None:
    """The SDK's decoder takes each frame for one event, and no heartbeat for any."""
    stream = with_heartbeats(encoded(log, name))
    events = list(SSEDecoder().iter_bytes(pieces(stream, cuts)))
    assert all(event.event is None and not event.id for event in events)
    check(log, name, [event.data for event in events])


@given(LOGS, TEXTS, CUTS)
@example([AWKWARD], "m\n\u2028", set())
def test_an_event_source_reads_every_frame(
    log: list[StreamingChunk], name: str, cuts: set[int]
) -> None:
    """So does a reader that follows the standard."""
    stream = with_heartbeats(encoded(log, name))
    headers = {"Content-Type": "text/event-stream"}
    response = httpx.Response(200, headers=headers, content=pieces(stream, cuts))
    check(log, name, [event.data for event in EventSource(response).iter_sse()])


@given(LOGS, TEXTS)
def test_a_line_splitter_reads_every_frame(log: list[StreamingChunk], name: str) -> None:
    """A client that splits at blank lines and looks for `data: ` receives the same."""
    blocks = with_heartbeats(encoded(log, name)).decode().split("\n\n")
    assert all(len(block.splitlines()) <= 1 for block in blocks)
    check(log, name, [block[6:] for block in blocks if block.startswith("data: ")])
