"""The end of an answer on the terminal, which is redrawn while it grows, as rendered lines."""

import time

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.control import Control
from rich.segment import ControlType, Segment

REDRAW_TIME_SHARE = 0.1  # of the time at most is spent on redrawing


class Tail:
    """The end of the last Markdown block, which is incomplete: as many lines as the screen has."""

    def __init__(self) -> None:
        self._block: RenderableType = ""
        self._content: object = None
        self._blank_line = False
        self._drawn: object = None
        self._lines: list[list[Segment]] = []
        self._cost = self._drawn_at = 0.0

    def show(self, block: RenderableType, content: object, *, blank_line: bool) -> None:
        self._block, self._content, self._blank_line = block, content, blank_line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = time.perf_counter()
        content = (self._content, self._blank_line, options.max_width)
        if self._drawn != content and now >= self._drawn_at + self._cost / REDRAW_TIME_SHARE:
            found = rendered(console, self._block)
            self._lines = [[], *found] if self._blank_line else found
            self._drawn, self._drawn_at = content, now
            self._cost = time.perf_counter() - now
        yield Lines(self._lines[-max(1, console.height - 2) :])


class Lines:
    """Rendered lines, which rich prints as they are."""

    def __init__(self, lines: list[list[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


def rendered(console: Console, block: RenderableType) -> list[list[Segment]]:
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


def erase(console: Console, count: int) -> bool:
    """Erase the last lines that were printed; returns False, and does nothing, if they are not all
    on the screen."""
    if not console.is_terminal or count >= console.height:
        return False
    line = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
    console.control(Control(ControlType.CARRIAGE_RETURN, *line * count))
    return True
