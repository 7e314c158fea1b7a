"""No chunk is larger than 256 KiB, whatever tools, speakers and states are."""

import msgspec
import pytest
from agno.models.response import ToolExecution
from agno.run.agent import CustomEvent, RunCompletedEvent, RunContentEvent, ToolCallCompletedEvent

from app.core.agents.events.reader import EventReader
from app.core.agents.events.values import CHUNK_BYTES
from app.models.chat import ChatResponse, StreamingChunk
from app.models.folding import fold

LONG = "\N{SNOWMAN}" * 400_000


def read(*events: object) -> tuple[list[StreamingChunk], ChatResponse]:
    """The chunks of a run with these events, and its answer."""
    chunks: list[StreamingChunk] = []
    reader = EventReader("r", "m", chunks.append)
    for event in events:
        reader.read(event)
    chunks.append(reader.ending("stop"))
    answer = ChatResponse(content="", model="", run_id="r", conversation_id="c")
    fold(answer, chunks)
    return chunks, answer


def size(chunk: StreamingChunk) -> int:
    """Bytes of a chunk on the wire, in the longest form that JSON has for a text."""
    return len(msgspec.json.encode(chunk).decode().encode("ascii", "backslashreplace"))


@pytest.mark.parametrize(
    ("streamed", "content"),
    [
        ("", LONG),  # an answer that was never streamed
        ("before", "before" + LONG),  # one whose rest was not
        ("before", LONG),  # one that a hook changed
    ],
)
def test_answer_is_larger_than_a_chunk(streamed: str, content: str) -> None:
    """A long answer comes in parts, and is whole when they are joined."""
    chunks, answer = read(
        RunContentEvent(run_id="r", content=streamed),
        RunCompletedEvent(run_id="r", content=content),
    )
    assert content == answer.content
    assert max(map(size, chunks)) <= CHUNK_BYTES


def test_part_is_larger_than_a_chunk() -> None:
    """What a speaker says comes in parts; a tool's result is cut, and data are left out, both
    with a note."""
    tool = ToolExecution(tool_call_id="t", tool_name="read", tool_args={"a": LONG}, result=LONG)
    event = CustomEvent(run_id="r", text=LONG, event="CustomEvent")  # type: ignore[no-untyped-call]
    chunks, answer = read(
        RunContentEvent(run_id="other", agent_id="bob", content=LONG),
        ToolCallCompletedEvent(run_id="r", tool=tool),
        event,
        RunCompletedEvent(run_id="r", content="", session_state={"text": LONG}),
    )
    assert max(map(size, chunks)) <= CHUNK_BYTES
    assert LONG == answer.said[0].content
    assert (answer.tools[0].result or "").endswith("[360000 more characters]")
    assert ["omitted"] == [*answer.events[0].data]
    assert {"field": "session_state"} == answer.events[1].data
    assert answer.session_state is None


def test_text_of_another_run_is_in_answer() -> None:
    """An event belongs to the run whose id it has; without any, to the run itself."""
    _, answer = read(
        RunContentEvent(run_id="r", content="mine"),
        RunContentEvent(run_id="other", parent_run_id="r", agent_id="bob", content="his"),
        RunCompletedEvent(run_id="other", content="his"),
    )
    assert "mine" == answer.content
    assert ["his"] == [said.content for said in answer.said]
