"""Questions of the command line: show the answer, and turn its end into an exit code."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from agno_stream.cli_show import Tally, as_one_chunk, pick_show
from agno_stream.client import Chat, Client
from agno_stream.config import Config
from agno_stream.errors import AgnoStreamError, ConnectionLost, ServerUnreachable
from agno_stream.types import StreamChunk

EXIT_INTERRUPTED = 130


def client_config(options: argparse.Namespace) -> Config:
    """Return the client's settings: those of the environment, overridden by the command line."""
    settings = Config.from_defaults()
    settings.url, settings.api_key = (
        options.url or settings.url,
        options.api_key or settings.api_key,
    )
    return settings


def send_question(
    client: Client, conversation: Chat, prompt: str, options: argparse.Namespace
) -> tuple[int, Tally]:
    """Send a question and show its answer; return the exit code and the answer's figures."""
    chunks: Iterable[StreamChunk]
    if options.no_stream:
        chunks = as_one_chunk(lambda: conversation.generate(prompt))
    else:
        chunks = conversation.generate_stream(prompt)
    return show(client, chunks, as_json=options.json, delay=options.delay)


def show(
    client: Client,
    chunks: Iterable[StreamChunk],
    *,
    as_json: bool,
    delay: float = 0.0,
    owned: bool = True,
) -> tuple[int, Tally]:
    """Show an answer on the terminal; return the exit code and the answer's figures.

    Ctrl-C, or a reader that closes the pipe, interrupts the answer. If `owned`, its run is then
    cancelled on the server.
    """
    tally = Tally()
    display = pick_show(as_json=as_json, delay=delay)
    interrupted = False
    try:
        with _without_echo():
            for chunk in chunks:
                tally.add(chunk)
                display.add(chunk)
    except (KeyboardInterrupt, BrokenPipeError) as error:
        interrupted = True
        if owned and tally.run_id is not None:
            with suppress(AgnoStreamError):
                client.cancel(tally.run_id)
        if isinstance(error, BrokenPipeError):
            raise
    finally:
        display.close()
    if interrupted:
        message = "stopped." if owned else "no longer watching the run."
        print(f"agno-stream: {message}", file=sys.stderr)
        return EXIT_INTERRUPTED, tally
    failure = tally.last.failure
    if failure is None:
        return 0, tally
    print(f"agno-stream: {failure}{advice(failure)}", file=sys.stderr)
    return 1, tally


@contextmanager
def _without_echo() -> Iterator[None]:
    """Hide what is typed, Ctrl-C included, while an answer is shown; the next prompt gets the
    input."""
    if not sys.stdin.isatty() or sys.platform == "win32":
        yield
        return
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def advice(failure: AgnoStreamError) -> str:
    """Return a sentence that names a command which may help after a failure; empty if none does."""
    if isinstance(failure, ServerUnreachable) and failure.message.startswith("No server"):
        return " Start one with: agno-stream serve"
    if isinstance(failure, ConnectionLost) and failure.number:
        return f" Continue with: agno-stream runs resume {failure.run_id}:{failure.number}"
    return ""


def print_status(text: str) -> None:
    """Print a status line, dim if the terminal can show that."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        print(text)
        return
    Console(highlight=False).print(text, style="dim", markup=False, soft_wrap=True)
