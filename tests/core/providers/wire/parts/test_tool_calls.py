"""Tool calls out of deltas."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.providers.wire.parts.tool_calls import MOST_ARGUMENTS, ToolCalls, TooManyCalls
from tests.core.providers.wire.reading import pieces

ARGUMENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=6) | st.lists(st.integers()))
CALL = st.tuples(st.sampled_from(["f", "g", "weather"]), ARGUMENTS)


@given(
    st.lists(CALL, max_size=4),
    st.sets(st.integers(1, 40)),
    st.sampled_from(["right", "zero", "one", "none", "sparse"]),
    st.booleans(),
)
def test_calls_run_into_each_other(
    calls: list[tuple[str, dict[str, object]]], cuts: set[int], indexes: str, repeat: bool
) -> None:
    """Calls with ids come out as they went in, however they are numbered and cut."""
    found = ToolCalls()
    for number, (name, arguments) in enumerate(calls):
        index = {"right": number, "zero": 0, "one": number + 1, "sparse": number * 7}.get(indexes)
        found.add(index=index, id=f"id{number}", name=name, arguments="")
        for piece in pieces(json.dumps(arguments).encode(), cuts):
            again = f"id{number}" if repeat else None
            found.add(index=index, id=again, arguments=piece.decode())
    written = [(call.id, call.name, json.loads(call.arguments)) for call in found.written()]
    assert [(f"id{number}", *call) for number, call in enumerate(calls)] == written


def test_two_calls_share_an_id() -> None:
    """Results are matched by id: each call has one of its own."""
    calls = ToolCalls()
    for index, name in enumerate("fgh"):
        calls.add(index=index, id="same", name=name, arguments="{}")
    ids = [call.id for call in calls.written()]
    assert ("same", 3) == (ids[0], len(set(ids)))


def test_arguments_never_end() -> None:
    """Arguments that nobody could use are given up at the bound."""
    calls = ToolCalls()
    piece = "x" * 2**20
    for _ in range(MOST_ARGUMENTS // len(piece)):
        calls.add(index=0, name="f", arguments=piece)
    with pytest.raises(TooManyCalls, match=str(MOST_ARGUMENTS)):
        calls.add(index=0, arguments=piece)
