"""Records what readers see of a run besides its text, to be stored with its turn.

See docs/decisions/058-what-a-reader-saw-is-stored-with-the-turn.md.
"""

from collections.abc import Callable

from ....models.answer_parts import Part, has_more_than_text
from ....models.chat import StreamingChunk
from ....models.growing import GrowingText
from ....models.parts_folding import PartsFolder


class Recorder:
    """Folds the chunks of one run that are more than text.

    `text` is what the reader of events appends each new text to. It is taken when something else
    comes, so that an answer that is only text costs nothing here.
    """

    __slots__ = ("_emit", "_fold", "_text", "thoughts")

    def __init__(self, text: GrowingText, emit: Callable[[StreamingChunk], None]) -> None:
        self._text = text
        self._emit = emit
        self._fold: PartsFolder | None = None
        self.thoughts = 0  # pieces of reasoning

    def emit(self, chunk: StreamingChunk) -> None:
        """Add a chunk whose text is not in `text`, and emit it."""
        self._emit(self.add(chunk))

    def add(self, chunk: StreamingChunk) -> StreamingChunk:
        """Add a chunk whose text is not in `text`, and return it."""
        self._catch_up()
        self._folder.add(chunk)
        return chunk

    def add_reasoning(self, reasoning: str) -> None:
        """Add reasoning, before the text of the same chunk is in `text`."""
        self._catch_up()
        self._folder.add_reasoning(reasoning)
        self.thoughts += 1

    def end(self, last: StreamingChunk) -> StreamingChunk:
        """Return the last chunk, which is added unless the run has nothing but text."""
        more = last.reasoning or last.citations or last.final is not None
        return self.add(last) if more or not self._is_empty else last

    def parts(self, *, whole: bool = False) -> list[Part]:
        """The parts so far; empty if the answer is only text, which is not joined then, unless the
        `whole` of it is wanted."""
        if self._is_empty and not whole:
            return []
        self._catch_up()
        found = self._folder.parts()
        return found if whole or has_more_than_text(found) else []

    @property
    def _is_empty(self) -> bool:
        return self._fold is None or self._fold.empty

    @property
    def _folder(self) -> PartsFolder:
        """What folds, from the first chunk on that is more than text."""
        if self._fold is None:
            self._fold = PartsFolder()
        return self._fold

    def _catch_up(self) -> None:
        if text := self._text.take():
            self._folder.add_text(text)
