"""Token counts of all protocols."""

from typing import Any

import pytest

from app.core.providers.wire.parts.usage import usage_of
from app.models.chat import Usage


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}, Usage(10, 3, 13)),
        ({"prompt_tokens": "10", "completion_tokens": 3.0}, Usage(10, 3, 13)),
        ({"prompt_tokens": 10, "total_tokens": 20}, Usage(10, 0, 20)),
        ({"total_tokens": 20}, Usage(0, 0, 20)),
        ({"prompt_eval_count": 10, "eval_count": 3}, Usage(10, 3, 13)),
        (
            {
                "input_tokens": 10,
                "output_tokens": 3,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": "2"},
            },
            Usage(10, 3, 13, reasoning_tokens=2, cached_tokens=4),
        ),
        (
            {"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 3},
            Usage(10, 3, 13, cached_tokens=6),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 1, "thoughtsTokenCount": 2},
            Usage(10, 3, 13, reasoning_tokens=2),
        ),
        ({"prompt_tokens": True, "completion_tokens": -1, "total_tokens": "many"}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": float("nan")}, None),
        ({"prompt_tokens_details": [1], "prompt_tokens": 1}, Usage(1, 0, 1)),
        ({}, None),
    ],
)
def test_a_count_is_taken_for_another(counts: dict[str, Any], expected: Usage | None) -> None:
    """Counts are found under any of their names, also as text; rubbish counts nothing."""
    assert expected == usage_of(counts)
