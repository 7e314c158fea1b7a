"""The words and flags of the command line."""

import argparse

from agno_stream.config import DEFAULT_URL, header
from agno_stream.version import __version__

SHELLS = ("bash", "zsh", "fish")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands except `serve`, which has a parser of its own."""
    top = argparse.ArgumentParser(
        prog="agno-stream", description="Chat with an Agno agent, or serve it."
    )
    top.add_argument("--version", action="version", version=f"agno-stream {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    connection = _connection()
    shown = argparse.ArgumentParser(add_help=False)
    shown.add_argument(
        "--verbose", action="store_true", help="show arguments and results of tools whole"
    )
    shown.add_argument(
        "--save",
        metavar="DIR",
        help="the folder for media of answers (~/.local/state/agno-stream/media)",
    )
    _add_chat(
        commands.add_parser(
            "chat", parents=[connection, shown], help="send a question, or hold a conversation"
        )
    )
    commands.add_parser("agents", parents=[connection], help="list the agents, teams and workflows")
    commands.add_parser("models", parents=[connection], help="list the models")
    _add_conversations(
        commands.add_parser(
            "conversations",
            parents=[connection],
            help="list, show, export or delete conversations",
        ),
        shown,
    )
    _add_runs(
        commands.add_parser(
            "runs",
            parents=[connection],
            help="list, watch, resume, show, approve or cancel runs",
        ),
        shown,
    )
    _add_doctor(commands.add_parser("doctor", help="test a deployed address from outside"))
    commands.add_parser("serve", add_help=False, help="run the server")
    completion = commands.add_parser(
        "completion",
        help="print completions for a shell",
        description='For bash: eval "$(agno-stream completion bash)"; others likewise.',
    )
    completion.add_argument("shell", choices=SHELLS)
    return top


def _connection(default: str | None = None) -> argparse.ArgumentParser:
    """The flags of all commands that call a server; `default` is that of those which are absent."""
    flags = argparse.ArgumentParser(add_help=False, argument_default=default)
    flags.add_argument("--url", help=f"the server's URL (AGNO_STREAM_URL, else {DEFAULT_URL})")
    flags.add_argument("--api-key", help="the API key (AGNO_STREAM_API_KEY)")
    _add_header(flags)
    flags.add_argument(
        "--json",
        action="store_true",
        default=default or False,
        help="print what the server sends",
    )
    return flags


def _add_header(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--header",
        type=_header,
        action="append",
        metavar="'NAME: VALUE'",
        help="send this header with each request, as the token of a proxy; may be repeated",
    )


def _header(text: str) -> tuple[str, str]:
    try:
        return header(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        help="send a picture with the question; may be repeated",
    )
    chat.add_argument(
        "--delay", type=_delay_seconds, default=0.0, help="seconds between characters"
    )
    chat.add_argument(
        "--no-stream", action="store_true", help="print the answer once it is complete"
    )


def _add_conversations(
    conversations: argparse.ArgumentParser,
    shown: argparse.ArgumentParser,
) -> None:
    connection = _connection(argparse.SUPPRESS)  # else a default replaces what the group was given
    actions = conversations.add_subparsers(dest="action", required=True, metavar="action")
    listed = actions.add_parser(
        "list", parents=[connection], help="list them: pinned ones (*), then the latest"
    )
    listed.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    listed.add_argument("--query", metavar="TEXT", help="only those whose titles contain this")
    show = actions.add_parser(
        "show", parents=[connection, shown], help="show the messages of a conversation"
    )
    rename = actions.add_parser("rename", parents=[connection], help="give one a title")
    pin = actions.add_parser("pin", parents=[connection], help="list one before the others")
    unpin = actions.add_parser("unpin", parents=[connection], help="list it in its place again")
    export = actions.add_parser(
        "export", parents=[connection], help="print a conversation, or write it to a file"
    )
    export.add_argument("--format", choices=("md", "json"), default="md", help="the format (md)")
    export.add_argument("--output", metavar="FILE", help="the file, instead of standard output")
    delete = actions.add_parser("delete", parents=[connection], help="delete conversations")
    for action in (show, rename, pin, unpin, export):
        action.add_argument("conversation_id", help="the conversation's id")
    rename.add_argument("title", help="the title, 1 to 200 characters")
    delete.add_argument("conversation_ids", nargs="+", metavar="ID", help="the conversations' ids")


def _add_runs(
    runs: argparse.ArgumentParser,
    shown: argparse.ArgumentParser,
) -> None:
    connection = _connection(argparse.SUPPRESS)  # else a default replaces what the group was given
    actions = runs.add_subparsers(dest="action", required=True, metavar="action")
    listed = actions.add_parser("list", parents=[connection], help="list runs that have not ended")
    listed.add_argument("--conversation", metavar="ID", help="only those of this conversation")
    listed.add_argument("--paused", action="store_true", help="those that wait for a person")
    approve = actions.add_parser(
        "approve", parents=[connection, shown], help="decide on what a paused run waits for"
    )
    approve.add_argument("--yes", action="store_true", help="approve without a question")
    approve.add_argument("--deny", metavar="NOTE", help="refuse, with this reason for the model")
    watch = actions.add_parser(
        "watch", parents=[connection, shown], help="stream the run from its first event to its last"
    )
    watch.add_argument("--pace", action="store_true", help="with its original delays")
    resume = actions.add_parser(
        "resume", parents=[connection, shown], help="stream the run after an event"
    )
    resume.add_argument(
        "--after", type=int, metavar="N", help="number of the last event that was received"
    )
    show = actions.add_parser(
        "show", parents=[connection, shown], help="print the state and the text of the run"
    )
    cancel = actions.add_parser("cancel", parents=[connection], help="stop the run")
    for action in (approve, watch, resume, show, cancel):
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
    _add_header(doctor)
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
