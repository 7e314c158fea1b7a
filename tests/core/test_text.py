"""Text in pieces: no character is lost, and none is left that cannot be encoded."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.text import Joiner, whole

#: UTF-16 code units, each a `str` of its own; half of them halves of characters.
UNITS = st.characters(max_codepoint=0xFFFF) | st.characters(categories=["Cs"])


def joined(pieces: list[str]) -> str:
    joiner = Joiner()
    fed = [joiner.feed(piece) for piece in pieces]
    for piece in fed:
        piece.encode()  # each goes out by itself
    return "".join(fed) + joiner.rest()


def units(text: str) -> list[str]:
    """The UTF-16 code units of a text, surrogates as single characters."""
    raw = text.encode("utf-16-le")
    return [chr(int.from_bytes(raw[at : at + 2], "little")) for at in range(0, len(raw), 2)]


def cut(items: list[str], cuts: set[int]) -> list[str]:
    places = [0, *sorted(place for place in cuts if place < len(items)), len(items)]
    return ["".join(items[a:b]) for a, b in pairwise(places)]


@given(st.text(), st.sets(st.integers(0, 200)))
@example("🙂🙂", {1, 3})
@example("🙂", {0, 1})
@example("\ufeff🙂", {1, 2})
def test_any_cuts(text: str, cuts: set[int]) -> None:
    """A text cut anywhere, also within its characters, is the same text again."""
    assert text == joined(cut(units(text), cuts))


@given(st.text(), st.sets(st.integers(0, 200)))
def test_cuts_between_characters(text: str, cuts: set[int]) -> None:
    """Pieces of whole characters come out as they are, at once."""
    pieces = cut(list(text), cuts)
    joiner = Joiner()
    assert pieces == [joiner.feed(piece) for piece in pieces]
    assert "" == joiner.rest()


@given(st.lists(UNITS), st.sets(st.integers(0, 200)))
@example(["\ud83d", "\ud83d", "\ude42"], {1, 2})
@example(["\ude42", "\ud83d"], {1})
@example(["\ud83d", "a"], {1})
@example(["\ud83d", ""], {1})
def test_any_units(items: list[str], cuts: set[int]) -> None:
    """Halves without their other half become U+FFFD, the rest is kept, wherever it was cut."""
    text = "".join(items)
    told = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert told == joined(cut(items, cuts))
    assert told == whole(text)


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        (["smile \ud83d", "\ude42 done"], "smile 🙂 done"),
        (["\ud83d", "", "\ude42"], "🙂"),
        (["\ud83d"], "\ufffd"),
        (["\ude42 late"], "\ufffd late"),
        (["\ud83d\ud83d\ude42"], "\ufffd🙂"),
        (["\ud83d", "plain"], "\ufffdplain"),
        ([], ""),
        ([""], ""),
    ],
)
def test_halves(pieces: list[str], told: str) -> None:
    """The cases one would think of first."""
    assert told == joined(pieces)


def test_a_joiner_is_empty_after_its_rest() -> None:
    """`rest` is told once."""
    joiner = Joiner()
    joiner.feed("\ud83d")
    assert ["\ufffd", ""] == [joiner.rest(), joiner.rest()]
