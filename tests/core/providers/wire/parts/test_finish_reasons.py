"""The finish reasons of all providers."""

import pytest

from app.core.providers.wire.parts.finish_reasons import (
    FAILURES,
    SHOWN,
    failure_message,
    finish_reason,
)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stop", "stop"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("maxTokens", "length"),
        (" Content Filter ", "content_filter"),
        ("toolUse", "tool_calls"),
        ("FINISH_REASON_SAFETY", "content_filter"),
        ("", "error"),
        ("stopped by the moon", "error"),
        ("x" * 10_000, "error"),
        *((word, "error") for word in sorted(FAILURES)),
    ],
)
def test_a_word_is_taken_for_another(word: str, expected: str) -> None:
    """A word means the same in any case and spelling; one that nobody knows is a failure."""
    assert expected == finish_reason(word)


def test_a_word_fills_the_message() -> None:
    """A message names the word, as far as it can be shown."""
    assert "'gone'" in failure_message("gone")
    assert "not known" in failure_message("gone")
    assert "not known" not in failure_message("ABORT")
    assert len(failure_message("x" * 10_000)) < SHOWN + 100
