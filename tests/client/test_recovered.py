"""An answer whose server has died: the client, the terminal and pipes take back what is void."""

import io
from typing import Any

import pytest
from rich.console import Console

from agno_stream import AnswerFailed, AsyncClient, Client, ModelResponse, StreamChunk
from agno_stream.cli_markdown import MarkdownShow
from agno_stream.cli_show import PlainShow
from agno_stream.standing import RECOVERED
from agno_stream.testing import Scripted

TOOL = {"id": "1", "name": "look", "status": "completed", "result": "snow"}
VOID = {"id": "2", "name": "ring", "status": "started"}

#: The chunks of an answer between its first and its last one, whose numbers are 2 to 8.
CHUNKS: list[dict[str, Any]] = [
    {"content": "It "},
    {"content": "", "tool": TOOL},
    {"content": "rains"},
    {"content": "", "tool": VOID},
    {"content": "", "recovered": {"after": 3, "length": 3, "attempt": 1}},
    {"content": "snows"},
    {"content": "."},
]


async def test_answer_is_what_stands() -> None:
    """An answer that both clients return has nothing of what a recovery made void; a stream has
    all chunks, and names the last one that stands."""
    server = Scripted(CHUNKS)
    with Client("http://server", transport=server) as client:
        responses = [client.generate("Hi", stream=True)]
        chunks = list(client.generate_stream("Hi"))
    async with AsyncClient("http://server", transport=server) as other:
        responses.append(await other.generate("Hi", stream=True))
    responses.append(ModelResponse.from_chunks(chunks))
    for response in responses:
        assert ("It snows.", True) == (response.text, response.success)
        assert [TOOL] == response.tools
        assert ["content", "tool", "content"] == [part["type"] for part in response.parts]
    assert [3] == [chunk.recovered["after"] for chunk in chunks if chunk.recovered]
    assert len(CHUNKS) + 2 == len(chunks)


def test_failure_has_the_text_that_stands() -> None:
    """The exception of an answer that fails after a recovery has the text that stands."""
    failing = [*CHUNKS, {"content": "", "done": True, "finish_reason": "upstream_cut",
                         "error": {"code": "upstream_cut", "message": "It was cut."}}]  # fmt: skip
    with (
        Client("http://server", transport=Scripted(failing)) as client,
        pytest.raises(AnswerFailed) as caught,
    ):
        list(client.generate_stream("Hi", raise_on_error=True))
    assert "It snows." == caught.value.text


def shown() -> list[StreamChunk]:
    with Client("http://server", transport=Scripted(CHUNKS)) as client:
        return list(client.generate_stream("Hi"))


def test_pipe_counts_what_is_void(capsys: pytest.CaptureFixture[str]) -> None:
    """What a pipe has got cannot be taken back; a note on standard error says how much is void."""
    out = io.StringIO()
    show = PlainShow(out)
    for chunk in shown():
        show.add(chunk)
    show.close()
    assert "It rainssnows.\n" == out.getvalue()
    noted = capsys.readouterr().err
    assert f"agno-stream: {RECOVERED} The last 5 characters of its text are void.\n" == noted


@pytest.mark.parametrize("height", [30, 2])
def test_terminal_erases_what_is_void(height: int) -> None:
    """A terminal erases void lines that are on the screen, and says of others that they are."""
    console = Console(file=io.StringIO(), width=80, height=height, force_terminal=True)
    show = MarkdownShow(console)
    for chunk in shown():
        show.add(chunk)
    show.close()
    written = console.file.getvalue()  # type: ignore[attr-defined]
    void, _, rest = written.partition(RECOVERED)
    assert "rains" in void
    assert "snows." in rest
    assert "rains" not in rest
    assert ("lines above" in rest) == (height == 2)
    erased = "\x1b[1A\x1b[2K" * 4  # of the text, the call, and the blank lines before them
    assert (erased in void) == (height != 2)
