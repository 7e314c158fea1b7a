"""Text that arrives in pieces: where it is sent, and how it is made safe to encode."""

from collections.abc import Callable

#: Called with each piece of text and of reasoning as it arrives; either may be None.
Sink = Callable[[str | None, str | None], None]


class AlreadySent(str):
    """Text that readers already have, piece by piece: it is for Agno's memory alone.

    Agno adds reasoning to another text, which is empty as a rule. A sum with an empty text stays
    `AlreadySent`; any other sum is a plain `str`.
    """

    __slots__ = ()

    def __add__(self, other: str) -> str:
        return super().__add__(other) if other else self

    def __radd__(self, other: str) -> str:
        return other + str(self) if other else self


def replace_lone_surrogates(text: str) -> str:
    """Text that UTF-8 can encode: surrogate pairs are joined, lone surrogates become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class SurrogateJoiner:
    """Joins surrogate pairs that were split between two pieces of text.

    A provider may send the two UTF-16 surrogates of an emoji in two deltas, and neither can be
    encoded by itself. A lone surrogate becomes U+FFFD.
    """

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = ""

    def feed(self, piece: str) -> str:
        """The text that is complete with this piece; a high surrogate at its end is held back."""
        if not self._high and piece.isascii():
            return piece
        text = self._high + piece
        self._high = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._high = text[-1]
            text = text[:-1]
        return replace_lone_surrogates(text)

    def rest(self) -> str:
        """What was held back when the text ends: U+FFFD for a high surrogate, else nothing."""
        high, self._high = self._high, ""
        return "\ufffd" if high else ""
