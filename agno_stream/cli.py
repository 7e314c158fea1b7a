"""`agno-stream`: chat with a server, look after its runs, or be the server.

Exit codes: 0, 1 for an answer or a call that failed, 2 for wrong usage, 130 for an interruption.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from agno_stream.cli_ask import INTERRUPTED, hint
from agno_stream.config import DEFAULT_URL
from agno_stream.errors import AgnoStreamError
from agno_stream.version import __version__

SHELLS = ("bash", "zsh", "fish")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, by default the process's own, and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["serve"]:
        return _serve(words)
    options = parser().parse_args(words)
    try:
        code: int = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has left, as `head` does. Python would complain about it at its end.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AgnoStreamError as failure:
        print(f"agno-stream: {failure}{hint(failure)}", file=sys.stderr)
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="agno-stream", description="Chat with an Agno agent, or serve it."
    )
    top.add_argument("--version", action="version", version=f"agno-stream {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    there = argparse.ArgumentParser(add_help=False)
    there.add_argument("--url", help=f"the server (AGNO_STREAM_URL, else {DEFAULT_URL})")
    there.add_argument("--api-key", help="a key for it (AGNO_STREAM_API_KEY)")
    there.add_argument("--json", action="store_true", help="print what the server sends, as JSON")
    _add_chat(commands.add_parser("chat", parents=[there], help="ask, or hold a conversation"))
    _add_runs(commands.add_parser("runs", help="watch, resume, show or cancel an answer"), there)
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
        "Asks a question from the arguments or from standard input; without either, on a "
        "terminal, holds a conversation."
    )
    chat.add_argument("message", nargs="*", help="the question; absent or '-': standard input")
    chat.add_argument("--agent", help="who is asked; the server's default if absent")
    chat.add_argument("--model", help="which model answers; the agent's own if absent")
    chat.add_argument("--conversation", metavar="ID", help="go on with this conversation")
    chat.add_argument("--delay", type=_seconds, default=0.0, help="seconds between characters")
    chat.add_argument("--no-stream", action="store_true", help="ask for the answer in one piece")


def _add_runs(runs: argparse.ArgumentParser, there: argparse.ArgumentParser) -> None:
    actions = runs.add_subparsers(dest="action", required=True, metavar="action")
    watch = actions.add_parser("watch", parents=[there], help="from its beginning to its end")
    watch.add_argument("--pace", action="store_true", help="with the delays that it had")
    resume = actions.add_parser("resume", parents=[there], help="go on behind an event")
    resume.add_argument("--after", type=int, metavar="N", help="the last event that was seen")
    show = actions.add_parser("show", parents=[there], help="how it stands")
    cancel = actions.add_parser("cancel", parents=[there], help="stop it")
    for action in (watch, resume, show, cancel):
        extra = ", or '<id>:<event>' to go on behind that" if action is resume else ""
        action.add_argument("run_id", help=f"the run's id{extra}")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.description = (
        "Tests whether streams survive the way to a server: buffering proxies, idle cuts, "
        "compression, resuming, cancelling. It asks the model a few short questions and two that "
        "it stops; where `demo` is among the models, that one. Exit code: 0 well, 1 something "
        "failed, 2 no server was reached."
    )
    doctor.add_argument("url", nargs="?", help=f"(AGNO_STREAM_URL, else {DEFAULT_URL})")
    doctor.add_argument("--api-key", help="a key for it (AGNO_STREAM_API_KEY)")
    doctor.add_argument(
        "--timeout", type=_minutes, default=60.0, metavar="S", help="seconds for all of it (60)"
    )
    doctor.add_argument("--json", action="store_true", help="print the verdicts as one JSON")


def _minutes(word: str) -> float:
    seconds = float(word)
    if not 15 <= seconds <= 600:
        raise argparse.ArgumentTypeError("must be from 15 to 600 seconds")
    return seconds


def _seconds(word: str) -> float:
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
    """The server's own command, where it is installed; it reads its own flags."""
    try:
        server = import_module("agno_stream.server.__main__")
    except ModuleNotFoundError as missing:
        if missing.name != "agno_stream.server":
            raise
        print(
            "agno-stream: this is the client alone; `pip install agno-stream` has the server.",
            file=sys.stderr,
        )
        return 2
    code: int = server.main(words)
    return code
