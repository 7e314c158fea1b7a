"""Questions of the command line: show the answer, and turn its end into an exit code."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from agno_stream.chats import Chat
from agno_stream.cli_media import Saver
from agno_stream.cli_show import Look, Tally, as_chunks, chunks_of, pick_show
from agno_stream.client import Client
from agno_stream.config import DEFAULT_URL, Config
from agno_stream.errors import AgnoStreamError, ConnectionLost, ServerUnreachable
from agno_stream.infos import Message
from agno_stream.parts import Part
from agno_stream.requests import MediaInput, QuestionOptions, attachment
from agno_stream.types import StreamChunk

EXIT_INTERRUPTED = 130


def client_config(options: argparse.Namespace) -> Config:
    """Return the client's settings: those of the environment, overridden by the command line."""
    settings = Config.from_defaults()
    settings.url, settings.api_key = (
        options.url or settings.url,
        options.api_key or settings.api_key,
    )
    settings.headers = dict(options.header or ())
    return settings


def send_question(
    client: Client,
    conversation: Chat,
    prompt: str,
    options: argparse.Namespace,
    images: Sequence[str] = (),
) -> tuple[int, Tally]:
    """Send a question with image files and show its answer; return the exit code and the answer's
    figures. Raises `AgnoStreamError` for a file that cannot be read."""
    chunks: Iterable[StreamChunk]
    more: QuestionOptions = {"images": [image(name) for name in images]} if images else {}
    if options.no_stream:
        chunks = as_chunks(lambda: conversation.generate(prompt, **more), whole=options.json)
    else:
        chunks = conversation.generate_stream(prompt, **more)
    return show(client, chunks, look(client, options))


def image(name: str) -> MediaInput:
    """Return a file as an image of a question; raises `AgnoStreamError`."""
    try:
        found = attachment(name)
    except OSError as error:
        raise AgnoStreamError(f"{name} cannot be read: {error.strerror}") from error
    if not found["mime_type"].startswith("image/"):
        raise AgnoStreamError(f"{name} does not end like an image, such as .png or .jpg.")
    return found


def look(client: Client, options: argparse.Namespace) -> Look:
    """Return how the options of the command line want answers to be shown."""
    saver = Saver(client, getattr(options, "save", None))
    return Look(
        as_json=options.json,
        delay=getattr(options, "delay", 0.0),
        long=getattr(options, "verbose", False),
        media=saver.show,
    )


def show(
    client: Client, chunks: Iterable[StreamChunk], look: Look, *, owned: bool = True
) -> tuple[int, Tally]:
    """Show an answer on the terminal; return the exit code and the answer's figures.

    Ctrl-C, or a reader that closes the pipe, interrupts the answer. If `owned`, its run is then
    cancelled on the server.
    """
    tally = Tally()
    display = pick_show(look)
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
    print(f"agno-stream: {failure}{advice(failure, client.config.url)}", file=sys.stderr)
    return 1, tally


def show_messages(messages: Sequence[Message], look: Look) -> None:
    """Show stored messages: questions after a `>`, answers as they were when they came."""
    for message in messages:
        if message.role == "user":
            print_status(f"> {message.content}")
            continue
        show_parts(message.parts, look, message.followups)
        if message.finish_reason is not None:
            print_status(f"ended as {message.finish_reason}")


def show_parts(parts: Sequence[Part], look: Look, followups: Sequence[str] = ()) -> None:
    """Show the parts of an answer that is complete."""
    display = pick_show(look, live=False)
    try:
        for chunk in chunks_of(parts):
            display.add(chunk)
        display.add(StreamChunk("", True, followups=list(followups) or None))
    finally:
        display.close()


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


def at_server(url: str) -> str:
    """Return the flag that a command needs to reach the server at `url`; empty for the default."""
    return "" if url == DEFAULT_URL else f" --url {shlex.quote(url)}"


def advice(failure: AgnoStreamError, url: str) -> str:
    """Return a sentence that names a command which may help after a failure of a call of the server
    at `url`; empty if none does."""
    if isinstance(failure, ServerUnreachable) and failure.message.startswith("No server"):
        return " Start one with: agno-stream serve"
    if isinstance(failure, ConnectionLost) and failure.number:
        event = f"{failure.run_id}:{failure.number}"
        return f" Continue with: agno-stream runs resume {event}{at_server(url)}"
    return ""


def print_status(text: str) -> None:
    """Print a status line, dim if the terminal can show that."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        print(text)
        return
    Console(highlight=False).print(text, style="dim", markup=False, soft_wrap=True)
