"""Who speaks on the terminal: the text of each speaker until its blocks are complete."""

from collections.abc import Iterator

from markdown_it import MarkdownIt
from rich.console import RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from agno_stream.parts import Speaker

#: Columns by which a speaker is indented, for each depth.
INDENT = 2

_PARSER = MarkdownIt().enable(["strikethrough", "table"])


class Voice:
    """The incomplete text and reasoning of one speaker, or of the answer itself (None)."""

    def __init__(self, speaker: Speaker | None = None) -> None:
        self.name = None if speaker is None else " ".join(speaker["name"].split())
        self.indent = 0 if speaker is None else INDENT * speaker.get("depth", 1)
        self.text = ""
        self.thoughts = ""
        self.began = self.latest = 0  # when it began what is incomplete, and last added to it

    @property
    def pending(self) -> bool:
        """True if something is not complete."""
        return bool(self.text or self.thoughts)

    def hear(self, moment: int) -> None:
        """Note that the speaker adds something; moments are counted."""
        if not self.pending:
            self.began = moment
        self.latest = moment

    def write(self, text: str) -> Iterator[RenderableType]:
        """Add text; yield reasoning before it, and all Markdown blocks that it completes."""
        yield from self._rest_of_thoughts()
        self.text += text
        if "\n" not in text:
            return
        tokens = _PARSER.parse(self.text)
        starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
        if len(starts) > 1 and starts[-1] > 0:
            lines = self.text.splitlines(keepends=True)
            complete, self.text = "".join(lines[: starts[-1]]), "".join(lines[starts[-1] :])
            yield self.block(markdown(complete))

    def think(self, text: str) -> None:
        """Add reasoning."""
        self.thoughts += text

    def rest(self) -> Iterator[RenderableType]:
        """Yield what is not complete, because something else follows."""
        yield from self._rest_of_thoughts()
        if self.text.strip():
            yield self.block(markdown(self.text))
        self.text = ""

    def drop(self) -> None:
        """Forget what is not complete."""
        self.text = self.thoughts = ""

    def block(self, inner: RenderableType) -> RenderableType:
        """A block at the speaker's indent."""
        return Padding(inner, (0, 0, 0, self.indent)) if self.indent else inner

    def header(self) -> Text | None:
        """The line with the speaker's name, before its first block; None for the answer itself."""
        if self.name is None:
            return None
        return Text(f"{' ' * (self.indent - INDENT)}▌{self.name}", style="bold cyan")

    def tail(self) -> RenderableType | None:
        """What is incomplete, to be redrawn while it grows; None if there is nothing."""
        if self.text:
            return self.block(markdown(self.text))
        if self.thoughts.strip():
            return self.block(Text(self.thoughts.strip(), style="dim italic"))
        return None

    def _rest_of_thoughts(self) -> Iterator[RenderableType]:
        if self.thoughts.strip():
            yield self.block(Text(self.thoughts.strip(), style="dim italic"))
        self.thoughts = ""


def markdown(text: str) -> Markdown:
    return Markdown(text, code_theme="ansi_dark")  # the terminal's own colours
