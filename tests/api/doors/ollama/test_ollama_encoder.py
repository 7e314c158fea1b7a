"""The lines of the Ollama door, made of chunks: pure, and called as an ASGI server calls them."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.doors.ollama.encoder import Form, OllamaEncoder, complete_object
from app.api.doors.ollama.errors import refusal
from app.models.chat import StreamingChunk, ToolCall, Usage
from tests.api.test_streaming import failed, opened, say, serve, stream
from tests.core.parts import ending, until

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
CALLS = st.builds(
    ToolCall,
    id=TEXT,
    name=TEXT,
    status=st.sampled_from(["started", "completed", "failed", "paused"]),
    arguments=st.none() | st.dictionaries(TEXT, TEXT | st.integers(-9, 9), max_size=3),
    arguments_text=st.sampled_from([None, ""]),  # the text itself is not sent in this protocol
)
CHUNKS = st.lists(
    st.builds(
        StreamingChunk,
        content=TEXT,
        done=st.just(False),
        model=st.just("m"),
        reasoning=st.none() | TEXT,
        tool=st.none() | CALLS,
    ),
    max_size=8,
)
LAST = st.builds(
    StreamingChunk,
    content=TEXT,
    done=st.just(True),
    model=st.just("m"),
    reasoning=st.none() | TEXT,
    usage=st.none() | st.builds(Usage, *[st.integers(0, 99)] * 3),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
)


def form(chat: bool, *, thinks: bool = True) -> Form:
    return Form("general", chat=chat, thinks=thinks)


def fields(part: dict[str, Any], chat: bool) -> tuple[str, str, list[Any]]:
    """Text, thinking and calls of an object; chat has them in its message."""
    holder = part["message"] if chat else part
    text = holder["content"] if chat else holder["response"]
    return text, holder.get("thinking", ""), holder.get("tool_calls", [])


@given(chunks=CHUNKS, last=LAST, chat=st.booleans(), thinks=st.booleans())
def test_stream_and_object_have_the_same_content(
    chunks: list[StreamingChunk], last: StreamingChunk, chat: bool, thinks: bool
) -> None:
    """The lines of a stream, put together, are the answer in one piece: text, thinking, the calls
    for the client, the ending and the counts; and a line is one line to any reader."""
    encoder = OllamaEncoder(form(chat, thinks=thinks))
    body = b"".join(encoder.encode(n, chunk) for n, chunk in enumerate([*chunks, last], start=1))
    # As httpx, and so Ollama's own client, splits them.
    *parts, final = [json.loads(line) for line in body.decode().splitlines()]
    one = json.loads(
        complete_object(
            form(chat, thinks=thinks),
            [(0.01 * n, chunk) for n, chunk in enumerate([*chunks, last])],
        )
    )
    received = [fields(part, chat) for part in parts]
    text, thinking, calls = fields(one, chat)
    assert "".join(content for content, _, _ in received) == text
    assert "".join(thought for _, thought, _ in received) == thinking
    assert [call for _, _, made in received for call in made] == calls
    assert "".join(chunk.content for chunk in [*chunks, last]) == text
    assert thinks or thinking == ""
    assert list(range(len(calls))) == [call["function"]["index"] for call in calls]
    assert not any(part["done"] for part in parts)
    assert ("", "", []) == fields(final, chat)
    for name in ("done", "done_reason", "prompt_eval_count", "eval_count"):
        assert final.get(name) == one.get(name)
    assert {name for name in one if name not in final} <= {"thinking"}
    for part in (one, final):
        assert 0 < part["prompt_eval_duration"] <= part["total_duration"]
        assert 0 < part["eval_duration"]


async def test_the_status_waits_for_the_first_line() -> None:
    """Nothing is sent for chunks that have nothing to show; what has, starts the answer."""
    async with opened() as (hub, log):
        response, client = stream(hub, OllamaEncoder(form(True)), refusal=refusal)
        task = serve(response, client)
        log.append(StreamingChunk("", False, "m", run_id="r1", conversation_id="c1"))
        log.append(StreamingChunk("", False, "m", tool=ToolCall("1", "own", "started")))
        await asyncio.sleep(0.01)
        assert [] == client.messages
        say(log, 1)
        await until(lambda: len(client.writes) == 1)
        assert 200 == client.status
        log.append(ending())
        await task
        assert client.complete


@pytest.mark.parametrize("pause", [0, 0.01])
@pytest.mark.parametrize("holder", [0, 2])
async def test_a_failure_is_a_status_or_the_last_line(holder: int, pause: float) -> None:
    """A failure has its status before any output, else it is the last line of a stream that
    ends properly; it makes no difference whether text and failure came together."""
    async with opened() as (hub, log):
        response, client = stream(hub, OllamaEncoder(form(False)), refusal=refusal)
        task = serve(response, client)
        say(log, *range(holder))
        await asyncio.sleep(pause)
        log.append(failed())
        await task
        assert (200 if holder else 500) == client.status
        *parts, last = [json.loads(line) for line in client.body.splitlines()]
        assert ["0000", "0001"][:holder] == [part["response"] for part in parts]
        assert {"error": "no"} == last
        assert client.complete
        assert (b"x-run-id", b"r1") in client.messages[0]["headers"]


async def test_leaving_while_the_status_waits() -> None:
    """A client that leaves before any output is let go."""
    async with opened() as (hub, _):
        response, client = stream(hub, OllamaEncoder(form(True)), refusal=refusal)
        task = serve(response, client)
        await asyncio.sleep(0.01)
        client.gone.set()
        await asyncio.wait_for(task, 5)
        assert b"" == client.body


async def test_a_paced_replay_of_a_failure() -> None:
    """What came before comes at its own time, also when the failure is known from the start."""
    async with opened() as (hub, log):
        say(log, 0)
        await asyncio.sleep(0.1)
        say(log, 1)
        log.append(failed())
        response, client = stream(hub, OllamaEncoder(form(False)), refusal=refusal, pace=True)
        task = serve(response, client)
        await until(lambda: len(client.writes) == 1)
        assert b"0001" not in client.body
        await task
        assert 3 == len(client.writes)
        assert client.complete
