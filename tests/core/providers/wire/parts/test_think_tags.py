"""Reasoning in `<think>` tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.providers.wire.parts.think_tags import ThinkTags, writes_think_tags


def _parted(pieces: list[str]) -> tuple[str, str]:
    tags = ThinkTags()
    parts = [*map(tags.feed, pieces), tags.close()]
    return "".join(text for text, _ in parts), "".join(thought for _, thought in parts)


@pytest.mark.parametrize(
    ("written", "text", "thought"),
    [
        ("one", "one", ""),
        (" \n<think>hmm</think>one", "one", "hmm"),
        ("<think>\nhmm\n</think>\n\none\n", "one\n", "hmm\n"),
        ("<think></think>one", "one", ""),
        ("<think>a < b </thin</think>c", "c", "a < b </thin"),
        ("<think>hmm", "", "hmm"),
        ("<thinking>one", "<thinking>one", ""),
        ("one <think>two</think>", "one <think>two</think>", ""),
        ("<think>a</think><think>b</think>", "<think>b</think>", "a"),
        ("<", "<", ""),
        ("", "", ""),
    ],
)
def test_a_tag_is_taken_for_text(written: str, text: str, thought: str) -> None:
    """Only an element at the beginning is reasoning, whole and in single letters."""
    assert (text, thought) == _parted([written]) == _parted(list(written))


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "th", "ink>", "/", "\n", "a"])))
def test_a_cut_changes_what_is_reasoning(pieces: list[str]) -> None:
    """Wherever a text is cut, the same of it is reasoning."""
    assert _parted(["".join(pieces)]) == _parted(pieces) == _parted(list("".join(pieces)))


@pytest.mark.parametrize(
    ("model", "expected"),
    [("deepseek-ai/DeepSeek-R1", True), ("qwen3:8b", True), ("gpt-4o-mini", False)],
)
def test_a_model_is_not_known(model: str, expected: bool) -> None:
    """Models that are known to write tags are found by a part of their names."""
    assert expected == writes_think_tags(model)
