"""The text and the reasoning of a response, on their way to a sink and to the SDK."""

from .....models.growing import GrowingText
from ....text import Sink
from .think_tags import ThinkTags

#: Characters that are kept: what is joined of more takes the SDK too long at once.
MOST_KEPT = 2**18


class Text:
    """Gives text to a sink as it comes, and keeps it until the SDK gets it in one piece.

    With `think_tags`, a `<think>` element at the beginning of the text is reasoning.
    """

    __slots__ = ("_reasoning", "_sink", "_tags", "_texts", "_thoughts", "bound", "total")

    def __init__(self, sink: Sink | None, *, think_tags: bool) -> None:
        self._sink = sink or _nowhere
        self._tags = ThinkTags() if think_tags else None
        self._texts = GrowingText()
        self._thoughts: GrowingText | None = None
        self._reasoning: list[str] = []  # what `take` has returned of it
        self.total = 0  # characters so far
        self.bound = MOST_KEPT  # above which it is time for `take`

    def add(self, text: str | None, thought: str | None) -> bool:
        """Take a piece; False if it is held back, because it may be the beginning of a tag."""
        if self._tags is not None and text:
            text, tagged = self._tags.feed(text)
            thought = (thought or "") + tagged
            if not (text or thought):
                return False
        if text:
            self._texts.append(text)
            self.total += len(text)
        if thought:
            self._thoughts = self._thoughts or GrowingText()
            self._thoughts.append(thought)
            self.total += len(thought)
        self._sink(text or None, thought or None)
        return True

    def held(self) -> tuple[str, str]:
        """Text and reasoning that were held back, at the end; nothing is held back after this."""
        tags, self._tags = self._tags, None
        return ("", "") if tags is None else tags.close()

    def take(self) -> tuple[str, str]:
        """Text and reasoning since the last time."""
        text, thought = str(self._texts), str(self._thoughts or "")
        self._texts, self._thoughts = GrowingText(), None
        self.bound = self.total + MOST_KEPT
        if thought:
            self._reasoning.append(thought)
        return text, thought

    @property
    def reasoning(self) -> str:
        """All reasoning."""
        return "".join((*self._reasoning, str(self._thoughts or "")))


def _nowhere(text: str | None, thought: str | None) -> None:
    """Where text goes that nobody but the SDK reads."""
