"""What is for its owner only: files, secrets in the log, and the lines of the log themselves."""

import io
import logging
import stat
import sys
from pathlib import Path

import httpx
import pytest

from app.logs import Redacted, TextLines, configure, protect
from tests.command import SERVE, Command


def modes(folder: Path) -> dict[str, int]:
    """What others may do with each file of a folder."""
    return {
        str(file.relative_to(folder)): stat.S_IMODE(file.stat().st_mode) & 0o077
        for file in folder.rglob("*")
    }


def test_files_are_private(tmp_path: Path) -> None:
    """Nobody else can read what the server writes, and a file of keys that all can read is named
    in a warning."""
    keys = tmp_path / "keys"
    keys.write_text("alice:alice-key-0123456789\n", encoding="ascii")
    keys.chmod(0o644)
    with Command(tmp_path, SERVE, API_KEYS_FILE=str(keys)) as command:
        headers = {"Authorization": "Bearer alice-key-0123456789"}
        body = {"message": "hi", "stream": False}
        reply = httpx.post(f"{command.url}/api/v1/chat", json=body, headers=headers, timeout=30)
        assert 200 == reply.status_code
        found = modes(tmp_path / "data")
        assert len(found) > 3
        assert {0} == set(found.values()), found
        assert "API_KEYS_FILE: all users of this machine can read" in command.output


def test_a_file_of_keys_for_its_owner_is_not_warned_of(tmp_path: Path) -> None:
    """A file that only its owner can read, and one that a group can, are as they should be."""
    keys = tmp_path / "keys"
    keys.write_text("alice:alice-key-0123456789\n", encoding="ascii")
    keys.chmod(0o640)
    with Command(tmp_path, SERVE, API_KEYS_FILE=str(keys)) as command:
        assert "all users" not in command.output


def logged(message: str, *, error: Exception | None = None) -> str:
    """A line of the text log."""
    logger = logging.getLogger("tests.private")
    logger.propagate = False
    logger.setLevel("INFO")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Redacted(TextLines("%(levelname)s %(message)s")))
    logger.addHandler(handler)
    try:
        if error is not None:
            raise error
    except Exception:
        logger.exception("%s", message)
    else:
        logger.info("%s", message)
    logger.removeHandler(handler)
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b]0;title\x07",
        "a\nINFO b",
        "a\r\nb",
        "\x9b31m",
        "\x00",
        "\u2028",
        "\u202e",
        "\x7f",
    ],
)
def test_a_message_is_one_line_without_controls(text: str) -> None:
    """What a client or a provider said neither ends a line nor reaches the terminal as a
    command."""
    line = logged(f"it said: {text}.")
    assert 1 == line.count("\n")
    assert line[:-1].isprintable()
    traced = logged("failed", error=ValueError(text))
    assert all(part.isprintable() for part in traced.split("\n"))
    assert all(part.startswith("    ") for part in traced.split("\n")[1:-1])
    assert "ValueError" in traced


@pytest.mark.parametrize("placeholder", ["none", "x", "EMPTY", "ollama", "abc", "dummy"])
def test_placeholders_are_no_secrets(placeholder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Words that stand where a key is required are not redacted from the log; keys are."""
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        configure()
        protect([placeholder, "a-real-key-0123456789"])
        text = f"{placeholder} example a-real-key-0123456789"
        logging.getLogger("app").warning(text)
        written = capsys.readouterr().err
        assert f"{placeholder} example [redacted]" in written
    finally:
        root.handlers[:] = before
        assert sys.stderr
