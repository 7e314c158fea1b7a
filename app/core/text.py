"""Text that arrives in pieces: its way out, and what makes it safe to encode."""

from collections.abc import Callable

#: Takes a piece of text and a piece of reasoning as they come; either may be None.
Sink = Callable[[str | None, str | None], None]


class Streamed(str):
    """A text whose pieces went to a sink before: it is for Agno's memory, not for readers.

    Agno joins reasoning to another text that is mostly empty; then it stays what it is.
    """

    __slots__ = ()

    def __add__(self, other: str) -> str:
        return super().__add__(other) if other else self

    def __radd__(self, other: str) -> str:
        return other + str(self) if other else self


def whole(text: str) -> str:
    """Text that can be encoded: halves of characters are joined, single ones become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Joiner:
    """Joins characters that were cut in two between pieces.

    A provider may send the halves of an emoji (UTF-16 surrogates) in two deltas; neither can be
    encoded by itself. A half without its other half becomes U+FFFD.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The text that is whole with this piece; a last high half is held back."""
        if not self._half and piece.isascii():
            return piece
        text = self._half + piece
        self._half = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._half = text[-1]
            text = text[:-1]
        return whole(text)

    def rest(self) -> str:
        """What is left at the end: U+FFFD for a half whose other half never came."""
        half, self._half = self._half, ""
        return "\ufffd" if half else ""
