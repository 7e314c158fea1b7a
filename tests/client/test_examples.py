"""Programs written for another client, with only their import and their client changed."""

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import pytest

from agno_stream import Client, Config, ModelResponse, StreamChunk
from tests.provider import Provider
from tests.provider_replies import MODEL_NOT_FOUND, Reply
from tests.server import Server

PAGE = Path(__file__).with_name("examples.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = [
    pytest.param(block, id=f"{title}-{number}")
    for title, _, section in (part.partition("\n") for part in PAGE.split("\n## ")[1:])
    for number, block in enumerate(BLOCK.findall(section), start=1)
]
TEXT = "Hello from the provider."


def run(program: str, **names: Any) -> None:
    exec(compile(program, "examples.md", "exec"), {"__name__": "__main__", **names})


@pytest.fixture(autouse=True)
def _server_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGNO_STREAM_URL", server.url)


@pytest.mark.parametrize("program", PROGRAMS)
def test_example_program_runs(
    program: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    """Each program runs, and prints the answer or its figures."""
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello?\nAnd now?\nquit\n"))
    config = Config.from_defaults()
    with Client(config) as client:
        names = {"client": client, "config": config, "Client": Client, "Config": Config}
        chunk = StreamChunk(TEXT, True)
        run(program, prompt="Hello?", chunk=chunk, **names)
    output = capsys.readouterr().out
    assert provider.opened > 0 or "chunk.text" in program or "Increase timeout" in program
    summaries = (
        "Complete response",
        "Generated 4 chunks",
        "to first token",
        "Total characters: 24",
    )
    silent = "# Process chunk" in program or "Increase timeout" in program
    assert silent or TEXT in output or any(line in output for line in summaries)
    assert "rror" not in output


def test_examples_page_is_complete() -> None:
    """The page has the five examples, the three methods and the five best practices."""
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert [f"Example {n}" for n in range(1, 6)] == [
        title.partition(":")[0] for title in titles if title.startswith("Example")
    ]
    assert 3 == sum(title.startswith("Method") for title in titles)
    assert 5 == sum(re.match(r"\d\. ", title) is not None for title in titles)


def test_field_order_of_chunk_and_response() -> None:
    """Chunks and responses begin with the fields of the other client, in its order."""
    chunk = [field.name for field in dataclasses.fields(StreamChunk)]
    response = [field.name for field in dataclasses.fields(ModelResponse)]
    assert ["text", "done", "error"] == chunk[:3]
    assert ["text", "success", "error", "status_code", "done"] == response[:5]
    assert None is StreamChunk("a", False).error
    assert ModelResponse("a", True).done


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (MODEL_NOT_FOUND, "Model not available. Please install it first."),
        (Reply("one two", stall_after=1), "Request took too long. Try a simpler query."),
        (Reply("one two", cut_after=1), "An unexpected error occurred."),
    ],
)
def test_error_kinds_by_message(
    provider: Provider,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    sentence: str,
) -> None:
    """The fifth example distinguishes the kinds of errors by their messages."""
    provider.default = reply
    example = PAGE.partition("## Example 5")[2]
    program = BLOCK.findall(example)[0].replace(
        "client = Client(config)", "config.timeout_idle = 0.5\nclient = Client(config)"
    )
    run(program)
    assert sentence in capsys.readouterr().out


def test_config_section_of_the_old_client(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The section of the other client's settings keeps its name and its timeout."""
    config = Config.from_defaults()
    config.ollama.timeout_first_request = 60
    with Client(config.ollama) as client:
        assert TEXT == client.generate("Hello?").text
        assert 60 == client.config.timeout_first
