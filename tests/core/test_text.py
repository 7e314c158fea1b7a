"""Text in pieces: no character is lost, and none is left that cannot be encoded."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.text import SurrogateJoiner, replace_lone_surrogates

#: UTF-16 code units, each a `str` of its own; half of them surrogates.
UNITS = st.characters(max_codepoint=0xFFFF) | st.characters(categories=["Cs"])


def joined(pieces: list[str]) -> str:
    joiner = SurrogateJoiner()
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
def test_text_survives_any_cut(text: str, cuts: set[int]) -> None:
    """A text cut anywhere, also within its characters, is the same text again."""
    assert text == joined(cut(units(text), cuts))


@given(st.text(), st.sets(st.integers(0, 200)))
def test_whole_pieces_pass_at_once(text: str, cuts: set[int]) -> None:
    """Pieces of whole characters come out as they are, at once."""
    pieces = cut(list(text), cuts)
    joiner = SurrogateJoiner()
    assert pieces == [joiner.feed(piece) for piece in pieces]
    assert "" == joiner.rest()


@given(st.lists(UNITS), st.sets(st.integers(0, 200)))
@example(["\ud83d", "\ud83d", "\ude42"], {1, 2})
@example(["\ude42", "\ud83d"], {1})
@example(["\ud83d", "a"], {1})
@example(["\ud83d", ""], {1})
def test_lone_surrogates_are_replaced(items: list[str], cuts: set[int]) -> None:
    """Lone surrogates become U+FFFD, the rest is kept, wherever the text was cut."""
    text = "".join(items)
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert expected == joined(cut(items, cuts))
    assert expected == replace_lone_surrogates(text)


@pytest.mark.parametrize(
    ("pieces", "expected"),
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
def test_surrogates_at_the_ends_of_pieces(pieces: list[str], expected: str) -> None:
    """A pair is joined whatever lies between, and each lone surrogate becomes one U+FFFD."""
    assert expected == joined(pieces)


def test_rest_is_returned_once() -> None:
    """`rest` returns what was held back once."""
    joiner = SurrogateJoiner()
    joiner.feed("\ud83d")
    assert ["\ufffd", ""] == [joiner.rest(), joiner.rest()]
