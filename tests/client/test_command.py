"""The command line in pipes: its output and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agno_stream import Client, __version__
from tests.client.proxy import Proxy
from tests.command import ROOT, Command, environment
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

AGNO_STREAM = "import sys; from agno_stream.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo")) as running:
        yield running


def start(url: str, *words: str, **streams: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", AGNO_STREAM, *words],
        env=environment(AGNO_STREAM_URL=url),
        cwd=ROOT,
        stdin=streams.get("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def run(url: str, *words: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = start(url, *words, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    out, err = process.communicate(stdin, timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.mark.parametrize("words", [["count", "to 5"], ["--no-stream", "count to 5"]])
def test_chat_in_a_pipe_prints_only_the_answer(demo: Server, words: list[str]) -> None:
    """In a pipe `chat` prints the answer, and nothing else."""
    assert (0, "1, 2, 3, 4, 5\n", "") == run(demo.url, "chat", *words)


@pytest.mark.parametrize("words", [[], ["-"]])
def test_chat_reads_the_question_from_standard_input(demo: Server, words: list[str]) -> None:
    """Without a question, or with a dash, `chat` reads it from standard input."""
    assert (0, "1, 2, 3\n", "") == run(demo.url, "chat", *words, stdin="count to 3\n")


def test_chat_replaces_bytes_that_are_not_utf8(demo: Server) -> None:
    """Bytes of a question that are not UTF-8 are replaced."""
    assert (0, "a?b\n", "") == run(demo.url, "chat", "echo a\udcffb")
    ended = subprocess.run(
        [sys.executable, "-c", AGNO_STREAM, "chat"],
        env=environment(AGNO_STREAM_URL=demo.url),
        input=b"echo a\xffb",
        capture_output=True,
        check=False,
    )
    assert ("a\ufffdb\n".encode(), b"") == (ended.stdout, ended.stderr)


def test_markdown_is_not_rendered_in_a_pipe(demo: Server) -> None:
    """Markdown is rendered on terminals only."""
    _, out, _ = run(demo.url, "chat", "markdown")
    assert out.startswith("# A demonstration of Markdown\n- plain, **bold**")
    assert "\x1b" not in out


def test_chat_json_prints_the_chunks(demo: Server) -> None:
    """--json prints the chunks of the server, and a refusal as one of them."""
    code, out, _ = run(demo.url, "chat", "--json", "count to 3")
    chunks = [json.loads(line) for line in out.splitlines()]
    assert (0, "1, 2, 3") == (code, "".join(chunk["content"] for chunk in chunks))
    assert (True, "stop") == (chunks[-1]["done"], chunks[-1]["finish_reason"])
    code, out, _ = run(demo.url, "chat", "--json", "--model", "none", "x")
    assert (1, "unknown_model") == (code, json.loads(out)["error"]["code"])


def test_chat_exit_code_of_a_failed_answer(demo: Server) -> None:
    """A failed answer has its text on standard output, its error on standard error, and code 1."""
    code, out, err = run(demo.url, "chat", "fail")
    assert (1, "This answer starts well, but then it \n") == (code, out)
    assert err.startswith("agno-stream: ")
    assert "The demonstration failed" in err


def test_chat_continues_a_conversation(demo: Server) -> None:
    """--conversation continues a conversation."""
    run(demo.url, "chat", "--conversation", "c1", "count to 3")
    assert (0, "4, 5, 6\n", "") == run(demo.url, "chat", "--conversation", "c1", "continue")


def test_unreachable_server_message() -> None:
    """Without a server the message names the address, and the command that starts one."""
    url = "http://127.0.0.1:1"
    message = f"agno-stream: No server answers at {url}. Start one with: agno-stream serve\n"
    assert (1, "", message) == run(url, "chat", "x")
    assert (1, "", message) == run(url, "runs", "show", "x")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--version"], 0, __version__),
        (["--help"], 0, "completion"),
        (["chat", "--help"], 0, "--no-stream"),
        (["serve", "--help"], 0, "--port"),
        ([], 2, "command"),
        (["fly"], 2, "fly"),
        (["chat"], 2, "the question is empty"),
        (["chat", "--delay", "-1", "x"], 2, "from 0 to 60"),
        (["runs"], 2, "action"),
        (["serve", "--wings"], 2, "--wings"),
        (["completion", "dos"], 2, "dos"),
    ],
)
def test_usage_messages_and_exit_codes(words: list[str], code: int, expected: str) -> None:
    """Help is printed with code 0, and wrong usage is reported with code 2."""
    ended, out, err = run("http://127.0.0.1:1", *words)
    assert (code, True) == (ended, expected in out + err)


def test_chat_delay(demo: Server) -> None:
    """--delay pauses after each character."""
    began = time.monotonic()
    assert (0, "1, 2, 3\n", "") == run(demo.url, "chat", "--delay", "0.1", "count to 3")
    assert time.monotonic() - began > 0.7


def test_closed_pipe_cancels_the_run(demo: Server) -> None:
    """When the reader of the pipe closes it, as `head` does, the run is cancelled silently."""
    process = start(demo.url, "chat", "--json", "long 5000")
    assert process.stdout is not None
    assert process.stderr is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    process.stdout.close()
    assert 1 == process.wait(timeout=20)
    assert "" == process.stderr.read()
    process.stderr.close()
    with Client(url=demo.url) as client:
        assert "cancelled" == client.run(run_id).finish_reason


def test_ctrl_c_cancels_the_run(demo: Server) -> None:
    """Ctrl-C stops the answer here and on the server; the exit code is 130."""
    process = start(demo.url, "chat", "--json", "slow")
    assert process.stdout is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (130, "agno-stream: stopped.\n") == (process.returncode, err)
    with Client(url=demo.url) as client:
        assert "cancelled" == client.run(run_id).finish_reason


def test_runs_watch_resume_show_cancel(demo: Server) -> None:
    """A run can be watched, resumed, shown and cancelled by its id."""
    with Client(url=demo.url) as client:
        run_id = str(client.generate("count to 5").run_id)
        assert (0, "1, 2, 3, 4, 5\n", "") == run(demo.url, "runs", "watch", run_id)
        assert (0, "3, 4, 5\n", "") == run(demo.url, "runs", "resume", f"{run_id}:3")
        assert (0, "3, 4, 5\n", "") == run(demo.url, "runs", "resume", run_id, "--after", "3")
        code, out, _ = run(demo.url, "runs", "show", run_id)
        assert (0, True) == (code, "ended as:     stop\n" in out)
        assert out.endswith("\n\n1, 2, 3, 4, 5\n")
        code, out, _ = run(demo.url, "runs", "show", "--json", run_id)
        assert "1, 2, 3, 4, 5" == json.loads(out)["content"]
        active = str(next(client.generate_stream("long 5000")).run_id)
        code, out, _ = run(demo.url, "runs", "cancel", active)
        assert (0, True) == (code, "ended as:     cancelled\n" in out)
        code, _, err = run(demo.url, "runs", "show", "nobody's")
        assert (1, True) == (code, err.startswith("agno-stream: Not found: "))


def test_chat_hides_lost_connections(server: Server, provider: Provider) -> None:
    """Cut connections do not show in the output."""
    provider.script(Reply(tuple(f"{n} " for n in range(100)), rate=200))
    with Proxy(server.port, [900, 500, 800, 700]) as proxy:
        code, out, err = run(proxy.url, "chat", "count")
    assert (0, "".join(f"{n} " for n in range(100)) + "\n", "") == (code, out, err)
    assert 1 == provider.opened


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell: str) -> None:
    """Completions of each shell have the commands and their flags."""
    code, out, err = run("", "completion", shell)
    assert (0, "") == (code, err)
    assert all(word in out for word in ("chat", "runs", "serve", "conversation", "watch"))
    if shell == "bash":
        script = out + '\nCOMP_WORDS=(agno-stream ch); COMP_CWORD=1; COMP_LINE="agno-stream ch"; '
        script += '_shtab_agno_stream agno-stream ch agno-stream; echo "${COMPREPLY[@]}"'
        ended = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8")
        assert "chat" in ended.stdout.split()


def test_serve_starts_the_server(tmp_path: Path) -> None:
    """`agno-stream serve` starts the server, with its own flags."""
    arguments = ("-c", AGNO_STREAM, "serve", "--port", "0", "--model", "demo")
    with Command(tmp_path, arguments) as command, Client(url=command.url) as client:
        assert "1, 2" == client.generate("count to 2").text
        client.close()
        assert 0 == command.stop()


def test_installed_script() -> None:
    """The installed script runs this command line."""
    program = Path(sys.executable).with_name("agno-stream")
    if not program.exists():
        pytest.skip("the project is not installed beside this Python")
    ended = subprocess.run(
        [program, "--version"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )
    assert __version__ in ended.stdout
