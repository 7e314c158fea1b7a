"""Texts that come in small pieces are whole, and take about the memory of the text."""

import gc
import tracemalloc

import pytest

from app.models.growing import MANY, GrowingText


@pytest.mark.parametrize("count", [0, 1, MANY - 1, MANY, MANY + 1, 5 * MANY + 3])
def test_each_piece_is_there_once(count: int) -> None:
    """The whole text, and what was taken in parts, are the pieces in order."""
    pieces = [f"{n} " for n in range(count)]
    text, taken = GrowingText(), ""
    for number, piece in enumerate(pieces):
        text.append(piece)
        if number % 97 == 0:
            taken += text.take()
            assert text.take() == ""
    assert str(text) == taken + text.take() == "".join(pieces)


def test_a_long_text_takes_little_memory() -> None:
    """Neither the memory nor the objects that the garbage collector visits grow with the number of
    pieces."""
    text = GrowingText()
    tracemalloc.start()
    try:
        for n in range(20_000):
            text.append(f"{n} ")
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2 * len(str(text))
    visited = sum(len(part) for part in gc.get_referents(text) if isinstance(part, list))
    assert visited < 2 * MANY
