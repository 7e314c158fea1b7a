"""Streams that providers were reported to send."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.providers.wire.reading import Case, check, read

REPORTED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "provider_streams.jsonl").read_text().splitlines()
]


def _case(reported: dict[str, Any]) -> Case:
    return Case(
        reported["name"],
        reported["body"].encode(),
        content_type=reported["content_type"],
        think_tags=reported["name"] == "think_tags",
    )


@pytest.mark.parametrize("reported", REPORTED, ids=lambda reported: reported["name"])
def test_a_reported_stream_comes_to_something_else(reported: dict[str, Any]) -> None:
    """Each reported stream comes to what must come of it, whole and byte by byte."""
    case = _case(reported)
    expected = reported["expect"]
    got = read("chat", case)
    if "after_the_tool" in reported:
        assert "tool_calls" == got.outcome.finish_reason
        if "calls" in expected:
            assert [tuple(call) for call in expected["calls"]] == got.calls
        kept = json.dumps([got.outcome.replay, [call.extra for call in got.outcome.calls]])
        assert expected.get("sent", "") in kept
        case = Case(reported["name"], reported["after_the_tool"].encode())
        got = read("chat", case)
    assert expected["text"] == got.text
    assert expected.get("reasoning", "") == got.reasoning
    ends = expected["end"] if isinstance(expected["end"], list) else [expected["end"]]
    assert got.outcome.finish_reason in ends
    case.text, case.reasoning, case.end = got.text, got.reasoning, got.outcome.finish_reason or ""
    case.says = expected.get("says", "")
    case.usage = tuple(expected["usage"]) if "usage" in expected else None
    case.status = got.outcome.error.status if got.outcome.error else None
    check("chat", case)


@given(st.sampled_from(REPORTED), st.sets(st.integers(0, 2000)))
def test_a_cut_changes_what_a_stream_comes_to(reported: dict[str, Any], cuts: set[int]) -> None:
    """Wherever a stream is cut between two reads, it comes to the same."""
    case = _case(reported)
    whole, cut = read("chat", case), read("chat", case, (c for c in cuts if c < len(case.body)))
    assert (whole.text, whole.reasoning, whole.outcome) == (cut.text, cut.reasoning, cut.outcome)
