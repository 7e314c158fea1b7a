"""Asking for the command line: what an answer's end, a failure or Ctrl-C leads to."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from agno_stream.cli_show import Tally, pick, pieces
from agno_stream.client import Chat, Client
from agno_stream.config import Config
from agno_stream.errors import AgnoStreamError, ConnectionLost, ServerUnreachable
from agno_stream.types import StreamChunk

INTERRUPTED = 130


def config(options: argparse.Namespace) -> Config:
    """The settings of the command line over those of the environment."""
    chosen = Config.from_defaults()
    chosen.url, chosen.api_key = options.url or chosen.url, options.api_key or chosen.api_key
    return chosen


def ask(client: Client, place: Chat, prompt: str, options: argparse.Namespace) -> tuple[int, Tally]:
    """Ask and show; the exit code, and what the answer was like."""
    chunks: Iterable[StreamChunk]
    if options.no_stream:
        chunks = pieces(lambda: place.generate(prompt))
    else:
        chunks = place.generate_stream(prompt)
    return show(client, chunks, as_json=options.json, delay=options.delay)


def show(
    client: Client,
    chunks: Iterable[StreamChunk],
    *,
    as_json: bool,
    delay: float = 0.0,
    owned: bool = True,
) -> tuple[int, Tally]:
    """Show an answer; the exit code, and what it was like. Leaving an owned one, by Ctrl-C or
    because nobody reads any more, stops it on the server."""
    tally = Tally()
    display = pick(as_json=as_json, delay=delay)
    interrupted = False
    try:
        with _no_echo():
            for chunk in chunks:
                tally.add(chunk)
                display.add(chunk)
    except (KeyboardInterrupt, BrokenPipeError) as left:
        interrupted = True
        if owned and tally.run_id is not None:
            with suppress(AgnoStreamError):
                client.cancel(tally.run_id)
        if isinstance(left, BrokenPipeError):
            raise
    finally:
        display.close()
    if interrupted:
        print("agno-stream: stopped." if owned else "agno-stream: left.", file=sys.stderr)
        return INTERRUPTED, tally
    failure = tally.last.failure
    if failure is None:
        return 0, tally
    print(f"agno-stream: {failure}{hint(failure)}", file=sys.stderr)
    return 1, tally


@contextmanager
def _no_echo() -> Iterator[None]:
    """What is typed during an answer, Ctrl-C too, is not shown in the middle of it; the prompt
    after it has it."""
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


def hint(failure: AgnoStreamError) -> str:
    """What may help."""
    if isinstance(failure, ServerUnreachable) and failure.message.startswith("No server"):
        return " Start one with: agno-stream serve"
    if isinstance(failure, ConnectionLost) and failure.number:
        return f" Go on with: agno-stream runs resume {failure.run_id}:{failure.number}"
    return ""


def dim(text: str) -> None:
    """A line beside the answer, on a terminal."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        print(text)
        return
    Console(highlight=False).print(text, style="dim", markup=False, soft_wrap=True)
