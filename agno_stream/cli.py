"""`agno-stream`: chat with a server, manage its runs, or start the server.

Exit codes: 0, 1 for an answer or a call that failed, 2 for wrong usage, 130 for an interruption.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from agno_stream.cli_ask import EXIT_INTERRUPTED, advice
from agno_stream.config import DEFAULT_URL
from agno_stream.errors import AgnoStreamError
from agno_stream.version import __version__

SHELLS = ("bash", "zsh", "fish")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["serve"]:
        return _serve(words)
    options = parser().parse_args(words)
    try:
        code: int = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has closed it, as `head` does. Without this Python would report the
        # error again when it exits.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AgnoStreamError as failure:
        print(f"agno-stream: {failure}{advice(failure)}", file=sys.stderr)
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands except `serve`, which has a parser of its own."""
    top = argparse.ArgumentParser(
        prog="agno-stream", description="Chat with an Agno agent, or serve it."
    )
    top.add_argument("--version", action="version", version=f"agno-stream {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    connection = argparse.ArgumentParser(add_help=False)
    connection.add_argument("--url", help=f"the server's URL (AGNO_STREAM_URL, else {DEFAULT_URL})")
    connection.add_argument("--api-key", help="the API key (AGNO_STREAM_API_KEY)")
    connection.add_argument(
        "--json", action="store_true", help="print the chunks of the server as JSON"
    )
    _add_chat(
        commands.add_parser(
            "chat", parents=[connection], help="send a question, or hold a conversation"
        )
    )
    _add_runs(commands.add_parser("runs", help="watch, resume, show or cancel a run"), connection)
    _add_doctor(commands.add_parser("doctor", help="test a deployed address from outside"))
    commands.add_parser("serve", add_help=False, help="run the server")
    completion = commands.add_parser(
        "completion",
        help="print completions for a shell",
        description='For bash: eval "$(agno-stream completion bash)"; others likewise.',
    )
    completion.add_argument("shell", choices=SHELLS)
    return top


def _add_chat(chat: argparse.ArgumentParser) -> None:
    chat.description = (
        "Sends a question from the arguments or from standard input, and prints the answer; "
        "without a question, on a terminal, holds a conversation."
    )
    chat.add_argument("message", nargs="*", help="the question; if absent or '-', standard input")
    chat.add_argument("--agent", help="the agent; the server's default if absent")
    chat.add_argument("--model", help="the model; that of the agent if absent")
    chat.add_argument("--conversation", metavar="ID", help="continue this conversation")
    chat.add_argument(
        "--delay", type=_delay_seconds, default=0.0, help="seconds between characters"
    )
    chat.add_argument(
        "--no-stream", action="store_true", help="print the answer once it is complete"
    )


def _add_runs(runs: argparse.ArgumentParser, connection: argparse.ArgumentParser) -> None:
    actions = runs.add_subparsers(dest="action", required=True, metavar="action")
    watch = actions.add_parser(
        "watch", parents=[connection], help="stream the run from its first event to its last"
    )
    watch.add_argument("--pace", action="store_true", help="with its original delays")
    resume = actions.add_parser(
        "resume", parents=[connection], help="stream the run after an event"
    )
    resume.add_argument(
        "--after", type=int, metavar="N", help="number of the last event that was received"
    )
    show = actions.add_parser(
        "show", parents=[connection], help="print the state and the text of the run"
    )
    cancel = actions.add_parser("cancel", parents=[connection], help="stop the run")
    for action in (watch, resume, show, cancel):
        extra = ", or '<id>:<event>' to continue after that event" if action is resume else ""
        action.add_argument("run_id", help=f"the run's id{extra}")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.description = (
        "Tests whether streams reach clients of a deployed server: buffering proxies, idle cuts, "
        "compression, resuming, cancelling. It sends the model a few short questions, and two "
        "that it cancels; if `demo` is among the models, to that one. Exit code: 0 if no check "
        "failed, 1 if one did, 2 if no server was reached."
    )
    doctor.add_argument(
        "url", nargs="?", help=f"the server's URL (AGNO_STREAM_URL, else {DEFAULT_URL})"
    )
    doctor.add_argument("--api-key", help="the API key (AGNO_STREAM_API_KEY)")
    doctor.add_argument(
        "--timeout",
        type=_doctor_seconds,
        default=60.0,
        metavar="S",
        help="seconds for all checks (60)",
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as one JSON")


def _doctor_seconds(word: str) -> float:
    seconds = float(word)
    if not 15 <= seconds <= 600:
        raise argparse.ArgumentTypeError("must be from 15 to 600 seconds")
    return seconds


def _delay_seconds(word: str) -> float:
    seconds = float(word)
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError("must be from 0 to 60 seconds")
    return seconds


def _chat(options: argparse.Namespace) -> int:
    from agno_stream.cli_chat import chat

    return chat(options)


def _runs(options: argparse.Namespace) -> int:
    from agno_stream.cli_runs import runs

    return runs(options)


def _doctor(options: argparse.Namespace) -> int:
    try:
        from agno_stream.cli_doctor import doctor
    except ModuleNotFoundError as missing:
        print(f"agno-stream: the doctor needs {missing.name}.", file=sys.stderr)
        return 2
    return doctor(options)


def _completion(options: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(parser(), shell=options.shell))
    return 0


_COMMANDS = {"chat": _chat, "runs": _runs, "doctor": _doctor, "completion": _completion}


def _serve(words: list[str]) -> int:
    """Run the command `serve` of the server and return its exit code: 2 if no server is
    installed."""
    try:
        server = import_module("agno_stream.server.__main__")
    except ModuleNotFoundError as missing:
        if missing.name != "agno_stream.server":
            raise
        print(
            "agno-stream: this is the client alone; install the server: pip install agno-stream",
            file=sys.stderr,
        )
        return 2
    code: int = server.main(words)
    return code
