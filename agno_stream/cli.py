"""`agno-stream`: chat with a server, manage its runs, or start the server.

Exit codes: 0, 1 for an answer or a call that failed, 2 for wrong usage, 130 for an interruption.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from agno_stream.cli_ask import EXIT_INTERRUPTED, advice, client_config
from agno_stream.cli_parser import parser
from agno_stream.errors import AgnoStreamError


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
        what_helps = advice(failure, client_config(options).url)
        print(f"agno-stream: {failure}{what_helps}", file=sys.stderr)
        return 1
    return code


def _chat(options: argparse.Namespace) -> int:
    from agno_stream.cli_chat import chat

    return chat(options)


def _runs(options: argparse.Namespace) -> int:
    from agno_stream.cli_runs import runs

    return runs(options)


def _catalog(options: argparse.Namespace) -> int:
    from agno_stream.cli_catalog import catalog

    return catalog(options)


def _conversations(options: argparse.Namespace) -> int:
    from agno_stream.cli_conversations import conversations

    return conversations(options)


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


_COMMANDS = {
    "chat": _chat,
    "agents": _catalog,
    "models": _catalog,
    "conversations": _conversations,
    "runs": _runs,
    "doctor": _doctor,
    "completion": _completion,
}


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
