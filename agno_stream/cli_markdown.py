"""Streamed Markdown on a terminal: complete blocks are printed, the last one is redrawn."""

from collections.abc import Callable, Iterable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from agno_stream import cli_lines as lines
from agno_stream.cli_tail import Lines, Tail, erase, rendered
from agno_stream.cli_voices import Voice, markdown
from agno_stream.parts import Citation, Media, Said, Speaker, ToolCall
from agno_stream.standing import RECOVERED, Standing
from agno_stream.types import StreamChunk

REDRAWS_PER_SECOND = 10  # at most

#: What is shown of media: where it was saved, or its address.
ShowMedia = Callable[[Media], str]


class MarkdownShow:
    """Shows an answer on a terminal in the order in which it comes.

    Text is Markdown, reasoning is dim; the text of members and steps is indented under their names;
    tools, steps, events and media are lines, sources and followups are lists at the end. `long`
    shows arguments and results whole. An answer that is complete need not be `live`.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        live: bool = True,
        long: bool = False,
        media: ShowMedia = lambda item: item["url"],
    ) -> None:
        self._console = console or Console(highlight=False)
        self._long, self._media = long, media
        self._answer = Voice()
        self._voices: dict[object, Voice] = {}
        self._moment = 0
        self._latest = self._answer  # whose tail is redrawn
        self._heard = self._answer  # whose block was printed last
        self._line: object = None  # what was printed last, if it was a line
        self._called: set[object] = set()  # tool calls that were shown
        self._printed = False
        self._number = 0  # of the event that is shown
        self._blocks: Standing[int] = Standing()  # the lines of each
        self._citations: list[Citation] = []
        self._followups: list[str] = []
        self._final: list[str] = []
        self._tail = Tail()
        self._waiting = Spinner("dots", style="dim")
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            vertical_overflow="visible",
        )
        if live:
            self._live.start()

    def add(self, chunk: StreamChunk) -> None:
        self._moment += 1
        self._number = chunk.number or self._number
        if chunk.recovered is not None:
            self._take_back(chunk.recovered["after"])
        if chunk.reasoning:
            self._think(self._answer, chunk.reasoning)
        if chunk.text:
            self._write(self._answer, chunk.text)
        if chunk.tool is not None:
            self._tool(self._answer, chunk.tool)
        if chunk.said is not None and chunk.speaker is not None:
            self._show_speech(chunk.speaker, chunk.said)
        if chunk.step is not None:
            style = "red" if chunk.step["status"] == "failed" else "dim"
            self._print_line(Text(lines.step_line(chunk.step), style=style))
        if chunk.event is not None:
            voice = self._answer if chunk.speaker is None else self._voice(chunk.speaker)
            line = Text(lines.event_line(chunk.event, long=self._long), style="dim")
            self._print_line(line, voice)
        for item in chunk.media or ():
            self._print_line(Text(f"▣ {item['kind']}: {self._media(item)}"))
        self._citations += chunk.citations or ()
        self._followups = chunk.followups or self._followups
        if chunk.final is not None:
            self._final.append(chunk.final)

    def close(self) -> None:
        self._live.stop()
        self._flush()
        if self._final:
            self._print_line(Text("The whole answer, as it was changed at its end:", style="dim"))
            self._print([markdown("".join(self._final))], self._answer)
        if self._citations:
            self._print([Text(lines.citation_lines(self._citations), style="dim")], self._answer)
        if self._followups:
            self._print([Text(lines.followup_lines(self._followups), "cyan")], self._answer)

    def _take_back(self, after: int) -> None:
        """Erase what is void, as far as it is on the screen, and report that another server goes
        on."""
        self._live.stop()
        for voice in (*self._voices.values(), self._answer):
            voice.drop()
        void = sum(self._blocks.take_back(after))
        note = RECOVERED
        if not erase(self._console, void):
            note += f" The {void} lines above are void."
        self._printed = bool(self._blocks.items)
        self._final, self._line = [], None
        self._print_line(Text(note, style="dim"))
        self._live.start()

    def _show_speech(self, speaker: Speaker, added: Said) -> None:
        voice = self._voice(speaker)
        if added.get("reasoning"):
            self._think(voice, added["reasoning"])
        if added.get("content"):
            self._write(voice, added["content"])
        if "tool" in added:
            self._tool(voice, added["tool"])

    def _voice(self, speaker: Speaker) -> Voice:
        key = (speaker["id"], speaker.get("run_id"))
        if key not in self._voices:
            self._voices[key] = Voice(speaker)
        return self._voices[key]

    def _think(self, voice: Voice, text: str) -> None:
        voice.hear(self._moment)
        voice.think(text)
        self._latest = voice

    def _write(self, voice: Voice, text: str) -> None:
        if voice is self._answer and self._latest is not voice:
            self._flush()  # earlier text stands before the answer
        voice.hear(self._moment)
        self._latest = voice
        self._print(voice.write(text), voice)

    def _tool(self, voice: Voice, tool: ToolCall) -> None:
        key = (id(voice), tool["id"])
        self._print(voice.rest(), voice)
        if voice is self._answer:
            self._flush()
        if tool["status"] == "started" or key not in self._called:
            self._called.add(key)
            self._print_line(Text(lines.call_line(tool, long=self._long), style="dim"), voice)
            self._line = key
        if tool["status"] in ("completed", "failed"):
            style = "red" if tool["status"] == "failed" else "dim"
            result = lines.result_lines(tool, long=self._long, named=self._line != key)
            self._print_line(Text(result, style=style), voice)
            self._line = key

    def _flush(self) -> None:
        for voice in (*self._voices.values(), self._answer):
            self._print(voice.rest(), voice)

    def _print_line(self, line: Text, voice: Voice | None = None) -> None:
        """Print a line; there is no blank line between two of them."""
        voice = voice or self._answer
        self._print(voice.rest(), voice)
        if voice is self._answer:
            self._flush()
        self._header(voice)
        self._block(voice.block(line), blank=self._line is None)
        self._line = True

    def _print(self, blocks: Iterable[RenderableType], voice: Voice) -> None:
        for block in blocks:
            self._flush_earlier(voice)
            headed = self._header(voice)
            self._block(block, blank=not headed)
            self._line = None

    def _flush_earlier(self, voice: Voice) -> None:
        """Print the text of others from before this speaker began, and those without text since."""
        for other in self._voices.values():
            if other is not voice and other.pending and other.latest < voice.began:
                self._print(other.rest(), other)

    def _header(self, voice: Voice) -> bool:
        """Print the name of a speaker who was not the last one; return whether it was printed."""
        if voice is self._heard:
            return False
        self._heard = voice
        if (header := voice.header()) is None:
            return False
        self._block(header, blank=True)
        self._line = True
        return True

    def _block(self, block: RenderableType, *, blank: bool) -> None:
        found = rendered(self._console, block)
        whole = [[], *found] if self._printed and blank else found
        self._console.print(Lines(whole))
        self._blocks.add(self._number, len(whole))
        self._printed = True

    def _draw(self) -> "Spinner | Tail | Text":
        if (tail := self._latest.tail()) is None:
            return self._waiting
        content = (self._latest, self._latest.text, self._latest.thoughts)
        self._tail.show(tail, content, blank_line=self._printed)
        return self._tail
