"""Streamed Markdown on a terminal: complete blocks are printed, the last one is redrawn."""

import time

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from agno_stream.types import StreamChunk

REDRAWS_PER_SECOND = 10  # at most
REDRAW_TIME_SHARE = 0.1  # of the time at most is spent on redrawing


class MarkdownShow:
    """Shows an answer on a terminal: its text as Markdown, reasoning dimly, tool calls as lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._parser = MarkdownIt().enable(["strikethrough", "table"])
        self._text = ""  # of the incomplete block
        self._thoughts = ""
        self._printed = False
        self._tail = _Tail()
        self._waiting = Spinner("dots", style="dim")
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            vertical_overflow="visible",
        )
        self._live.start()

    def add(self, chunk: StreamChunk) -> None:
        if chunk.reasoning:
            self._thoughts += chunk.reasoning
        if chunk.tool is not None and chunk.tool.get("status") == "started":
            self._flush()
            self._print(Text(f"⚙ {chunk.tool.get('name')}", style="dim"))
        if chunk.text:
            self._flush_thoughts()
            self._text += chunk.text
            if "\n" in chunk.text:
                self._print_complete_blocks()

    def close(self) -> None:
        self._live.stop()
        self._flush()

    def _print_complete_blocks(self) -> None:
        """Print all Markdown blocks except the last one, which may be incomplete."""
        tokens = self._parser.parse(self._text)
        starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
        if len(starts) > 1 and starts[-1] > 0:
            lines = self._text.splitlines(keepends=True)
            complete, self._text = "".join(lines[: starts[-1]]), "".join(lines[starts[-1] :])
            self._print(_markdown(complete))

    def _flush(self) -> None:
        self._flush_thoughts()
        if self._text.strip():
            self._print(_markdown(self._text))
        self._text = ""

    def _flush_thoughts(self) -> None:
        if self._thoughts.strip():
            self._print(Text(self._thoughts.strip(), style="dim italic"))
        self._thoughts = ""

    def _print(self, block: Markdown | Text) -> None:
        lines = _lines(self._console, block)
        self._console.print(_Lines([[], *lines] if self._printed else lines))
        self._printed = True

    def _draw(self) -> "Spinner | _Tail | Text":
        if not self._text and not self._thoughts:
            return self._waiting
        self._tail.show(self._text, self._thoughts, blank_line=self._printed)
        return self._tail


class _Tail:
    """The end of the last Markdown block, which is incomplete: as many lines as the screen has."""

    def __init__(self) -> None:
        self._content: tuple[str, str, bool] = ("", "", False)
        self._drawn: tuple[tuple[str, str, bool], int] | None = None
        self._lines: list[list[Segment]] = []
        self._cost = self._drawn_at = 0.0

    def show(self, text: str, thoughts: str, *, blank_line: bool) -> None:
        self._content = (text, thoughts, blank_line)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = time.perf_counter()
        content = (self._content, options.max_width)
        if self._drawn != content and now >= self._drawn_at + self._cost / REDRAW_TIME_SHARE:
            text, thoughts, blank_line = self._content
            block = _markdown(text) if text else Text(thoughts.strip(), style="dim italic")
            lines = _lines(console, block)
            self._lines = [[], *lines] if blank_line else lines
            self._drawn, self._drawn_at = content, now
            self._cost = time.perf_counter() - now
        yield _Lines(self._lines[-max(1, console.height - 2) :])


class _Lines:
    """Rendered lines, which rich prints as they are."""

    def __init__(self, lines: list[list[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


def _markdown(text: str) -> Markdown:
    return Markdown(text, code_theme="ansi_dark")  # the terminal's own colours


def _lines(console: Console, block: Markdown | Text) -> list[list[Segment]]:
    """Return a block as rendered lines, without blank lines around it and without trailing spaces.

    Trailing spaces would be copied and wrapped by the terminal.
    """
    lines = [_stripped(line) for line in console.render_lines(block, pad=False)]
    while lines and not lines[-1]:
        lines.pop()
    first = next((number for number, line in enumerate(lines) if line), 0)
    return lines[first:]


def _stripped(line: list[Segment]) -> list[Segment]:
    while line and not line[-1].text.rstrip():
        line = line[:-1]
    if line:
        text, style, control = line[-1]
        line = [*line[:-1], Segment(text.rstrip(), style, control)]
    return line
