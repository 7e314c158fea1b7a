"""Text that arrives in pieces: the sink it goes to, and the mending of lone surrogates."""

from collections.abc import Callable
from typing import Any

#: Takes a piece of text and a piece of reasoning as they come; either may be None.
Sink = Callable[[str | None, str | None], None]


class AlreadySent(str):
    """Text that is already in a run's log: Agno stores it, but no further chunk is made of it.

    Agno concatenates reasoning with another text, which is usually empty; joined with an empty
    text, the type stays.
    """

    __slots__ = ()

    def __add__(self, other: str) -> str:
        return super().__add__(other) if other else self

    def __radd__(self, other: str) -> str:
        return other + str(self) if other else self


def replace_lone_surrogates(text: str) -> str:
    """Return a text as valid Unicode: surrogate pairs are joined, lone surrogates become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def without_lone_surrogates(value: Any) -> Any:
    """Return a value of JSON whose texts are all valid Unicode."""
    if isinstance(value, str):
        return replace_lone_surrogates(value)
    if isinstance(value, dict):
        return {
            replace_lone_surrogates(name): without_lone_surrogates(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [without_lone_surrogates(part) for part in value]
    return value


class SurrogateJoiner:
    """Joins the two UTF-16 surrogates of a character that a provider has sent in separate texts.

    Neither surrogate of an emoji can be encoded alone. A lone surrogate becomes U+FFFD.
    """

    __slots__ = ("high",)

    def __init__(self) -> None:
        self.high = ""  # the surrogate that waits for the next piece

    def feed(self, piece: str) -> str:
        """Return the valid text that ends with this piece; a high surrogate at its end waits for
        the next."""
        if not self.high and piece.isascii():
            return piece
        text = self.high + piece
        self.high = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self.high = text[-1]
            text = text[:-1]
        return replace_lone_surrogates(text)

    def rest(self) -> str:
        """Return the text that still waits at the end: U+FFFD for a lone high surrogate, else
        empty."""
        high, self.high = self.high, ""
        return "\ufffd" if high else ""
