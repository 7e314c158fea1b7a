"""How an answer looks on a terminal, chunk by chunk."""

import io
from typing import Any

import pytest
from rich.console import Console

from agno_stream import StreamChunk
from agno_stream.cli_markdown import MarkdownShow

BOB = {"id": "bob", "name": "Bob", "kind": "member", "run_id": "1"}
EVE = {"id": "eve", "name": "Eve", "kind": "member", "run_id": "2", "depth": 2}
LONG = "x" * 60


def chunk(text: str = "", **fields: Any) -> StreamChunk:
    made = StreamChunk(text, False)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def tool(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "1", "name": "look", "status": status, **fields}


def step(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "s", "name": "Look", "kind": "step", "status": status, **fields}


CASES: dict[str, tuple[list[StreamChunk], str]] = {
    "text and reasoning": (
        [chunk(reasoning="I think."), chunk("It **snows**.\n\nAnd it "), chunk("is cold.")],
        "I think.\n\nIt snows.\n\nAnd it is cold.\n",
    ),
    "a tool, live": (
        [
            chunk(tool=tool("started", arguments={"at": LONG, "n": 1})),
            chunk("Snow."),
            chunk(tool=tool("completed", arguments={"n": 1}, result="a\nb")),
        ],
        f'⚙ look(at="{"x" * 38}…, n=1)\n\nSnow.\n\n  ↳ look: a …\n',
    ),
    "a tool, complete": (
        [chunk(tool=tool("completed", arguments={"n": 1}, result="snow"))],
        "⚙ look(n=1)\n  ↳ snow\n",
    ),
    "a tool that fails": (
        [chunk(tool=tool("started")), chunk(tool=tool("failed", result="no \x1b[2Jpower"))],
        "⚙ look()\n  ✗ no �[2Jpower\n",
    ),
    "a tool of the client's": ([chunk(tool=tool("paused"))], "⚙ look()\n"),
    "steps": (
        [
            chunk(step=step("started")),
            chunk(step=step("running", message="half")),
            chunk(step=step("started", iteration=2)),
            chunk(step=step("failed", message="No.")),
        ],
        "▸ Look\n… Look: half\n▸ Look 2\n✗ Look: No.\n",
    ),
    "events": (
        [chunk(event={"name": "Progress", "data": {"percent": 30}}), chunk(event={"name": "E"})],
        "· Progress percent=30\n· E\n",
    ),
    "speakers in turn": (
        [
            chunk(speaker=BOB, said={"content": "I am "}),
            chunk(speaker=BOB, said={"content": "Bob."}),
            chunk(speaker=EVE, said={"reasoning": "Hm."}),
            chunk(speaker=EVE, said={"content": "Eve."}),
            chunk("Both are here."),
        ],
        "▌Bob\n  I am Bob.\n\n  ▌Eve\n    Hm.\n\n    Eve.\n\nBoth are here.\n",
    ),
    "speakers at once": (
        [
            chunk(speaker=who, said={"content": text})
            for text in ("one ", "two\n\n", "three")
            for who in (BOB, EVE)
        ],
        "▌Bob\n  one two\n\n  three\n\n  ▌Eve\n    one two\n\n    three\n",
    ),
    "the tool of a speaker": (
        [
            chunk(speaker=BOB, said={"content": "I look."}),
            chunk(speaker=BOB, said={"tool": tool("completed", result="snow")}),
        ],
        "▌Bob\n  I look.\n\n  ⚙ look()\n    ↳ snow\n",
    ),
    "media": (
        [chunk(media=[{"id": "a", "kind": "image", "mime_type": "image/png", "url": "/a"}])],
        "▣ image: /a\n",
    ),
    "sources and suggestions": (
        [
            chunk("Snow."),
            chunk(citations=[{"kind": "url", "url": "https://a", "title": "A"}]),
            chunk(followups=["Why?", "And\nthen?"]),
        ],
        "Snow.\n\n[1] A https://a\n\n1. Why?\n2. And …\n",
    ),
    "a text that replaces the streamed one": (
        [chunk("secret"), chunk(final="red"), chunk(final="acted")],
        "secret\n\nThe whole answer, as it was changed at its end:\n\nredacted\n",
    ),
}


def shown(chunks: list[StreamChunk], **options: Any) -> str:
    out = io.StringIO()
    show = MarkdownShow(Console(file=out, width=100), live=False, **options)
    for one in chunks:
        show.add(one)
    show.close()
    return out.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_answer_looks_otherwise(name: str) -> None:
    """What comes is shown in its order: text in blocks, everything else in lines."""
    chunks, expected = CASES[name]
    assert expected == shown(chunks)


def test_long_look_is_cut() -> None:
    """Arguments and results are shown whole if that is wanted."""
    whole = shown([chunk(tool=tool("completed", arguments={"at": LONG}, result="a\nb"))], long=True)
    assert f'⚙ look(at="{LONG}")\n  ↳ a\n    b\n' == whole
