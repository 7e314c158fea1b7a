"""The interactive chat, in a real terminal."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from agno_stream import Client
from tests.command import ROOT, environment
from tests.server import Server

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()=>][0-9A-B]?|\r")
AGNO_STREAM = ["-c", "import sys; from agno_stream.cli import main; sys.exit(main())"]
PROMPT = r"\x1b\[\?2004h"  # bracketed paste is on: the prompt is there
STATS = r"\d+ tokens? · first after [\d.]+ s · [\d.]+ tokens/s · demo"


class Terminal:
    """A chat of 80 columns and 30 lines, with a home of its own."""

    def __init__(self, url: str, home: Path, *words: str) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            [*AGNO_STREAM, "chat", *words],
            env={
                **environment(AGNO_STREAM_URL=url, TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1"),
                "XDG_STATE_HOME": str(home),
            },
            cwd=str(ROOT),
            dimensions=(30, 80),
            encoding="utf-8",
            timeout=20,
        )

    def sees(self, pattern: str) -> str:
        """Wait for a pattern; returns everything shown until then, without control codes."""
        self.child.expect(pattern)
        return CODES.sub("", f"{self.child.before}{self.child.after}")

    def types(self, text: str) -> None:
        """Type a line, when the prompt is there."""
        self.sees(PROMPT)
        self.child.send(text + "\r")

    def ends(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus or 0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(server.url, tmp_path)
    yield terminal
    terminal.child.close(force=True)


def test_session_keeps_one_conversation(terminal: Terminal, server: Server) -> None:
    """The questions of a session are in one conversation; Ctrl-D ends the session."""
    terminal.sees("general · demo · /help for help")
    terminal.types("count to 3")
    assert "1, 2, 3" in terminal.sees(STATS)
    terminal.types("continue")
    assert "4, 5, 6" in terminal.sees(STATS)
    terminal.sees(PROMPT)
    terminal.child.sendeof()
    assert 0 == terminal.ends()
    with Client(url=server.url) as client:
        (conversation,) = client.conversations()
        assert 4 == len(client.conversation(conversation.conversation_id).messages)


def test_ctrl_c_stops_the_answer_not_the_session(terminal: Terminal, server: Server) -> None:
    """Ctrl-C stops an answer, on the server too, and not the session; /retry sends it again."""
    terminal.types("slow")
    terminal.sees("This answer")
    terminal.child.sendintr()
    terminal.sees("stopped")
    terminal.types("/retry")
    terminal.sees("This answer")
    terminal.child.sendintr()
    terminal.sees("stopped")
    terminal.types("count to 3")
    assert "1, 2, 3" in terminal.sees(STATS)
    terminal.sees(PROMPT)
    terminal.child.sendintr()
    terminal.sees("Press Ctrl-D to exit")
    terminal.types("/exit")
    assert 0 == terminal.ends()
    with Client(url=server.url) as client:
        (conversation,) = client.conversations()
        messages = client.conversation(conversation.conversation_id).messages
        endings = [message.finish_reason for message in messages if message.role == "assistant"]
    assert ["cancelled", "cancelled"] == endings[:2]


def test_session_commands(terminal: Terminal, server: Server) -> None:
    """The commands list, choose and start a new conversation; an unknown one is not sent."""
    terminal.types("/retry")
    terminal.sees("There is no question yet")
    terminal.types("/help")
    assert "/agent [NAME]" in terminal.sees("Ctrl-C stops an answer")
    terminal.types("/model")
    terminal.sees(r"\* demo")
    terminal.types("/model none")
    terminal.sees("There is no model 'none'")
    terminal.types("/agent general")
    terminal.sees("agent: general")
    terminal.types("/fly")
    terminal.sees("Unknown command")
    terminal.types("count to 2")
    terminal.sees(STATS)
    terminal.types("/new")
    terminal.sees("started a new conversation")
    terminal.types("what did I say?")
    assert "You said nothing before." in terminal.sees(STATS)
    terminal.types("/exit")
    assert 0 == terminal.ends()
    with Client(url=server.url) as client:
        assert 2 == len(client.conversations())


def test_multiline_question(terminal: Terminal) -> None:
    """A question may have several lines: by Alt-Enter, by a backslash, or pasted."""
    terminal.sees(PROMPT)
    terminal.child.send("echo one\x1b\rtwo\\\rthree\x1b[200~ four\nfive\x1b[201~\r")
    assert re.search(r"one two three four five", terminal.sees(STATS))


def test_history_file(server: Server, tmp_path: Path) -> None:
    """A later session has the questions of an earlier one, from a file for its owner alone."""
    first = Terminal(server.url, tmp_path)
    first.types("count to 4")
    first.sees(STATS)
    first.types("/exit")
    assert 0 == first.ends()
    second = Terminal(server.url, tmp_path)
    second.sees(PROMPT)
    second.child.send("\x1b[A\x1b[A\r")  # twice up
    assert "1, 2, 3, 4" in second.sees(STATS)
    second.types("/exit")
    assert 0 == second.ends()
    assert 0o600 == (tmp_path / "agno-stream" / "history").stat().st_mode & 0o777


def test_markdown_rendering(terminal: Terminal) -> None:
    """Markdown is rendered while it streams: lists, tables, code."""
    terminal.types("markdown")
    shown = terminal.sees(STATS)
    assert "• plain, bold and italic words" in shown
    assert re.search(r"content +a piece of the answer", shown)
    assert "def greet(name: str) -> str:" in shown
    assert "**" not in shown
    assert "```" not in shown.rpartition("def greet")[2]


def test_session_survives_a_failed_answer(terminal: Terminal) -> None:
    """An answer that fails shows its error, and the session continues."""
    terminal.types("fail")
    terminal.sees("The demonstration failed, as the message requests.")
    terminal.types("count to 2")
    assert "1, 2" in terminal.sees(STATS)


def test_one_question_on_a_terminal(server: Server, tmp_path: Path) -> None:
    """One question on a terminal is answered with its figures, and the flag to continue."""
    terminal = Terminal(server.url, tmp_path, "count to 3")
    assert "1, 2, 3" in terminal.sees(STATS + r" · --conversation \w+")
    assert 0 == terminal.ends()


def test_session_without_server(tmp_path: Path) -> None:
    """Without a server the session ends with a sentence and the exit code 1."""
    terminal = Terminal("http://127.0.0.1:1", tmp_path)
    terminal.sees("No server answers at http://127.0.0.1:1.")
    assert 1 == terminal.ends()
